"""Mean of the same slot of the week over past weeks: the historical template of DynamoLLM's cluster manager, without its peak.

Source: DynamoLLM (HPCA 2025), section IV; the paper gives no formula, and the number of weeks is ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.seasons import coming, last_day, mean_over, same_day_type
from dynamo_plan.schema.history import History

NAME = "weekly-template"
DESCRIPTION = "mean of the same slot of the week over the last four weeks"
LEAST_DAYS = 7.0
SIMPLER: str | None = "daily-naive"
EXTRA: str | None = None

WEEKS = 4
"""Weeks averaged: a month, so that a change of habits is forgotten within one."""


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's mean rate [1/s]."""
    like = same_day_type(history, coming(history, horizon), WEEKS)
    return mean_over(history.total_rps, like, last_day(history, horizon))
