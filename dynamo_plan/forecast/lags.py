"""What the past says at a moment: levels of the last hours, and the usual rate at a time of day, per part and on a power scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.history import DAYS_PER_WEEK, History
from dynamo_plan.units import SECONDS_PER_HOUR

NEAR_S = SECONDS_PER_HOUR / 2.0
"""How near to the same time of day counts as the same time [s]."""

Index = NDArray[np.int64]
Values = NDArray[np.float64]


class Lags:
    """Past rates to a power, summed up once, so that every mean over a stretch of windows is one subtraction.

    Everything is asked for at samples: pairs of an origin (the first window that is not known) and a target window, shape (sample,).
    Answers have shape (part, sample).

    Parameters
    ----------
    power : float
        Means are taken of rates to this power [1].
    """

    def __init__(self, history: History, power: float) -> None:
        self.power = power
        self._window_s = history.windows.window_s
        self.day = history.day
        self.hour = max(round(SECONDS_PER_HOUR / history.windows.window_s), 1)
        self.near = self.within(NEAR_S)
        self.scaled: Values = history.rate_rps.T**power
        zero = np.zeros((self.scaled.shape[0], 1))
        self._sums = np.concatenate([zero, np.cumsum(self.scaled, axis=1)], axis=1)

    def within(self, seconds: float) -> int:
        """Windows on either side that are not farther away; none where windows are longer."""
        return int(seconds // self._window_s)

    def rates(self, scaled: Values) -> Values:
        """Back from the power scale, and summed over the parts: (part, sample) -> (sample,) [1/s]."""
        rates: Values = (np.maximum(scaled, 0.0) ** (1.0 / self.power)).sum(axis=0)
        return rates

    def level(self, origin: Index, windows: int) -> Values:
        """Mean over the last windows before the origin, fewer where there are not so many."""
        first = np.maximum(origin - windows, 0)
        return self._mean(first, origin)

    def before(self, origin: Index, back: int) -> Values:
        """The window so many before the origin; 1 is the last one known."""
        return self.scaled[:, np.maximum(origin - back, 0)]

    def around(self, origin: Index, target: Index, days: int, near: int) -> Values:
        """Mean over what is known within `near` windows of the target's time, so many days earlier."""
        centre = target - days * self.day
        first = np.clip(centre - near, 0, origin - 1)
        return self._mean(first, np.clip(centre + near + 1, first + 1, origin))

    def profile(self, origin: Index, target: Index, near: int) -> Values:
        """Mean of `around` over the last seven days, as far as they are known."""
        total = np.zeros((self.scaled.shape[0], origin.size))
        count = np.zeros(origin.size)
        for days in range(1, DAYS_PER_WEEK + 1):
            known = target - days * self.day >= 0
            total[:, known] += self.around(origin[known], target[known], days, near)
            count += known
        return total / np.maximum(count, 1.0)

    def _mean(self, first: Index, end: Index) -> Values:
        mean: Values = (self._sums[:, end] - self._sums[:, first]) / (end - first)
        return mean
