"""How a forecast of the whole service falls on its buckets, so that the parts add up to the whole exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.lags import Lags
from dynamo_plan.schema.history import History
from dynamo_plan.schema.load import Forecast, bucket_shares
from dynamo_plan.units import SECONDS_PER_HOUR

STEPS_PER_RPS = 1e6
"""Rates are whole millionths of a request per second, so that they add up to the digit; one step is a request in eleven days."""


def usual_shares(history: History, horizon: int) -> NDArray[np.float64]:
    """Shares of the buckets within an hour of the same time of day over the last week (window, bucket) [1].

    A bucket that was never seen has 0; where nothing at all came at that time, the shares of the whole history hold.
    """
    count = len(history.buckets)
    by_bucket = History(
        history.path, history.service, history.windows, history.buckets, np.arange(count), history.bucket_rate_rps
    )
    lags = Lags(by_bucket, 1.0)
    if len(history) < history.day:
        rates = np.repeat(lags.level(np.array([len(history)]), len(history)), horizon, axis=1)
    else:
        origin = np.full(horizon, len(history))
        rates = lags.profile(origin, origin + np.arange(horizon) % history.day, lags.within(SECONDS_PER_HOUR))
    return bucket_shares(np.maximum(rates.T, 0.0))


def by_usual_shares(forecast: Forecast, history: History) -> Forecast:
    """A forecast of the whole service, divided by the history's usual shares at each time of day; quantiles are divided alike."""
    index = (forecast.windows.start - history.windows.start[0]).astype(np.int64) // history.windows.window_s
    shares = usual_shares(history, history.day)[(index - len(history)) % history.day]
    # Rounded one by one: what is left over may not lift a lower quantile above a higher one.
    quantiles = {level: rounded(rates * shares) for level, rates in forecast.quantile_rate_rps.items()}
    mean = divided(forecast.rate_rps[:, 0], shares)
    return Forecast(forecast.path, forecast.windows, history.buckets, mean, quantiles)


def rounded(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rates in whole millionths [1/s]."""
    whole: NDArray[np.float64] = np.rint(rates * STEPS_PER_RPS) / STEPS_PER_RPS
    return whole


def divided(total: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The total (window,) by these shares (window, bucket), in steps of a millionth that add up to the rounded total.

    What rounding leaves over goes to the buckets with the largest remainders.
    """
    steps = np.rint(total * STEPS_PER_RPS)
    exact = steps[:, None] * shares
    whole = np.floor(exact)
    left = np.rint(steps - whole.sum(axis=1)).astype(np.int64)
    rank = np.argsort(np.argsort(-(exact - whole), axis=1, kind="stable"), axis=1)
    rates: NDArray[np.float64] = (whole + (rank < left[:, None])) / STEPS_PER_RPS
    return rates
