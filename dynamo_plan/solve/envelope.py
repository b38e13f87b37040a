"""The least power at which one instance of a kind carries a load, over all its clocks; and the convex hull of that.

Power against load is piecewise linear at every clock (`profile.curve`), so the least over clocks is too, with jumps
up where a clock's capacity ends. It is built exactly: breakpoints, crossings, jumps. The hull is a bound, never a
cost: an instance cannot be half at one clock and half at another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.curve import OperatingCurve

CROSSING_ROUNDS = 8
"""Each round adds the crossings of the cheapest clocks at both ends of every piece; a dozen clocks need two or three."""

CAPACITY_TOLERANCE = 1e-9
"""Relative; a load of a full fleet divided by its size may exceed the capacity in the last digit."""


SNAP = 1e-12
"""Relative; a load this close above the end of a clock is still carried at that clock: shares of a load round in the last digits."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Least power of one instance against its load.

    Attributes
    ----------
    rate_rps, power_w : array, shape (knot,)
        Strictly increasing loads from 0 to the capacity [1/s] and the least power there [W]; a jump is two neighbouring floats.
    hull_rate_rps, hull_power_w : array, shape (vertex,)
        Lower convex hull of the same.
    """

    rate_rps: NDArray[np.float64]
    power_w: NDArray[np.float64]
    hull_rate_rps: NDArray[np.float64]
    hull_power_w: NDArray[np.float64]

    @property
    def capacity_rps(self) -> float:
        """Highest load of one instance [1/s]."""
        return float(self.rate_rps[-1])

    def power_at(self, rate_rps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Least power [W] at these loads [1/s]; infinite below 0 or above the capacity (within `CAPACITY_TOLERANCE`)."""
        slack = self.capacity_rps * CAPACITY_TOLERANCE
        power = np.interp(rate_rps * (1.0 - SNAP), self.rate_rps, self.power_w)
        return np.where((rate_rps < -slack) | (rate_rps > self.capacity_rps + slack), np.inf, power)


def envelope(curves: tuple[OperatingCurve, ...]) -> Envelope:
    """Envelope over the clocks of one kind and mix; at least one curve."""
    knots = np.unique(np.concatenate([curve.rate_rps for curve in curves]))
    ends = np.array(sorted({curve.capacity_rps for curve in curves}))[:-1]
    knots = np.union1d(knots, np.nextafter(ends, np.inf))
    for _ in range(CROSSING_ROUNDS):
        table = np.array([curve.power_at(knots) for curve in curves])
        new = _crossings(knots, table)
        if new.size == 0:
            break
        knots = np.union1d(knots, new)
    power = np.array([curve.power_at(knots) for curve in curves]).min(axis=0)
    # The point just behind a jump lies above the point just before it, and so close that slopes between them are noise.
    apart = np.flatnonzero(np.append(True, np.diff(knots) > SNAP * knots[-1]))
    hull = apart[lower_hull(knots[apart], power[apart])]
    return Envelope(knots, power, knots[hull], power[hull])


def _crossings(knots: NDArray[np.float64], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner crossings of the clocks that are cheapest at the two ends of each piece; table (clock, knot)."""
    best = table.argmin(axis=0)
    piece = np.flatnonzero(best[:-1] != best[1:])
    low, high = best[piece], best[piece + 1]
    gap_left = table[high, piece] - table[low, piece]
    gap_right = table[low, piece + 1] - table[high, piece + 1]
    inner = np.isfinite(gap_left) & np.isfinite(gap_right) & (gap_left > 0) & (gap_right > 0)
    piece, gap_left, gap_right = piece[inner], gap_left[inner], gap_right[inner]
    found = knots[piece] + (knots[piece + 1] - knots[piece]) * gap_left / (gap_left + gap_right)
    return found[(found > knots[piece]) & (found < knots[piece + 1])]


def lower_hull(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the lower convex hull of points sorted by x (Andrew's monotone chain)."""
    kept: list[int] = []
    for index in range(x.size):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (y[b] - y[a]) * (x[index] - x[a]) < (y[index] - y[a]) * (x[b] - x[a]):
                break
            kept.pop()
        kept.append(index)
    return np.array(kept, dtype=np.int64)
