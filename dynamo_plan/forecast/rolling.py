"""Rolling origin: the forecasts that would have been made in the past, each from what was known then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.methods import Method, least_windows
from dynamo_plan.forecast.shares import divided, usual_shares
from dynamo_plan.schema.history import History

Progress = Callable[[str, float], None]
"""Told what is done and which part of it is behind [1]."""


@dataclass(frozen=True, slots=True)
class Rolled:
    """Forecasts from several origins beside what came.

    Attributes
    ----------
    origins : array of int, shape (origin,)
        First window of each forecast, ascending.
    forecast_rps : array, shape (origin, lead, bucket)
        [1/s].
    actual_rps : array, shape (origin, lead, bucket)
        [1/s]; NaN after the history's end.
    """

    origins: NDArray[np.int64]
    forecast_rps: NDArray[np.float64]
    actual_rps: NDArray[np.float64]

    def before(self, window: int) -> Rolled:
        """What of this was known when a window began: earlier origins, later actual rates unknown."""
        earlier = self.origins < window
        origins, actual = self.origins[earlier], self.actual_rps[earlier].copy()
        actual[origins[:, None] + np.arange(actual.shape[1]) >= window] = np.nan
        return Rolled(origins, self.forecast_rps[earlier], actual)

    def starting(self, window: int) -> Rolled:
        """The forecasts from this window's on."""
        later = self.origins >= window
        return Rolled(self.origins[later], self.forecast_rps[later], self.actual_rps[later])


def expected(history: History, method: Method, horizon: int) -> NDArray[np.float64]:
    """Mean rates of the coming windows by bucket (window, bucket) [1/s]; they add up to the method's total."""
    return divided(np.maximum(method.forecast(history, horizon), 0.0), usual_shares(history, horizon))


def stride(history: History, horizon: int) -> int:
    """Windows between origins: forecasts follow each other, one a day at least."""
    return min(horizon, history.day)


def origins_from(history: History, first: int, horizon: int) -> NDArray[np.int64]:
    """Origins at which the next forecast would have been due, at least one of its windows known; aligned with the history's end."""
    step = stride(history, horizon)
    return np.arange(len(history) - step, first - 1, -step)[::-1]


def roll(
    history: History,
    method: Method,
    horizon: int,
    origins: NDArray[np.int64],
    on_progress: Progress = lambda what, done: None,
) -> Rolled:
    """Forecast from each origin that the method has enough history for."""
    origins = origins[origins >= least_windows(method, history)]
    buckets = len(history.buckets)
    forecast = np.zeros((origins.size, horizon, buckets))
    known = np.concatenate([history.bucket_rate_rps, np.full((horizon, buckets), np.nan)])
    for number, origin in enumerate(origins.tolist()):
        on_progress(method.NAME, number / origins.size)
        forecast[number] = expected(history.until(origin), method, horizon)
    actual = known[origins[:, None] + np.arange(horizon)]
    return Rolled(origins, forecast, actual)
