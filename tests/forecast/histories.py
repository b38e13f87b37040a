"""Small invented histories."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from dynamo_plan.schema.history import History
from dynamo_plan.schema.load import Windows

MONDAY = np.datetime64("2024-05-13T00:00:00", "s")
SIX_HOURS_S = 21600
HOUR_S = 3600


def history_of(
    rates: ArrayLike,
    window_s: int = SIX_HOURS_S,
    *,
    buckets: tuple[str, ...] | None = None,
    bucket_of: Iterable[int] | None = None,
    holidays: Iterable[str] = (),
) -> History:
    """A history from Monday on; rates are (window,) of one bucket, or (window, part)."""
    array = np.asarray(rates, dtype=np.float64)
    parts = array if array.ndim == 2 else array[:, None]
    names = buckets or tuple(f"B{number}" for number in range(parts.shape[1]))
    return History(
        path="history.csv",
        service="chat",
        windows=Windows(MONDAY + (np.arange(len(parts)) * window_s).astype("timedelta64[s]"), window_s),
        buckets=names,
        bucket_of=np.array(list(range(parts.shape[1]) if bucket_of is None else bucket_of), dtype=np.int64),
        rate_rps=parts,
        holidays=frozenset(np.datetime64(day, "D") for day in holidays),
    )


def noisy(days: int, seed: int = 0, parts: int = 2, window_s: int = HOUR_S) -> History:
    """A daily wave with weekends at half and some noise."""
    per_day = 86400 // window_s
    count = days * per_day
    rng = np.random.default_rng(seed)
    hour = np.arange(count) % per_day / per_day * 2 * np.pi
    level = np.where(np.arange(count) // per_day % 7 >= 5, 0.5, 1.0) * (2.0 + np.sin(hour))
    return history_of(level[:, None] * np.arange(1, parts + 1) * rng.lognormal(0.0, 0.1, (count, parts)), window_s)
