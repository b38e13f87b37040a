"""The plain mean of three forecasts that look at different things: the lags, the usual day, the usual week.

Equal weights need no fitting, and are hard to beat by fitted ones on histories this short (Bates and Granger 1969; Claeskens et al. 2016,
"The forecast combination puzzle").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.methods import daily_profile, regression, weekly_scaled
from dynamo_plan.schema.history import History

NAME = "blend"
DESCRIPTION = f"mean of {regression.NAME}, {daily_profile.NAME} and {weekly_scaled.NAME}"
LEAST_DAYS = weekly_scaled.LEAST_DAYS
SIMPLER: str | None = regression.NAME
EXTRA: str | None = None


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's mean rate [1/s]."""
    views = [method.forecast(history, horizon) for method in (regression, daily_profile, weekly_scaled)]
    mean: NDArray[np.float64] = np.mean(views, axis=0)
    return mean
