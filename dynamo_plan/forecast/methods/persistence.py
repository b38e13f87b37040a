"""The rate of the last window goes on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.history import History

NAME = "persistence"
DESCRIPTION = "the rate of the last window goes on"
LEAST_DAYS = 0.0
SIMPLER: str | None = None
EXTRA: str | None = None


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's mean rate [1/s]."""
    return np.full(horizon, history.total_rps[-1])
