r"""The shape of the last day of the same name at the level of yesterday.

.. math:: \hat\lambda_{o+h} = \lambda_{w(o+h)} \cdot
          \sum_{i=o-D}^{o-1} \lambda_i \Big/ \sum_{i=o-D}^{o-1} \lambda_{w(i)}

with :math:`o` the first coming window, :math:`D` the windows of a day and :math:`w(i)` the last window before that has the time of day
and the day of the week of :math:`i`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.methods import weekly_naive
from dynamo_plan.forecast.seasons import same_day_type
from dynamo_plan.schema.history import History

NAME = "weekly-scaled"
DESCRIPTION = "the last day of the same name, scaled by how yesterday compares with its own"
LEAST_DAYS = 8.0
SIMPLER: str | None = "daily-naive"
EXTRA: str | None = None


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's mean rate [1/s]."""
    total, known = history.total_rps, len(history)
    yesterday = np.arange(known - history.day, known)
    like = same_day_type(history, yesterday, 1)[:, 0]
    paired = like >= 0
    before = float(total[like[paired]].sum())
    level = float(total[yesterday[paired]].sum()) / before if before > 0 else 1.0
    return level * weekly_naive.forecast(history, horizon)
