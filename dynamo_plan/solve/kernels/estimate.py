"""The estimate of a pool's cost (`dynamo_plan.solve.pool_estimate`): one set of buckets, stretch by stretch.

`members` are the buckets of the set. Arrays over buckets, modes (a kind at a clock) and stretches are in full instances that a rate
keeps busy; `price` is that of a watt and of an instance of each kind over the stretch [objective].
"""

from __future__ import annotations

import math

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled

ROUNDING = 1e-9
"""A load that fills instances up to this fraction of one more needs no further one: sums of shares round in the last digits."""


@compiled
def estimate(
    members: Integers,
    room: Floats,
    loads: tuple[Floats, Floats, Floats, Floats],
    watts: Floats,
    edge: Integers,
    kind: Integers,
    prices: tuple[Floats, Floats],
    min_instances: int,
) -> float:
    """Estimated cost of one set [objective]; infinite where no kind can serve its buckets together.

    `edge` begins each stretch (stretch + 1,); `loads` are those of every window, of the reserve (bucket, window, mode), the means of
    stretches (bucket, stretch, mode) and of the horizon (bucket, mode). `room` is what the derate leaves of an instance (mode,).
    """
    load, reserve, mean, usual = loads
    per_watt, per_instance = prices
    busy, full, kept = np.empty(kind.size), np.empty(kind.size), np.empty(per_instance.shape[1])
    total = 0.0
    for stretch in range(edge.size - 1):
        needs(members, room, load, reserve, kind, (edge[stretch], edge[stretch + 1]), full, kept)
        loaded = False
        for bucket in members:
            if mean[bucket, stretch, :].max() > 0.0:
                loaded = True
        if not loaded and min_instances == 0 and kept.min() == 0.0:
            continue
        here = mean[:, stretch, :] if loaded else usual
        for mode in range(kind.size):
            busy[mode] = 0.0
            for bucket in members:
                busy[mode] += here[bucket, mode]
        price = (per_watt[stretch], per_instance[stretch])
        if not loaded:
            total += idling(members, here, watts, busy, kept, kind, price, min_instances)
            continue
        best = one_mode(members, here, watts, busy, full, kept, kind, price, min_instances)
        total += two_modes(members, here, watts, busy, full, kept, room, kind, price, min_instances, best)
    return total


@compiled
def needs(
    members: Integers,
    room: Floats,
    load: Floats,
    reserve: Floats,
    kind: Integers,
    span: tuple[int, int],
    full: Floats,
    kept: Floats,
) -> None:
    """Instances, in fractions, for the busiest window's load per mode (`full`) and for its reserve per kind (`kept`)."""
    full[:] = 0.0
    kept[:] = 0.0
    best = np.empty(kept.size)
    for window in range(span[0], span[1]):
        best[:] = np.inf
        for mode in range(kind.size):
            if room[mode] <= 0.0:
                full[mode] = np.inf
                continue
            served, promised = 0.0, 0.0
            for bucket in members:
                served += load[bucket, window, mode]
                promised += reserve[bucket, window, mode]
            full[mode] = max(full[mode], served / room[mode])
            best[kind[mode]] = min(best[kind[mode]], promised / room[mode])
        for index in range(kept.size):
            kept[index] = max(kept[index], best[index])


@compiled
def drawn(members: Integers, here: Floats, watts: Floats, mode: int, busy: float, use: float) -> float:
    """Power of one instance at utilisation `use`, its buckets' powers weighted by their parts in `busy`, or alike without load [W]."""
    place = min(max(use, 0.0), 1.0) * (watts.shape[2] - 1)
    level = min(int(place), watts.shape[2] - 2)
    rest = place - level
    total, weight = 0.0, 0.0
    for bucket in members:
        part = here[bucket, mode] if busy > 0.0 else 1.0
        low, high = watts[bucket, mode, level], watts[bucket, mode, level + 1]
        total += part * (low + (high - low) * rest)
        weight += part
    return total / weight


@compiled
def idling(
    members: Integers,
    here: Floats,
    watts: Floats,
    busy: Floats,
    kept: Floats,
    kind: Integers,
    price: tuple[float, Floats],
    min_instances: int,
) -> float:
    """Least cost of a stretch without load; the reserve and the least number of instances still hold."""
    best = np.inf
    for mode in range(kind.size):
        if math.isfinite(busy[mode]) and math.isfinite(kept[kind[mode]]):
            count = max(math.ceil(kept[kind[mode]] - ROUNDING), min_instances)
            each = price[1][kind[mode]] + price[0] * drawn(members, here, watts, mode, busy[mode], 0.0)
            best = min(best, count * each)
    return best


@compiled
def one_mode(
    members: Integers,
    here: Floats,
    watts: Floats,
    busy: Floats,
    full: Floats,
    kept: Floats,
    kind: Integers,
    price: tuple[float, Floats],
    min_instances: int,
) -> float:
    """Least cost with one kind and clock for all load; the reserve by more of these, or by idle instances of any kind."""
    spare = np.full(kept.size, np.inf)
    for mode in range(kind.size):
        if math.isfinite(full[mode]) and math.isfinite(kept[kind[mode]]):
            each = price[1][kind[mode]] + price[0] * drawn(members, here, watts, mode, busy[mode], 0.0)
            spare[kind[mode]] = min(spare[kind[mode]], each)
    best = np.inf
    for mode in range(kind.size):
        if not math.isfinite(full[mode]):
            continue
        own = kind[mode]
        least = max(math.ceil(full[mode] - ROUNDING), 1)
        most = max(least, min_instances)
        if math.isfinite(kept[own]):
            most = max(most, math.ceil(kept[own] - ROUNDING))
        for count in (least, most):
            each = price[1][own] + price[0] * drawn(members, here, watts, mode, busy[mode], busy[mode] / count)
            missing = max(1.0 - count / kept[own], 0.0) if kept[own] > 0.0 else 0.0
            extra = np.inf
            for other in range(kept.size):
                if math.isfinite(spare[other]):
                    idle = max(math.ceil(missing * kept[other] - ROUNDING), min_instances - count)
                    extra = min(extra, max(idle, 0) * spare[other])
            best = min(best, count * each + extra)
    return best


@compiled
def two_modes(
    members: Integers,
    here: Floats,
    watts: Floats,
    busy: Floats,
    full: Floats,
    kept: Floats,
    room: Floats,
    kind: Integers,
    price: tuple[float, Floats],
    min_instances: int,
    best: float,
) -> float:
    """Least cost with as many full instances of a kind as its load fills, and a second kind and clock for the rest; at most `best`.

    The first runs at its kind's most efficient clock or at its fastest.
    """
    for own in range(kept.size):
        thrifty, fastest, least = -1, -1, np.inf
        for mode in range(kind.size):
            if kind[mode] != own or not math.isfinite(full[mode]):
                continue
            each = price[1][own] + price[0] * drawn(members, here, watts, mode, busy[mode], room[mode])
            if each * full[mode] < least:
                thrifty, least = mode, each * full[mode]
            if fastest < 0 or full[mode] < full[fastest]:
                fastest = mode
        for main in (thrifty, fastest):
            if main < 0:
                continue
            count = math.floor(full[main])
            if count < 1:
                continue
            rest = 1.0 - count / full[main]
            use = (1.0 - rest) * busy[main] / count
            base = count * (price[1][own] + price[0] * drawn(members, here, watts, main, busy[main], use))
            missing = max(1.0 - count / kept[own], 0.0) if kept[own] > 0.0 else 0.0
            for mode in range(kind.size):
                if not (math.isfinite(full[mode]) and math.isfinite(kept[kind[mode]])):
                    continue
                more = max(math.ceil(rest * full[mode] - ROUNDING), math.ceil(missing * kept[kind[mode]] - ROUNDING))
                more = max(more, min_instances - count)
                total = base + more * price[1][kind[mode]]
                if more > 0 and total < best:
                    use = rest * busy[mode] / more
                    total += more * price[0] * drawn(members, here, watts, mode, busy[mode], use)
                best = min(best, total)
    return best
