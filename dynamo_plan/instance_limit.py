"""How many instances of a kind a pool can ever need: the box that every search for its states stays in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.problem import KindCurves


def instance_limit(
    curves: list[KindCurves],
    mix: NDArray[np.int64],
    rate_rps: NDArray[np.float64],
    reserve_rate_rps: NDArray[np.float64],
    reserve_capacity_rps: NDArray[np.float64],
    min_instances: int,
) -> int:
    """Most instances of one kind that a pool's search considers.

    Enough to carry the peak reserve alone, and twice as many as would share the peak load if each carried l, plus one, where l
    is the least over all clocks of the clock's most efficient load. Up to l the energy per request falls with load at every
    clock; with more instances than that, the two least loaded carry no more than l together, and merging them saves energy.
    """
    limit = min_instances
    for index, kind in enumerate(curves):
        here = mix == index
        peak = float(rate_rps[here].max(initial=0.0))
        if kind.curves and peak > 0:
            loads = [float(c.rate_rps[1:][np.argmin(c.power_w[1:] / c.rate_rps[1:])]) for c in kind.curves]
            limit = max(limit, math.ceil(2.0 * peak / min(loads)) + 1)
    loaded = (reserve_rate_rps > 0) & (reserve_capacity_rps > 0)
    if loaded.any():
        limit = max(limit, math.ceil(float((reserve_rate_rps[loaded] / reserve_capacity_rps[loaded]).max())))
    return limit
