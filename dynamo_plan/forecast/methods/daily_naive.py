"""The rate at the same time of the last day, known in the field as the seasonal naive forecast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.seasons import last_day
from dynamo_plan.schema.history import History

NAME = "daily-naive"
DESCRIPTION = "the same time yesterday"
LEAST_DAYS = 1.0
SIMPLER: str | None = "persistence"
EXTRA: str | None = None


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's mean rate [1/s]."""
    return history.total_rps[last_day(history, horizon)]
