"""The rate at the same time of the last day of the same name; holidays are Sundays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.seasons import coming, last_day, mean_over, same_day_type
from dynamo_plan.schema.history import History

NAME = "weekly-naive"
DESCRIPTION = "the same time on the last day of the same name"
LEAST_DAYS = 7.0
SIMPLER: str | None = "daily-naive"
EXTRA: str | None = None


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's mean rate [1/s]."""
    like = same_day_type(history, coming(history, horizon), 1)
    return mean_over(history.total_rps, like, last_day(history, horizon))
