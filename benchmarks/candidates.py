"""Forecasts that were better on the first ten days of ServeGen and were not taken: why stands in docs/reference/forecasting.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.lags import Lags
from dynamo_plan.forecast.methods import daily_profile, regression
from dynamo_plan.schema.history import DAYS_PER_WEEK, History
from dynamo_plan.units import SECONDS_PER_HOUR

type Rates = NDArray[np.float64]


@dataclass(slots=True)  # not frozen: the protocol of methods is of modules, whose names can be set
class Candidate:
    """A method as `forecast.methods.Method` has it, that is none of the product's."""

    NAME: str
    DESCRIPTION: str
    forecast: Callable[[History, int], Rates]
    LEAST_DAYS: float = regression.LEAST_DAYS
    SIMPLER: str | None = regression.SIMPLER
    EXTRA: str | None = None


def _with_last_hour(history: History, horizon: int) -> Rates:
    parts = [method.forecast(history, horizon) for method in (regression, daily_profile)]
    return _mean([*parts, _last_hour(history, horizon)])


def _with_median(history: History, horizon: int) -> Rates:
    profiles = [_profile(history, horizon, power, smooth=True) for power in (0.5, 0.75)]
    return _mean([*profiles, _median_day(history, horizon), _last_hour(history, horizon)])


def _sharp(history: History, horizon: int) -> Rates:
    return _profile(history, horizon, daily_profile.POWER, smooth=False)


CANDIDATES = (
    Candidate("with the last hour", "mean of regression, daily-profile and the last hour's rate", _with_last_hour),
    Candidate(
        "with the median", "mean of two daily profiles, the median day of the total, the last hour", _with_median
    ),
    Candidate("sharp profile", "daily-profile without its half-hour of smoothing", _sharp),
)


def _mean(parts: list[Rates]) -> Rates:
    mean: Rates = np.mean(parts, axis=0)
    return mean


def _last_hour(history: History, horizon: int) -> Rates:
    windows = max(round(SECONDS_PER_HOUR / history.windows.window_s), 1)
    return np.full(horizon, history.total_rps[-windows:].mean())


def _median_day(history: History, horizon: int) -> Rates:
    days = min(DAYS_PER_WEEK, len(history) // history.day)
    past = history.total_rps[-days * history.day :].reshape(days, history.day)
    return np.resize(np.median(past, axis=0), horizon)


def _profile(history: History, horizon: int, power: float, *, smooth: bool) -> Rates:
    lags = Lags(history, power)
    origin = np.full(horizon, len(history))
    return lags.rates(lags.profile(origin, origin + np.arange(horizon) % history.day, lags.near if smooth else 0))
