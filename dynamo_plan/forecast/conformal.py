r"""Quantiles from the errors of the past: conformal prediction over rolling origins.

An error is counted relative to what was forecast,

.. math:: s = \frac{\lambda - \hat\lambda}{\hat\lambda + c}, \qquad
          \hat\lambda^q = \max\{0,\ \hat\lambda + s_{(k)} (\hat\lambda + c)\}, \qquad
          k = \Big\lceil n\, q\, \frac{m+1}{m} \Big\rceil

with :math:`s_{(k)}` the k-th smallest of the :math:`n` errors of the same bucket and block of leads, :math:`m` the number of forecasts
they come from, and :math:`c` a twentieth of the bucket's mean rate, so that a forecast of nearly nothing does not blow an error up. The
errors of one forecast go together - a day that comes out high is high all day - so the finite sample that is corrected for is
that of forecasts, not of windows; with one error each it is the usual :math:`\lceil (n+1) q \rceil`. Where even the largest error is
not far enough out, it is taken: below 19 past forecasts for P95. If forecasts can be exchanged, the chance of staying below is then
at least :math:`q`. Loads change their habits, so this is a good aim and no guarantee; `forecast backtest` measures the coverage.

Sources: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005); Dunn, Wasserman and Ramdas, Distribution-free
prediction sets for two-layer hierarchical models (2022), for errors in groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.forecast.rolling import Rolled
from dynamo_plan.units import SECONDS_PER_HOUR

ROUNDING = 1e-9
"""19 errors of 19 forecasts at 0.95 are 19.000000000000004 in floating point, and not 20."""

FLOOR = 0.05
"""Part of a bucket's mean rate that is added to a forecast before an error is divided by it [1]."""

BLOCK_HOURS = (1.0, 6.0, 24.0)
"""Leads up to which errors are pooled [h]: near leads err less than far ones, and each block needs errors enough."""


def quantile_rates(
    forecast_rps: NDArray[np.float64], past: Rolled, window_s: int, levels: Sequence[float]
) -> dict[float, NDArray[np.float64]]:
    """Rates that are not exceeded with each probability, by probability.

    Parameters
    ----------
    forecast_rps : array, shape (lead, bucket)
        Mean rates [1/s].
    past : Rolled
        Forecasts of the same method whose outcome is known, at least one.
    levels : sequence of float
        Ascending [1].

    Returns
    -------
    dict of float to array, shape (lead, bucket)
        [1/s].
    """
    floor = FLOOR * _mean_rates(past)
    errors = (past.actual_rps - past.forecast_rps) / _divisor(past.forecast_rps, floor)
    found = {level: np.zeros_like(forecast_rps) for level in levels}
    for leads in _blocks(forecast_rps.shape[0], window_s):
        for bucket in range(forecast_rps.shape[1]):
            block = errors[:, leads, bucket]
            if not np.isfinite(block).any():  # leads that no past forecast reached before the history's end
                block = errors[:, :, bucket]
            known = np.isfinite(block)
            ordered, forecasts = np.sort(block[known]), int(known.any(axis=1).sum())
            mean = forecast_rps[leads, bucket]
            for level in levels:
                score = ordered[rank(ordered.size, forecasts, level) - 1]
                found[level][leads, bucket] = np.maximum(mean + score * (mean + floor[bucket]), 0.0)
    return found


def rank(errors: int, forecasts: int, level: float) -> int:
    """Which of the ordered errors bounds a coming one with this probability, counted from 1; the last where none is far enough out."""
    return min(max(math.ceil(errors * level * (forecasts + 1) / forecasts - ROUNDING), 1), errors)


def forecasts_needed(level: float) -> int:
    """Past forecasts below which even the largest error does not bound a coming one with this probability."""
    return math.ceil(level / (1.0 - level) - ROUNDING)


def _mean_rates(past: Rolled) -> NDArray[np.float64]:
    """Mean rate of each bucket over what is known (bucket,) [1/s]."""
    known = np.isfinite(past.actual_rps)
    count = np.maximum(known.sum(axis=(0, 1)), 1)
    mean: NDArray[np.float64] = np.where(known, past.actual_rps, 0.0).sum(axis=(0, 1)) / count
    return mean


def _divisor(forecast_rps: NDArray[np.float64], floor: NDArray[np.float64]) -> NDArray[np.float64]:
    """What errors are divided by; 1 in a bucket that never had any load nor was expected to."""
    divisor = forecast_rps + floor
    return np.where(divisor > 0, divisor, 1.0)


def _blocks(horizon: int, window_s: int) -> list[slice]:
    """Leads whose errors are pooled."""
    inner = {round(hours * SECONDS_PER_HOUR / window_s) for hours in BLOCK_HOURS}
    edges = [0, *sorted(edge for edge in inner if 0 < edge < horizon), horizon]
    return [slice(first, end) for first, end in pairwise(edges)]
