r"""Dispatch of one state: how its instances share a load, and the power that takes.

Within one kind an optimal dispatch has all instances but one on breakpoints, so five closed forms around the hull
segment that holds the mean load are compared: an equal split; whole instances at the upper vertex and the rest equal;
whole ones at the lower vertex and the rest equal; one odd instance between whole ones at the two vertices, or above
them. Between two kinds the load is split at evenly spread points, at hull vertices of either kind, and finer around
the best; trial splits whose hull bound cannot win are skipped.
"""

from __future__ import annotations

import math

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled
from dynamo_plan.solve.tables import PoolTables

SNAP = 1e-12
"""Relative; a load this close above the end of a clock is still carried at that clock: shares of a load round in the last digits."""

CAPACITY_TOLERANCE = 1e-9
"""Relative; a load of a full fleet divided by its size may exceed the capacity in the last digit."""

FORMS = 5
SPLITS = 9
"""Evenly spread trial splits of a load between two kinds, and again around the best."""


@compiled
def power_at(tables: PoolTables, cell: int, load: float) -> float:
    """Least power of one instance of a cell (mix and kind) at a load [W]; infinite outside its range."""
    first, last = tables.edge[0, cell], tables.edge[0, cell + 1] - 1
    if last < first:
        return np.inf
    knots = tables.knots
    slack = knots[last, 0] * CAPACITY_TOLERANCE
    if load < -slack or load > knots[last, 0] + slack:
        return np.inf
    x = load * (1.0 - SNAP)
    if x <= knots[first, 0]:
        return float(knots[first, 1])
    if x >= knots[last, 0]:
        return float(knots[last, 1])
    low, high = first, last
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle, 0] <= x:
            low = middle
        else:
            high = middle
    slope = (knots[high, 1] - knots[low, 1]) / (knots[high, 0] - knots[low, 0])
    return float(slope * (x - knots[low, 0]) + knots[low, 1])


@compiled
def hull_at(tables: PoolTables, cell: int, load: float) -> float:
    """Power of the convex hull at a load within its range [W]."""
    first, last = tables.edge[1, cell], tables.edge[1, cell + 1] - 1
    hull = tables.hull
    at = first
    while at < last - 1 and hull[at + 1, 0] <= load:
        at += 1
    if at == last:
        return float(hull[last, 1])
    slope = (hull[at + 1, 1] - hull[at, 1]) / (hull[at + 1, 0] - hull[at, 0])
    return float(hull[at, 1] + slope * (load - hull[at, 0]))


@compiled
def kind_form(
    tables: PoolTables, cell: int, n: int, load: float, form: int
) -> tuple[int, int, float, float, float, float]:
    """One closed form for n instances: how many at the lower and the upper vertex; low, high, rest's load [1/s]; power [W]."""
    first, last = tables.edge[1, cell], tables.edge[1, cell + 1] - 1
    hull = tables.hull
    at = first
    while at < last - 1 and hull[at + 1, 0] <= load / n:
        at += 1
    above = min(at + 1, last)
    low, high = hull[at, 0], hull[above, 0]
    width = high - low if high > low else 1.0
    upper = int(min(max(math.floor((load - n * low) / width), 0.0), float(n)))
    at_low, at_high = 0, 0
    if form == 1:
        at_high = upper
    elif form == 2:
        at_low = max(n - upper - 1, 0)
    elif form == 3:
        at_low, at_high = max(n - upper - 1, 0), upper
    elif form == 4:
        at_high = max(upper - 1, 0)
        at_low = max(n - at_high - 1, 0)
    rest = n - at_low - at_high
    each = (load - at_low * low - at_high * high) / max(rest, 1)
    power = at_low * hull[at, 1] + at_high * hull[above, 1]
    if rest > 0:
        power += rest * power_at(tables, cell, each)
    return at_low, at_high, low, high, each, power


@compiled
def kind_power(tables: PoolTables, cell: int, n: int, load: float) -> float:
    """Least power over the closed forms for n instances of a cell [W]."""
    if tables.edge[0, cell] == tables.edge[0, cell + 1]:
        return 0.0 if n == 0 and load == 0.0 else np.inf
    if n == 0:
        top = tables.knots[tables.edge[0, cell + 1] - 1, 0]
        return 0.0 if abs(load) <= SNAP * top else np.inf
    best = kind_form(tables, cell, n, load, 0)[5]
    if n > 1:
        for form in range(1, FORMS):
            best = min(best, kind_form(tables, cell, n, load, form)[5])
    return best


@compiled
def fill_merit(tables: PoolTables, mix: int, counts: Integers, load: float, share: Floats) -> float:
    """Hull power [W] when hull segments are filled by slope, infinite if overloaded; the load of each kind in `share`."""
    share[:] = 0.0
    power, left = 0.0, load
    for kind in range(counts.size):
        cell = mix * counts.size + kind
        if counts[kind] > 0:
            power += counts[kind] * (tables.hull[tables.edge[1, cell], 1] if tables.cells[mix, kind, 1] > 0 else np.inf)
    room = 0.0
    for at in range(tables.segment_edge[mix], tables.segment_edge[mix + 1]):
        owner = int(tables.segments[at, 0])
        if counts[owner] > 0:
            width = counts[owner] * tables.segments[at, 1]
            room += width
            if left > 0.0:
                part = min(left, width)
                left -= part
                share[owner] += part
                power += part * tables.segments[at, 2]
    if load > room * (1.0 + CAPACITY_TOLERANCE):
        return np.inf
    if left != 0.0:
        # What rounding left over goes where there is something running; `power_at` allows the last digit.
        largest = 0
        for kind in range(counts.size):
            if share[kind] > share[largest]:
                largest = kind
        share[largest] += left
    return power


@compiled
def improve_pair(
    tables: PoolTables, mix: int, counts: Integers, pair: tuple[int, int], share: Floats, cost: Floats
) -> None:
    """Move load between two running kinds where that is cheaper; changes `share` and `cost` in place."""
    i, j = pair
    kinds = counts.size
    ci, cj = mix * kinds + i, mix * kinds + j
    ni, nj = counts[i], counts[j]
    total = share[i] + share[j]
    first_i, last_i = tables.edge[1, ci], tables.edge[1, ci + 1] - 1
    first_j, last_j = tables.edge[1, cj], tables.edge[1, cj + 1] - 1
    least = max(0.0, total - nj * tables.hull[last_j, 0])
    most = min(total, ni * tables.hull[last_i, 0])
    span = most - least
    best, at = cost[i] + cost[j], share[i]
    best_i, best_j, centre = cost[i], cost[j], share[i]
    vertices_i, vertices_j = last_i - first_i + 1, last_j - first_j + 1
    for trial in range(2 * SPLITS + vertices_i + vertices_j):
        if trial < SPLITS:
            x = least + span * (trial / (SPLITS - 1))
        elif trial < SPLITS + vertices_i:
            x = ni * tables.hull[first_i + trial - SPLITS, 0]
        elif trial < SPLITS + vertices_i + vertices_j:
            x = total - nj * tables.hull[first_j + trial - SPLITS - vertices_i, 0]
        else:
            if trial == SPLITS + vertices_i + vertices_j:
                centre = at
            step = trial - SPLITS - vertices_i - vertices_j
            x = centre + span / SPLITS * (2.0 * step / (SPLITS - 1) - 1.0)
        x = min(max(x, least), most)
        bound = ni * hull_at(tables, ci, x / ni) + nj * hull_at(tables, cj, (total - x) / nj)
        if bound < best:
            power_i = kind_power(tables, ci, ni, x)
            power_j = kind_power(tables, cj, nj, total - x)
            if power_i + power_j < best:
                best, at, best_i, best_j = power_i + power_j, x, power_i, power_j
    if at != share[i]:
        share[i], share[j] = at, total - at
        cost[i], cost[j] = best_i, best_j


@compiled
def state_power(tables: PoolTables, mix: int, counts: Integers, load: float, share: Floats, cost: Floats) -> float:
    """Power of the dispatch of one state [W]; the load of each kind [1/s] in `share`, its power [W] in `cost`."""
    if not math.isfinite(fill_merit(tables, mix, counts, load, share)):
        return np.inf
    kinds = counts.size
    for kind in range(kinds):
        cost[kind] = kind_power(tables, mix * kinds + kind, counts[kind], share[kind])
    for i in range(kinds):
        for j in range(i + 1, kinds):
            if counts[i] > 0 and counts[j] > 0:
                improve_pair(tables, mix, counts, (i, j), share, cost)
    return cost.sum()


@compiled
def state_powers(tables: PoolTables, mix: Integers, counts: Integers, load: Floats) -> tuple[Floats, Floats]:
    """Power of pairs of mix (pair,), state (pair, kind) and load (pair,): (pair,) [W], and the load of each kind (pair, kind)."""
    power = np.empty(load.size)
    share = np.empty(counts.shape)
    cost = np.empty(counts.shape[1])
    for pair in range(load.size):
        power[pair] = state_power(tables, mix[pair], counts[pair], load[pair], share[pair], cost)
    return power, share


@compiled
def hull_powers(tables: PoolTables, mix: Integers, counts: Integers, load: Floats) -> Floats:
    """Lower bound on the same (pair,) [W]."""
    power = np.empty(load.size)
    share = np.empty(counts.shape[1])
    for pair in range(load.size):
        power[pair] = fill_merit(tables, mix[pair], counts[pair], load[pair], share)
    return power
