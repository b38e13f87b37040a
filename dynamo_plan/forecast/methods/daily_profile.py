r"""The usual day of each part, as a mean of square roots.

.. math:: \hat\lambda_{o+h} = \sum_{p} \Big( \tfrac{1}{n} \sum_{i \in P(o+h)} \sqrt{\lambda_{p,i}} \Big)^2

:math:`P` holds the :math:`n` windows within half an hour of the same time on each of the last seven days; parts :math:`p` are clients
and buckets. The square root makes the scatter of counts alike at all levels (Bartlett 1936), and keeps a client's single burst from
being expected every day.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.lags import Lags
from dynamo_plan.schema.history import History

NAME = "daily-profile"
DESCRIPTION = "the usual day of each client and bucket over the last week, a mean of square roots"
LEAST_DAYS = 1.0
SIMPLER: str | None = "persistence"
EXTRA: str | None = None

POWER = 0.5


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's mean rate [1/s]."""
    lags = Lags(history, POWER)
    origin = np.full(horizon, len(history))
    return lags.rates(lags.profile(origin, origin + np.arange(horizon) % history.day, lags.near))
