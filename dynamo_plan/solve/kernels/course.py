r"""The cheapest course of one pool: a dynamic programme over the states that no other state dominates.

With :math:`V_t(N)` the least cost from window :math:`t` on if it starts in :math:`N`,

.. math:: V_t(N) = e_t(N) + \min_M \Big( V_{t+1}(M) + \sum_k c_{k,t+1} (M_k - N_k)^+ \Big)

no course of least cost passes through :math:`N` if some :math:`R` has :math:`V_t(R) + d_t(N, R) < V_t(N)`, where
:math:`d` is the most by which arriving at :math:`R` can cost more than arriving at :math:`N`. The programme runs backwards
in time because the first state is free: forwards, every state that spares a later start would have to be kept in the
first window. Candidates come from the cuts of `states`, with the best state known as the reference; exact powers are
computed only for those that its bound does not rule out.

A window may offer the pool several loads to choose from, one of a list of stages: where a service's load is split between sites, the
share that this pool takes. Nothing ties the choice to the next window's, so the stages of a window are enumerated one by one and
their states held against each other.

Where candidates are too many, a state may also be dropped if it is better than a kept one by no more than a tolerance.
The course found then costs at most the sum of what was dropped wrongly more than the optimum; that sum is measured and
returned as the loss, so value less loss is a proven bound.

Source: forward dominance in unit commitment, turned round; the measured loss is ours.
"""

from __future__ import annotations

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled
from dynamo_plan.solve.kernels.moves import Ahead, Arrival, arrival, detour, enumerable, onward, way
from dynamo_plan.solve.kernels.powers import Memory, known_power
from dynamo_plan.solve.kernels.reference import bounded, promising
from dynamo_plan.solve.kernels.rows import ascending, copied, distinct, grown, longer
from dynamo_plan.solve.kernels.states import ROUNDING, enumerated, priced
from dynamo_plan.solve.tables import PoolLimits, PoolTables

WIDER = 4.0
"""Factor by which the tolerance of a window grows where its states are too many."""

FIRST_TOLERANCE = 1e-6
"""Relative to a window's cost: the first tolerance where none was allowed and the states are too many."""

WIDEST = 1e6
"""Relative to a window's cost: with a tolerance beyond this only the reference is kept, and the course has no bound."""

FEW = 24
"""States after a window up to which each is a starting point of its own for the enumeration."""

LEAST_SCALE = 1e-12
"""Cost of a window below which rounding is absolute [objective]; a pool without load and idle draw costs nothing at all."""


@compiled
def candidates(
    tables: PoolTables,
    limits: PoolLimits,
    t: int,
    per_watt: float,
    fixed: Floats,
    ahead: Ahead,
    reference: tuple[Integers, float, Arrival],
    scale: float,
    rows: Integers,
    share: Floats,
    slack: float,
    most: tuple[int, int, int],
    stop: Integers,
) -> tuple[Integers, Floats, int, float, float]:
    """States of a window that its reference does not rule out, with their bounds.

    ``reference = (state, value, arrival)``; ``slack``, ``most`` and ``stop`` as in `course`. Returns rows (row, kind), bounds
    (row,), how many, the tolerance used and the most by which a state was dropped wrongly.
    """
    after, value, alive, price, _ = ahead
    state, reached, arriving = reference
    margin, room = ROUNDING * scale, -slack
    most_nodes, most_rows, most_states = most
    kinds = state.size
    least, gain, idle = np.empty(kinds), np.empty(kinds), np.empty(kinds)
    for kind in range(kinds):
        vertex = tables.edge[1, limits.mix[t] * kinds + kind]
        able = tables.cells[limits.mix[t], kind, 1] > 0
        idle[kind] = per_watt * tables.hull[vertex, 1] + fixed[t, kind] if able else np.inf
        least[kind] = price[kind] - (max(price[kinds + kind], 0.0) if price.size > kinds else 0.0)
        gain[kind] = min(least[kind], 0.0)
    more, fewer, whole = enumerable(state, arriving, idle)
    while True:
        used, nodes, dropped = 0, 0, 0.0
        # One enumeration towards every state after; where these are many, one that lets all start for nothing.
        apart = alive <= FEW
        for m in range(alive if apart else 1):
            terms = (after[m], least if apart else gain, state, more, fewer)
            budget = reached + whole - (value[m] if apart else 0.0) - room + margin
            rows, used, visited, closest = enumerated(
                tables, limits, t, per_watt, fixed, terms, budget, rows, used, most_nodes - nodes
            )
            nodes += abs(visited)
            dropped = max(dropped, room - closest)
            if nodes > most_nodes or used > most_rows:
                nodes = most_nodes + 1
                break
        if stop[0] != 0:
            return rows, np.empty(0), 0, np.inf, np.inf
        if nodes > most_nodes:
            room = max(WIDER * room, FIRST_TOLERANCE * scale)
            if room > WIDEST * scale:
                return rows, np.empty(0), 0, np.inf, np.inf
            continue
        used = distinct(rows, used, limits.kinds[2])
        bounds, overs = np.empty(used), np.empty(used)
        kept = 0
        for row in range(used):
            bound = bounded(tables, limits, t, per_watt, fixed, ahead, rows[row], share)
            over = bound - reached - detour(state, rows[row], arriving)
            if over + room <= margin:
                copied(rows[kept], rows[row])
                bounds[kept], overs[kept] = bound, over
                kept += 1
            else:
                dropped = max(dropped, -over)
        if kept <= most_states:
            return rows, bounds, kept, room, dropped
        # Just enough tolerance that half as many are left.
        room = -overs[ascending(overs, kept)[most_states // 2]] + 2.0 * margin


@compiled
def undominated(
    states: Integers, worth: Floats, children: Integers, count: int, arriving: Arrival, margin: float
) -> tuple[Integers, Floats, Integers, int]:
    """States that no other one beats even after the detour to it, cheapest first: states, worth, children, how many."""
    order = ascending(worth, count)
    rows, value = np.empty((count, states.shape[1]), dtype=np.int64), np.empty(count)
    child = np.empty(count, dtype=np.int64)
    kept = 0
    for place in range(count):
        index = order[place]
        beaten = False
        for other in range(kept):
            if worth[index] > value[other] + detour(rows[other], states[index], arriving) + margin:
                beaten = True
                break
        if not beaten:
            copied(rows[kept], states[index])
            value[kept], child[kept] = worth[index], children[index]
            kept += 1
    return rows, value, child, kept


@compiled
def course(
    tables: PoolTables,
    limits: PoolLimits,
    per_watt: Floats,
    fixed: Floats,
    start: Floats,
    ends: tuple[Integers, Integers],
    memory: Memory,
    used: int,
    stop: Integers,
    slack: float,
    most: tuple[int, int, int],
    offer: Floats,
) -> tuple[Integers, Floats, float, float, Memory, int, Integers, Integers, Floats, Integers, Integers]:
    """The cheapest course of a pool at given prices.

    Stages are numbered window by window, as many in each; `tables` and `limits` know stages and not windows.

    Parameters
    ----------
    per_watt : array, shape (stage,)
        Price of one watt over the window [objective/W].
    fixed : array, shape (stage, kind)
        Cost of a running instance besides its energy [objective].
    start : array, shape (window, kind) or (window, 2 x kind)
        Cost of a start at the window's left edge, and what a re-shard saves of it [objective].
    ends : tuple of arrays of int, shape (kind,)
        Instances before the first window and after the last; a first entry of -1 means free.
    memory, used
        Table of powers already computed.
    stop : array of int, shape (1,)
        Becomes nonzero from outside when time is up: from then on one state per window is kept.
    slack : float
        Keep every state of every course that costs at most this much more than the cheapest [objective].
    most : tuple of int
        Partial states, states that pass the cuts (repetitions included) and candidates of one stage, beyond which its tolerance
        is widened.
    offer : array, shape (stage,)
        Cost of choosing the stage, whatever the state [objective].

    Returns
    -------
    Counts (window, kind), power (window,) [W], value, loss, memory, used: no course costs less than value - loss. Both are infinite
    where some window admits no state; the loss is positive where states were dropped that `slack` asks for. Then the states kept:
    first row of each window counted from the last one (window + 1,), rows (row, kind), least cost from there to the end (row,), place
    of the row's stage among its window's (row,). Last the place of the stage chosen in each window (window,).
    """
    windows, kinds = start.shape[0], fixed.shape[1]
    stages = offer.size // windows
    share, scratch = np.empty(kinds), (np.empty(kinds), np.empty(kinds))
    starts_given, end_given = ends[0][0] >= 0, ends[1][0] >= 0
    after, value, alive = np.zeros((1, kinds), dtype=np.int64), np.zeros(1), 1
    if end_given:
        copied(after[0], ends[1])
    rows = np.empty((1024, kinds), dtype=np.int64)
    path, child, filled = np.empty((1024, kinds), dtype=np.int64), np.empty(1024, dtype=np.int64), 0
    ahead_cost = np.empty(1024)
    edge = np.zeros(windows + 1, dtype=np.int64)
    leave = np.zeros(start.shape[1])
    offset, loss = 0.0, 0.0
    for step in range(windows):
        t = windows - 1 - step
        for column in range(start.shape[1]):
            leave[column] = start[t + 1, column] if t + 1 < windows else start[t, column] if end_given else 0.0
        arriving = arrival(start[t], limits.kinds, t == 0 and not starts_given)
        ahead = (after, value, alive, leave, limits.kinds)
        first, reached, chosen, scale = after[0], np.inf, 0, LEAST_SCALE
        for place in range(stages):
            j = t * stages + place
            trial, lower, able = promising(tables, limits, j, per_watt[j], fixed, ahead, share)
            for state in (trial, lower):
                if able:
                    power, memory, used = known_power(tables, limits, j, state, memory, used, scratch)
                    cost = per_watt[j] * power + priced(fixed, j, state) + offer[j]
                    total = cost + onward(state, ahead)[0]
                    if total < reached:
                        first, reached, chosen = state, total, place
                        scale = abs(per_watt[j]) * power + abs(priced(fixed, j, state)) + abs(offer[j]) + LEAST_SCALE
        if reached == np.inf:
            return path[:0], np.zeros(0), np.inf, np.inf, memory, used, edge, path[:0], np.zeros(0), edge[:0], edge[:0]
        margin = ROUNDING * scale
        # Exact costs, most promising states first; each is held against those already kept.
        now, worth = np.empty((1024, kinds), dtype=np.int64), np.empty(1024)
        children = np.empty(1024, dtype=np.int64)
        copied(now[0], first)
        worth[0], children[0] = reached, onward(first, ahead)[1] * stages + chosen
        kept, widest, lost = 1, -np.inf, 0.0
        for place in range(stages):
            j = t * stages + place
            if offer[j] == np.inf:
                continue
            if stop[0] != 0:
                bounds, count, room, dropped = share, 0, np.inf, np.inf
            else:
                rows, bounds, count, room, dropped = candidates(
                    tables,
                    limits,
                    j,
                    per_watt[j],
                    fixed,
                    ahead,
                    (first, reached - offer[j], arriving),
                    scale,
                    rows,
                    share,
                    slack,
                    most,
                    stop,
                )
            order = ascending(bounds, count)
            for number in range(count):
                state, bound = rows[order[number]], bounds[order[number]] + offer[j]
                limit, same = np.inf, place == chosen
                for kind in range(kinds):
                    same = same and state[kind] == first[kind]
                for other in range(kept):
                    limit = min(limit, worth[other] + detour(now[other], state, arriving))
                if same:
                    continue
                if bound <= limit - room + margin:
                    power, memory, used = known_power(tables, limits, j, state, memory, used, scratch)
                    rest, next_state = onward(state, ahead)
                    bound = per_watt[j] * power + priced(fixed, j, state) + rest + offer[j]
                    if bound <= limit - room + margin:
                        if kept == now.shape[0]:
                            now, worth, children = grown(now), longer(worth), longer(children)
                        copied(now[kept], state)
                        worth[kept], children[kept] = bound, next_state * stages + place
                        kept += 1
                        continue
                dropped = max(dropped, limit - bound)
            lost, widest = max(lost, dropped), max(widest, room)
        # A state dropped with less than the slack asked for is one that a near-optimal course may need.
        loss += lost if slack == 0.0 or widest <= -slack else np.inf
        after, value, onwards, alive = undominated(now, worth, children, kept, arriving, margin + slack)
        # Values are kept relative to the least one, so that sums over a long horizon round no worse than one window's.
        base = value[0]
        offset += base
        for m in range(alive):
            value[m] -= base
            if filled == path.shape[0]:
                path, child, ahead_cost = grown(path), longer(child), longer(ahead_cost)
            copied(path[filled], after[m])
            child[filled] = onwards[m]
            ahead_cost[filled] = offset + value[m]
            filled += 1
        edge[step + 1] = filled
    best, at = np.inf, 0
    for m in range(alive):
        begin = value[m]
        if starts_given:
            begin += way(ends[0], after[m], start[0], limits.kinds)
        if begin < best:
            best, at = begin, m
    counts, watts = np.empty((windows, kinds), dtype=np.int64), np.empty(windows)
    taken = np.empty(windows, dtype=np.int64)
    for t in range(windows):
        row = edge[windows - 1 - t] + at
        copied(counts[t], path[row])
        at, taken[t] = child[row] // stages, child[row] % stages
        watts[t], memory, used = known_power(tables, limits, t * stages + taken[t], counts[t], memory, used, scratch)
    states, costs = path[:filled].copy(), ahead_cost[:filled].copy()
    return counts, watts, offset + best, loss, memory, used, edge, states, costs, child[:filled] % stages, taken
