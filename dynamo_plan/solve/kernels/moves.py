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


Arrival = tuple[Floats, Floats, Floats, Floats]
"""What arriving in a window costs, by kind.

First two: the most by which an instance more or fewer can change it, by its own start and by what re-shards save (``more``, ``fewer``).
Last two: the price of a start, and what a re-shard saves of it (``start``, ``saved``); empty where one of them is below 0, or saves more
than a start costs.
"""


@compiled
def arrival(prices: Floats, kinds: Integers, is_free: bool) -> Arrival:
    """What arriving in a window costs at prices of starts (kind,) or of starts and savings (2 x kind,); nothing where it is free."""
    count = kinds.shape[1]
    more, fewer, start, saved = np.zeros(count), np.zeros(count), np.zeros(count), np.zeros(count)
    saving, is_usual = 0.0, True
    for kind in range(count if not is_free else 0):
        start[kind] = prices[kind]
        if prices.size > count:
            saved[kind] = prices[count + kind]
            saving = max(saving, abs(saved[kind]))
        is_usual = is_usual and 0.0 <= saved[kind] <= start[kind]
    least_gpus = kinds[3].min()
    for kind in range(count):
        # One instance more or less also frees or takes GPUs, and with them some re-shards.
        shifted = saving * (kinds[3, kind] // least_gpus + 2 * count)
        fewer[kind], more[kind] = max(start[kind], 0.0) + shifted, max(-start[kind], 0.0) + shifted
    return (more, fewer, start, saved) if is_usual else (more, fewer, start[:0], saved[:0])


@compiled
def detour(reference: Integers, counts: Integers, arriving: Arrival) -> float:
    r"""Most by which arriving at the reference R can cost more than arriving at a state N.

    The less of two bounds: instance by instance of their difference, and, as a start costs from :math:`p - s` to :math:`p`,

    .. math:: \sum_k \max_M \big( p_k (R_k - M)^+ - (p_k - s_k) (N_k - M)^+ \big) \le
              \sum_k p_k (R_k - N_k)^+ + s_k \min(R_k, N_k)
    """
    more, fewer, start, saved = arriving
    linear, steady = 0.0, 0.0 if start.size else np.inf
    for kind in range(counts.size):
        step = counts[kind] - reference[kind]
        linear += more[kind] * step if step > 0 else -fewer[kind] * step
        if start.size:
            steady += start[kind] * max(-step, 0) + saved[kind] * min(reference[kind], counts[kind])
    return min(linear, steady)


@compiled
def enumerable(reference: Integers, arriving: Arrival, idle: Floats) -> tuple[Floats, Floats, float]:
    """The bound to enumerate with: detours by instance more and fewer (kind,), and what is added to all of them.

    Instance by instance it keeps all states there are where an idle instance, at a price of `idle` (kind,), costs less than its detour.
    """
    more, fewer, start, saved = arriving
    is_loose = False
    for kind in range(idle.size):
        is_loose = is_loose or (more[kind] > 0.0 and more[kind] >= idle[kind])
    if not is_loose or not start.size:
        return more, fewer, 0.0
    whole = 0.0
    for kind in range(idle.size):
        whole += saved[kind] * reference[kind]
    return np.zeros(idle.size), start, whole
