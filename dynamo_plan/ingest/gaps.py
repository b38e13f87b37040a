"""Rates for windows of which nothing is known: what `--fill-gaps` puts there, the same for a log and for a table of load."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.units import HOURS_PER_DAY, SECONDS_PER_HOUR

DAY_S = round(HOURS_PER_DAY * SECONDS_PER_HOUR)
WEEK_S = 7 * DAY_S


def filled_rates(rate: NDArray[np.float64], known: NDArray[np.bool_], window_s: int) -> NDArray[np.float64]:
    """Rates with the others filled in: the mean of the same time in other weeks, else on other days, else a straight line.

    Parameters
    ----------
    rate : array, shape (window, part)
        [1/s]; what stands in windows that are not known does not matter.
    known : array of bool, shape (window,)
        At least one is.

    Returns
    -------
    array, shape (window, part)
        [1/s]
    """
    at, there = np.arange(known.size), np.flatnonzero(known)
    filled: NDArray[np.float64] = rate.copy()
    for window in np.flatnonzero(~known).tolist():
        filled[window] = _like(rate, known, window, window_s)
    left = np.isnan(filled).any(axis=1) & ~known
    for part in range(rate.shape[1]):
        filled[left, part] = np.interp(at[left], there, rate[there, part])
    return filled


def _like(rate: NDArray[np.float64], known: NDArray[np.bool_], window: int, window_s: int) -> NDArray[np.float64]:
    """Mean over the windows at the same time of the week, else of the day; NaN where none of them is known."""
    for period_s in (WEEK_S, DAY_S):
        step, rest = divmod(period_s, window_s)
        like = np.arange(window % step, known.size, step) if not rest else np.empty(0, dtype=np.int64)
        like = like[known[like]]
        if like.size:
            mean: NDArray[np.float64] = rate[like].mean(axis=0)
            return mean
    return np.full(rate.shape[1], np.nan)
