r"""Ridge regression of the coming rate on lags: recent levels, and what the time of day usually brings.

Rates are taken to the power 3/4, part by part (client and bucket), with one set of coefficients for all parts; the parts' forecasts are
added up. For a lead :math:`h` from the origin :math:`o`, with :math:`z` the rate on that scale and :math:`b` its mean over as long a
past as the lead is long,

.. math:: \hat z_{o+h} = b + \sum_j \beta_j^{B(h)} x_j, \qquad
          \beta^B = \arg\min \sum (z_{o+h} - b - \beta \cdot x)^2 + \alpha \sum_j \beta_j^2 \lVert x_j \rVert^2

over all origins of the past. The :math:`x_j` are differences, so that shrinking them leads to :math:`b`: the last two changes, the
levels of the last window, hour, six hours, day and week against :math:`b`, yesterday's change and the usual change from the last window's
time of day to the target's, the usual rate there against :math:`b`, and how far the last window lay from the usual. Blocks
:math:`B` of leads: the next window, up to an hour, six hours, a day, and beyond. A block whose leads no origin of the past could reach
yet takes yesterday's rates.

The penalty :math:`\alpha` of a block is learnt too: the one whose coefficients, learnt at the first two thirds of the origins, err least
at the last third. The power was chosen by rolling origin on the first ten days of ServeGen m-large; between 0.7 and 0.9 the daily WAPE
changes by less than 0.01.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.lags import Index, Lags, Values
from dynamo_plan.schema.history import DAYS_PER_WEEK, History

NAME = "regression"
DESCRIPTION = "ridge regression on recent levels and the usual day, part by part"
LEAST_DAYS = 1.5
SIMPLER: str | None = "daily-profile"
EXTRA: str | None = None

POWER = 0.75
"""Between the square root, which makes the scatter of counts alike at all levels, and the mean, which one burst can move."""

PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""To choose from, relative to each column's own sum of squares [1]."""

LEARNT = 2 / 3
"""Part of the origins that coefficients are learnt at while the penalty is chosen by the others [1]."""

LEADS_PER_BLOCK = 12
ORIGINS = 150
"""Leads of a block, and origins, that are learnt from at most; neighbours tell the same."""

SMALLEST = 1e-12
"""Sum of squares of a column without any variation, which must not be divided by."""


def forecast(history: History, horizon: int) -> NDArray[np.float64]:
    """Forecast the service's mean rate [1/s]."""
    lags = Lags(history, POWER)
    known = len(history)
    rates = np.zeros(horizon)
    for first, end in pairwise(_edges(lags, horizon)):
        lead = np.arange(first, end)
        origin = np.full(lead.size, known)
        origins = np.arange(lags.day + 1, known - end + 1)
        if origins.size:
            base, columns = _columns(lags, origin, lead, end)
            scaled = base + columns @ _coefficients(lags, origins, first, end)
        else:
            scaled = lags.around(origin, known + lead % lags.day, 1, 0)
        rates[first:end] = lags.rates(scaled)
    return rates


def _edges(lags: Lags, horizon: int) -> list[int]:
    """Where the blocks of leads begin and end [windows]."""
    inner = {1, lags.hour, 6 * lags.hour, lags.day}
    return [0, *sorted(edge for edge in inner if edge < horizon), horizon]


def _coefficients(lags: Lags, origins: Index, first: int, end: int) -> Values:
    """Coefficients of one block of leads, learnt at these origins, (column,)."""
    origins = origins[_spread(origins.size, ORIGINS)]
    leads = np.arange(first, end)[_spread(end - first, LEADS_PER_BLOCK)]
    origin, lead = np.repeat(origins, leads.size), np.tile(leads, origins.size)
    base, columns = _columns(lags, origin, lead, end)
    wanted = lags.scaled[:, origin + lead] - base
    earlier = origin < origins[int(origins.size * LEARNT)]
    learnt = _normal(columns[:, earlier], wanted[:, earlier])
    rest = _normal(columns[:, ~earlier], wanted[:, ~earlier])
    errors = [_error(rest, _ridge(learnt, penalty)) for penalty in PENALTIES]
    best = PENALTIES[int(np.argmin(errors))] if earlier.any() else PENALTIES[-1]
    return _ridge((learnt[0] + rest[0], learnt[1] + rest[1]), best)


Normal = tuple[Values, Values]
"""Normal equations: products of the columns with each other (column, column), and with what is wanted (column,)."""


def _normal(columns: Values, wanted: Values) -> Normal:
    flat = columns.reshape(-1, columns.shape[-1])
    return flat.T @ flat, flat.T @ wanted.ravel()


def _ridge(normal: Normal, penalty: float) -> Values:
    """Coefficients of least squares with a penalty (column,)."""
    products, right = normal
    scale = np.sqrt(np.diag(products)) + SMALLEST
    penalised = products / scale / scale[:, None] + penalty * np.eye(scale.size)
    solved: Values = np.linalg.solve(penalised, right / scale) / scale
    return solved


def _error(normal: Normal, coefficients: Values) -> float:
    """Sum of squared errors, less the part that is the same for all coefficients."""
    products, right = normal
    return float(coefficients @ products @ coefficients - 2.0 * coefficients @ right)


def _spread(size: int, most: int) -> Index:
    """At most so many indices, evenly spread, the last one included."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(np.int64))


def _columns(lags: Lags, origin: Index, lead: Index, end: int) -> tuple[Values, Values]:
    """What the forecast starts from (part, sample), and the columns of the regression (part, sample, column)."""
    target, last = origin + lead % lags.day, origin - 1
    near = lags.near
    base = lags.level(origin, min(end, lags.day))
    usual_last = lags.profile(origin, last, near)
    usual = lags.profile(origin, target, near)
    yesterday = [lags.around(origin, target, 1, width) - lags.around(origin, last, 1, width) for width in (0, near)]
    levels = [
        lags.level(origin, windows) - base
        for windows in (1, lags.hour, 6 * lags.hour, lags.day, DAYS_PER_WEEK * lags.day)
    ]
    changes = [lags.before(origin, back) - lags.before(origin, back + 1) for back in (1, 2)]
    columns = [*changes, *levels, *yesterday, usual - usual_last, usual - base, lags.before(origin, 1) - usual_last]
    return base, np.stack(columns, axis=-1)
