"""MSTL: a daily and a weekly season taken out by local regression, the rest smoothed exponentially, on the square root of the rate.

The library is statsmodels (`MSTL`, `ExponentialSmoothing`), in the extra `forecast`. The last day and the last week of the seasons go on.
Source: Bandara, Hyndman and Bergmeir, MSTL (2021).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.extras import extra
from dynamo_plan.forecast.smoothing import smoothed
from dynamo_plan.schema.history import DAYS_PER_WEEK, History

NAME = "mstl"
DESCRIPTION = "daily and weekly season by local regression, the rest smoothed exponentially (statsmodels)"
LEAST_DAYS = 2.0 * DAYS_PER_WEEK + 1.0
SIMPLER: str | None = "holt-winters"
EXTRA: str | None = "forecast"


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's mean rate [1/s]."""
    periods = (history.day, DAYS_PER_WEEK * history.day)
    root = np.sqrt(history.total_rps)
    with extra("forecast"):
        from statsmodels.tsa.seasonal import MSTL  # type: ignore[import-untyped]

        seasons = np.asarray(MSTL(root, periods=periods).fit().seasonal, dtype=np.float64)
        coming = smoothed(root - seasons.sum(axis=1), horizon)
    for season, period in zip(seasons.T, periods, strict=True):
        coming = coming + season[root.size - period + np.arange(horizon) % period]
    return np.maximum(coming, 0.0) ** 2
