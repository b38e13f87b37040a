r"""States of one window: which are admitted, and the enumeration of those whose bound stays within a budget.

For every slope :math:`s \ge 0` the hull power of a state :math:`N` at load :math:`L` is at least
:math:`s L + \sum_k N_k \psi_k(s)`, :math:`\psi_k(s) = \min_v (p_{k,v} - s r_{k,v})` over the hull vertices of kind
:math:`k`. Every other term that decides about a state belongs to one kind, too, so kinds are added one after the other
and a partial state is dropped as soon as the best of the remaining kinds cannot save it. The grid of all states is never
built. Where energy has a negative price the bound turns: power is at most that of full load.

Source: Lagrangian relaxation of the load balance in unit commitment; the nested enumeration is ours.
"""

from __future__ import annotations

import math

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled
from dynamo_plan.solve.kernels.dispatch import CAPACITY_TOLERANCE, fill_merit
from dynamo_plan.solve.kernels.rows import grown
from dynamo_plan.solve.tables import PoolLimits, PoolTables

ROUNDING = 1e-9
"""Relative to a window's cost; states are dropped only when dearer by more than sums in the last digits could explain."""


@compiled
def priced(fixed: Floats, t: int, counts: Integers) -> float:
    """Cost of a state's instances besides their energy in a window [objective]."""
    cost = 0.0
    for kind in range(counts.size):
        cost += fixed[t, kind] * counts[kind]
    return cost


@compiled
def admits(tables: PoolTables, limits: PoolLimits, t: int, counts: Integers) -> bool:
    """Whether a state satisfies every pool constraint in a window (`model.constraints`), within the instance limits."""
    able, reserve, running = 0.0, 0.0, 0
    for kind in range(counts.size):
        if counts[kind] < 0 or counts[kind] > limits.kinds[0, kind]:
            return False
        if counts[kind] > 0 and tables.cells[limits.mix[t], kind, 1] <= 0:
            return False
        able += counts[kind] * tables.cells[limits.mix[t], kind, 1]
        reserve += counts[kind] * limits.loads[t, 2 + kind]
        running += counts[kind]
    return (
        able >= limits.loads[t, 0] * (1.0 - CAPACITY_TOLERANCE)
        and reserve >= limits.loads[t, 1] * (1.0 - CAPACITY_TOLERANCE)
        and running >= limits.min_instances
    )


@compiled
def fill_up(tables: PoolTables, limits: PoolLimits, t: int, counts: Integers, kind: int) -> bool:
    """Add as few instances of a kind as make a state admitted; False where that is not possible."""
    if tables.cells[limits.mix[t], kind, 1] <= 0:
        return admits(tables, limits, t, counts)
    able, reserve, running = 0.0, 0.0, 0
    for other in range(counts.size):
        able += counts[other] * tables.cells[limits.mix[t], other, 1]
        reserve += counts[other] * limits.loads[t, 2 + other]
        running += counts[other]
    more = float(limits.min_instances - running)
    missing = limits.loads[t, 0] * (1.0 - CAPACITY_TOLERANCE) - able
    if missing > 0:
        more = max(more, math.ceil(missing / tables.cells[limits.mix[t], kind, 1] - ROUNDING))
    missing = limits.loads[t, 1] * (1.0 - CAPACITY_TOLERANCE) - reserve
    if missing > 0:
        more = max(more, math.ceil(missing / limits.loads[t, 2 + kind] - ROUNDING))
    if more > limits.kinds[0, kind] - counts[kind]:
        return False
    counts[kind] += int(max(more, 0.0))
    return admits(tables, limits, t, counts)


@compiled
def bound_at(tables: PoolTables, mix: int, counts: Integers, load: float, per_watt: float, share: Floats) -> float:
    """Lower bound on the price of a state's power: its hull, or full load where power has a negative price."""
    if per_watt >= 0:
        return per_watt * fill_merit(tables, mix, counts, load, share)
    most = 0.0
    for kind in range(counts.size):
        most += counts[kind] * tables.cells[mix, kind, 0]
    return per_watt * most


@compiled
def enumerated(
    tables: PoolTables,
    limits: PoolLimits,
    t: int,
    per_watt: float,
    fixed: Floats,
    way: tuple[Integers, Floats, Integers, Floats, Floats],
    budget: float,
    rows: Integers,
    used: int,
    most_nodes: int,
) -> tuple[Integers, int, int, float]:
    """States of one window whose bound stays within a budget, appended to `rows`.

    A state's bound is the price of its hull power, `fixed` per instance, `start` per instance below `anchor` (the state after),
    less `fewer` per instance below `reference` and less `more` per instance above it, with ``way = (anchor, start, reference,
    more, fewer)``.
    Returns rows, how many are used, nodes visited (negative if more than allowed), and by how much the closest dropped node
    exceeded the budget.
    """
    anchor, start, reference, more, fewer = way
    kinds, mix, load = fixed.shape[1], limits.mix[t], limits.loads[t, 0]
    slopes = tables.cuts.shape[1] if per_watt >= 0 else 1
    spent = np.zeros((kinds + 1, slopes))
    tail = np.zeros((kinds + 1, slopes))
    rest = np.empty(slopes)
    for s in range(slopes):
        rest[s] = budget - (per_watt * tables.cuts[mix, s, 0] * load if per_watt >= 0 else 0.0)
    for depth in range(kinds - 1, -1, -1):
        kind = limits.kinds[1, depth]
        most = limits.kinds[0, kind] if tables.cells[mix, kind, 1] > 0 else 0
        for s in range(slopes):
            psi = tables.cuts[mix, s, 1 + kind] if per_watt >= 0 else tables.cells[mix, kind, 0]
            least = np.inf
            for corner in (0, anchor[kind], reference[kind], most):
                n = min(max(corner, 0), most)
                value = n * (per_watt * psi + fixed[t, kind]) + start[kind] * max(anchor[kind] - n, 0)
                value -= more[kind] * max(n - reference[kind], 0) + fewer[kind] * max(reference[kind] - n, 0)
                least = min(least, value)
            tail[depth, s] = tail[depth + 1, s] + least
    number = np.full(kinds, -1, dtype=np.int64)
    counts = np.zeros(kinds, dtype=np.int64)
    last = np.zeros(kinds, dtype=np.int64)
    depth, nodes, closest = 0, 0, np.inf
    while depth >= 0:
        kind = limits.kinds[1, depth]
        if number[depth] < 0:
            counts[kind] = 0
            if depth == kinds - 1 and not fill_up(tables, limits, t, counts, kind):
                counts[kind] = 0
                depth -= 1
                continue
            number[depth] = counts[kind]
        else:
            number[depth] += 1
        n = number[depth]
        usable = tables.cells[mix, kind, 1] > 0
        stop = n > limits.kinds[0, kind] or (n > 0 and not usable)
        if not stop:
            nodes += 1
            if nodes > most_nodes:
                return rows, used, -nodes, closest
            own = start[kind] * max(anchor[kind] - n, 0)
            own -= more[kind] * max(n - reference[kind], 0) + fewer[kind] * max(reference[kind] - n, 0)
            beyond = n >= anchor[kind] and n >= reference[kind]
            fails = False
            for step in range(slopes):
                s = (last[depth] + step) % slopes
                psi = tables.cuts[mix, s, 1 + kind] if per_watt >= 0 else tables.cells[mix, kind, 0]
                each = per_watt * psi + fixed[t, kind]
                value = spent[depth, s] + own + n * each
                spent[depth + 1, s] = value
                over = value + tail[depth + 1, s] - rest[s]
                if over > 0:
                    fails = True
                    last[depth] = s
                    closest = min(closest, over)
                    # From here on the bound only rises with the number, so no larger one can pass either.
                    stop = beyond and each - more[kind] >= 0
                    break
            if not fails:
                counts[kind] = n
                if depth < kinds - 1:
                    depth += 1
                    number[depth] = -1
                else:
                    if used == rows.shape[0]:
                        rows = grown(rows)
                    for place in range(kinds):
                        rows[used, place] = counts[place]
                    used += 1
                continue
        if stop:
            counts[kind] = 0
            number[depth] = -1
            depth -= 1
    return rows, used, nodes, closest


@compiled
def within(
    tables: PoolTables,
    limits: PoolLimits,
    per_watt: Floats,
    fixed: Floats,
    budget: Floats,
    most_nodes: int,
) -> tuple[Integers, Integers, bool]:
    """Every state of every window whose bound (hull power and `fixed` per instance) stays within `budget` (window,).

    Returns the first row of each window (window + 1,), the rows (row, kind), and whether all windows could be listed.
    """
    windows, kinds = fixed.shape
    rows, used = np.empty((1024, kinds), dtype=np.int64), 0
    edge = np.zeros(windows + 1, dtype=np.int64)
    share, none, zero = np.empty(kinds), np.zeros(kinds), np.zeros(kinds, dtype=np.int64)
    for t in range(windows):
        room = ROUNDING * abs(budget[t])
        begin = used
        rows, used, nodes, _ = enumerated(
            tables,
            limits,
            t,
            per_watt[t],
            fixed,
            (zero, none, zero, none, none),
            budget[t] + room,
            rows,
            used,
            most_nodes,
        )
        if nodes < 0 or used > most_nodes:
            return edge, rows[:0], False
        kept = begin
        for row in range(begin, used):
            bound = bound_at(tables, limits.mix[t], rows[row], limits.loads[t, 0], per_watt[t], share)
            bound += priced(fixed, t, rows[row])
            if bound <= budget[t] + room:
                for kind in range(kinds):
                    rows[kept, kind] = rows[row, kind]
                kept += 1
        used = kept
        edge[t + 1] = used
    return edge, rows[:used].copy(), True
