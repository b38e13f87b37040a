"""Peak of the weekly template within each epoch of 30 minutes: what DynamoLLM's cluster manager provisions for.

It lies above the mean rate by design, and equals the template where windows are as long as an epoch.
Source: DynamoLLM (HPCA 2025), section IV.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.methods import weekly_template
from dynamo_plan.schema.history import History
from dynamo_plan.units import SECONDS_PER_MINUTE

NAME = "weekly-peak"
DESCRIPTION = "peak of the weekly template in each epoch of 30 minutes, as DynamoLLM provisions"
LEAST_DAYS = weekly_template.LEAST_DAYS
SIMPLER: str | None = "daily-naive"
EXTRA: str | None = None

EPOCH_S = 30 * SECONDS_PER_MINUTE
"""Epoch of DynamoLLM's cluster manager [s]."""


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's peak rate per epoch [1/s]."""
    start = history.next_windows(horizon).start.astype(np.int64)
    _, epoch = np.unique(start // int(EPOCH_S), return_inverse=True)
    template = weekly_template.forecast(history, horizon)
    peak = np.zeros(int(epoch.max()) + 1)
    np.maximum.at(peak, epoch, template)
    return peak[epoch]
