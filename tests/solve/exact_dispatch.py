"""The least power of a state by listing, for fleets of a few instances.

Power is piecewise linear in each instance's load and only the sum of loads is given, so an optimum exists with all
instances but one on breakpoints: every such choice is listed. For larger fleets a knapsack over evenly spaced loads
bounds it from above.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.solve.dispatch import Fleet
from dynamo_plan.solve.envelope import Envelope

Floats = NDArray[np.float64]


def exact_power(fleet: Fleet, state: tuple[int, ...], rates_rps: Floats) -> Floats:
    """Least power [W] of a state at each load (load,) [1/s]; infinite where it is overloaded."""
    best = np.full(rates_rps.shape, np.inf)
    if sum(state) == 0:
        return np.where(rates_rps == 0.0, 0.0, np.inf)
    for odd, count in enumerate(state):
        if count == 0:
            continue
        rate, power = np.zeros(1), np.zeros(1)
        for kind, own in enumerate(state):
            on_points = own - (kind == odd)
            if on_points:
                points = _envelope(fleet, kind)
                chosen = np.array(list(combinations_with_replacement(range(points.rate_rps.size), on_points)))
                rate = (rate[:, None] + points.rate_rps[chosen].sum(axis=1)).ravel()
                power = (power[:, None] + points.power_w[chosen].sum(axis=1)).ravel()
        for index, total in enumerate(rates_rps.tolist()):
            best[index] = min(best[index], float((power + _envelope(fleet, odd).power_at(total - rate)).min()))
    return best


def knapsack_power(fleet: Fleet, state: tuple[int, ...], rate_rps: float, levels: int) -> float:
    """Least power [W] where every instance's load is a multiple of the total over `levels`."""
    grid = np.linspace(0.0, rate_rps, levels + 1)
    total = np.full(levels + 1, np.inf)
    total[0] = 0.0
    for kind, count in enumerate(state):
        if count:
            own = _envelope(fleet, kind).power_at(grid)
            able = int(np.isfinite(own).sum())
            for _ in range(count):
                total = np.array(
                    [
                        (total[max(0, j - able + 1) : j + 1][::-1] + own[: min(j + 1, able)]).min()
                        for j in range(levels + 1)
                    ]
                )
    return float(total[-1])


def _envelope(fleet: Fleet, kind: int) -> Envelope:
    found = fleet.envelopes[kind]
    assert found is not None
    return found
