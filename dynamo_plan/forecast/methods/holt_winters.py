"""Holt-Winters: level, damped trend and a daily season, each smoothed exponentially, on the square root of the service's rate.

The library is statsmodels (`ExponentialSmoothing`), in the extra `forecast`. The square root makes the scatter of counts alike at all
levels and keeps the forecast from falling below 0. Source: Holt (1957), Winters (1960); Gardner and McKenzie (1985) for the damping.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.extras import extra
from dynamo_plan.forecast.smoothing import smoothed
from dynamo_plan.schema.history import History

NAME = "holt-winters"
DESCRIPTION = "level, damped trend and daily season, smoothed exponentially (statsmodels)"
LEAST_DAYS = 2.0
SIMPLER: str | None = "daily-naive"
EXTRA: str | None = "forecast"


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's mean rate [1/s]."""
    with extra("forecast"):
        root = smoothed(np.sqrt(history.total_rps), horizon, season=history.day)
    return np.maximum(root, 0.0) ** 2
