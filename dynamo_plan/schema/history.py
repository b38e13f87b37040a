"""The load that has arrived at one service: what forecasts are made from and scored against."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.load import Windows
from dynamo_plan.units import HOURS_PER_DAY, SECONDS_PER_HOUR

DAYS_PER_WEEK = 7
SUNDAY = 6
"""Day type that holidays take; Monday is 0."""

MONDAY_OFFSET = 3
"""1 January 1970 was a Thursday."""


@dataclass(frozen=True, slots=True)
class History:
    """Arrival rates of one service, on windows that divide a day.

    A part is what comes and goes on its own: one client's requests of one bucket, or a whole bucket where clients are not told apart.

    Attributes
    ----------
    path : str
        File it came from, for messages.
    service : str
    windows : Windows
    buckets : tuple of str
    bucket_of : array of int, shape (part,)
        Index into `buckets`.
    rate_rps : array, shape (window, part)
        Mean arrival rate [1/s].
    holidays : frozenset of datetime64[D]
        Days (UTC) that count as Sundays, past and coming.
    """

    path: str
    service: str
    windows: Windows
    buckets: tuple[str, ...]
    bucket_of: NDArray[np.int64]
    rate_rps: NDArray[np.float64]
    holidays: frozenset[np.datetime64] = frozenset()

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def day(self) -> int:
        """Windows per day."""
        return round(HOURS_PER_DAY * SECONDS_PER_HOUR / self.windows.window_s)

    @property
    def days(self) -> float:
        """Length of the history [d]."""
        return len(self) / self.day

    @property
    def total_rps(self) -> NDArray[np.float64]:
        """Rate of the whole service (window,) [1/s]."""
        total: NDArray[np.float64] = self.rate_rps.sum(axis=1)
        return total

    @property
    def bucket_rate_rps(self) -> NDArray[np.float64]:
        """Rate of each bucket (window, bucket) [1/s]."""
        rates = np.zeros((len(self), len(self.buckets)))
        for bucket in range(len(self.buckets)):
            rates[:, bucket] = self.rate_rps[:, self.bucket_of == bucket].sum(axis=1)
        return rates

    def until(self, origin: int) -> History:
        """What was known when window `origin` began."""
        windows = Windows(self.windows.start[:origin], self.windows.window_s)
        return replace(self, windows=windows, rate_rps=self.rate_rps[:origin])

    def next_windows(self, horizon: int) -> Windows:
        """The windows that follow the history."""
        first = self.windows.start[0].astype("datetime64[s]")
        steps = np.arange(len(self), len(self) + horizon) * self.windows.window_s
        return Windows(first + steps.astype("timedelta64[s]"), self.windows.window_s)

    def day_types(self, horizon: int = 0) -> NDArray[np.int64]:
        """Day of the week of each window, `horizon` coming ones included: Monday is 0, holidays are Sundays."""
        start = np.concatenate([self.windows.start, self.next_windows(horizon).start])
        dates = start.astype("datetime64[D]")
        types = (dates.astype(np.int64) + MONDAY_OFFSET) % DAYS_PER_WEEK
        named = np.isin(dates, np.array(sorted(self.holidays), dtype="datetime64[D]"))
        return np.where(named, SUNDAY, types)
