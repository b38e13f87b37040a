"""Where in the past a coming window has its like: the same time of day, on the same day of the week."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.history import History


def last_day(history: History, horizon: int) -> NDArray[np.int64]:
    """For each coming window the last window at its time of day, shape (horizon,)."""
    known = len(history)
    return known - history.day + np.arange(horizon) % history.day


def same_day_type(history: History, windows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Windows before at the same time of day and on the same day of the week, the latest first.

    Parameters
    ----------
    windows : array of int, shape (target,)
        Indices; from ``len(history)`` on they are coming windows, whose like is looked for before the history's end.
    most : int
        How many to look for.

    Returns
    -------
    array of int, shape (target, most)
        -1 where there is none left.
    """
    known, day = len(history), history.day
    types = history.day_types(max(int(windows.max(initial=0)) + 1 - known, 0))
    found = np.full((windows.size, most), -1, dtype=np.int64)
    count = np.zeros(windows.size, dtype=np.int64)
    for back in range(1, int(windows.max(initial=0)) // day + 1):
        earlier = windows - back * day
        like = (earlier >= 0) & (earlier < known) & (count < most)
        like &= types[np.maximum(earlier, 0)] == types[windows]
        found[like, count[like]] = earlier[like]
        count += like
    return found


def coming(history: History, horizon: int) -> NDArray[np.int64]:
    """Indices of the windows that follow, shape (horizon,)."""
    return np.arange(len(history), len(history) + horizon)


def mean_over(rate: NDArray[np.float64], found: NDArray[np.int64], otherwise: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean rate over the windows found for each target (target, most); those without any take `otherwise` (target,)."""
    there = found >= 0
    count = there.sum(axis=1)
    sums = np.where(there, rate[np.maximum(found, 0)], 0.0).sum(axis=1)
    return np.where(count > 0, sums / np.maximum(count, 1), rate[otherwise])
