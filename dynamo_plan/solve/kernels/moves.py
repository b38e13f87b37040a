"""What it costs to go from one state to the next: starts, and re-shards told from them."""

from __future__ import annotations

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled

Ahead = tuple[Integers, Floats, int, Floats, Integers]
"""What follows a window: states (state, kind), value of each, how many; price of a start on the way there (kind,), and, if there are
re-shards, what one saves of it (2 x kind,); `PoolLimits.kinds`."""


@compiled
def way(counts: Integers, after: Integers, price: Floats, kinds: Integers) -> float:
    """Cost of the starts from one state to the next, re-shards told from them where `price` says what they save."""
    count, cost = counts.size, 0.0
    for kind in range(count):
        if after[kind] > counts[kind]:
            cost += price[kind] * (after[kind] - counts[kind])
    if price.size == count or cost == 0.0:
        return cost
    family, free = -1, 0
    for place in range(count):
        kind = kinds[5, place]
        if kinds[4, kind] < 0:
            continue
        if kinds[4, kind] != family:
            family, free = kinds[4, kind], 0
            for other in range(count):
                if kinds[4, other] == family:
                    free += kinds[3, other] * max(counts[other] - after[other], 0)
        moved = min(max(after[kind] - counts[kind], 0), free // kinds[3, kind])
        free -= kinds[3, kind] * moved
        cost -= price[count + kind] * moved
    return cost


@compiled
def onward(counts: Integers, ahead: Ahead) -> tuple[float, int]:
    """Least of starts plus value over the states after, and which."""
    after, value, alive, price, kinds = ahead
    best, child = np.inf, -1
    for m in range(alive):
        cost = value[m] + way(counts, after[m], price, kinds)
        if cost < best:
            best, child = cost, m
    return best, child


@compiled
def detour(reference: Integers, counts: Integers, more: Floats, fewer: Floats) -> float:
    """Most by which arriving at the reference can cost more than arriving at a state."""
    cost = 0.0
    for kind in range(counts.size):
        step = counts[kind] - reference[kind]
        cost += more[kind] * step if step > 0 else -fewer[kind] * step
    return cost
