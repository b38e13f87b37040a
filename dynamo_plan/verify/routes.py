"""What the instances of a freely routed pool could serve, however a router sends requests: a small integer programme of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dynamo_plan.schema.kind import Kind

if TYPE_CHECKING:
    from dynamo_plan.verify.evidence import Evidence


def reserve_served(evidence: Evidence, pool: str, window: int, running: dict[Kind, int]) -> float:
    """Largest part of a pool's reserve rates that these instances can serve, all buckets scaled alike, at most 1 [1].

    Variables: the part z; x share of each bucket with load at each kind and clock; n instances of each kind at each clock.

        max z    with  sum x_b = z,   sum_b x_b reserve_b / capacity_b <= (1 - derate) n,   sum over clocks of n <= running
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    load = evidence.pools[pool]
    needed = load.reserve_rate_rps[window].tolist()
    places = [
        (kind, clock) for kind in sorted(running) if running[kind] for clock in evidence.clocks_mhz(load.service, kind)
    ]
    buckets, kinds = range(len(load.buckets)), sorted(running)
    width = len(places)

    def x(b: int, place: int) -> int:
        return 1 + b * width + place

    def n(place: int) -> int:
        return 1 + len(buckets) * width + place

    size = 1 + (len(buckets) + 1) * width
    upper = np.full(size, np.inf)
    upper[0] = 1.0
    rows = np.zeros((len(buckets) + width + len(kinds), size))
    high = np.zeros(rows.shape[0])
    low = np.full(rows.shape[0], -np.inf)
    for b in (b for b in buckets if needed[b] > 0):
        rows[b, 0], low[b] = -1.0, 0.0
        rows[b, [x(b, place) for place in range(width)]] = 1.0
    for place, (kind, clock) in enumerate(places):
        row = len(buckets) + place
        room = evidence.room(load, kind, clock)
        rows[row, n(place)] = -room
        rows[len(buckets) + width + kinds.index(kind), n(place)] = 1.0
        for b, bucket in enumerate(load.buckets):
            reading = evidence.reading(load.service, kind, clock, bucket)
            if reading is None or room <= 0:
                upper[x(b, place)] = 0.0
            else:
                rows[row, x(b, place)] = needed[b] / reading.capacity_rps
    high[len(buckets) + width :] = [running[kind] for kind in kinds]
    goal = np.zeros(size)
    goal[0] = -1.0
    whole = np.zeros(size, dtype=np.int64)
    whole[1 + len(buckets) * width :] = 1
    limits, bounds = LinearConstraint(rows, low, high), Bounds(0.0, upper)
    # Its own default would stop 1e-4 short of a reserve that is held.
    found = milp(goal, constraints=limits, integrality=whole, bounds=bounds, options={"mip_rel_gap": 0.0})
    return float(found.x[0]) if found.success else 0.0
