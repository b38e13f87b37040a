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
from dynamo_plan.solve.kernels.envelope import least_of, lower_hull

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
    edge = np.cumsum([0, *(curve.rate_rps.size for curve in curves)])
    rate = np.concatenate([curve.rate_rps for curve in curves])
    knots, power = least_of(edge, rate, np.concatenate([curve.power_w for curve in curves])).T.copy()
    # The point just behind a jump lies above the point just before it, and so close that slopes between them are noise.
    apart = np.flatnonzero(np.append(True, np.diff(knots) > SNAP * knots[-1]))
    hull = apart[lower_hull(knots[apart], power[apart])]
    return Envelope(knots, power, knots[hull], power[hull])
