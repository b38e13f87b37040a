r"""Joint courses of several pools under shared caps, as labels in a forward programme bounded by each pool's cost-to-go.

At prices :math:`\lambda, \mu \ge 0` of what is shared, a plan costs the Lagrangian bound plus its excess, a sum of terms
that are never negative: for every pool and transition what it loses against the pool's own best way on,

.. math:: \rho_p(N \to M) = \text{starts}(N, M) + V_{t+1}(M) - (V_t(N) - e_t(N))

and for every window what the caps leave unused at their prices. So a partial plan whose excess is above a limit can be
dropped, and if no plan stays within the limit, the bound rises by it.

Source: label setting with completion bounds, as in constrained shortest paths (Handler and Zang, Networks 10, 1980).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled

CAP_TOLERANCE = 1e-9
"""Relative; a cap that is held up to rounding is held."""


class SharedWindows(NamedTuple):
    """Near-optimal states of several pools and what a site allows them together; rows sorted by window, then pool.

    Attributes
    ----------
    edge : array of int, shape (window x pool + 1,)
        First row of each window and pool.
    counts : array of int, shape (row, kind)
        Instances, padded with zeros to the most kinds of any pool.
    gpus : array of int, shape (row, gpu type)
    numbers : array, shape (row, 3)
        Energy of the state [kWh], its stage cost and its least cost to the end [objective].
    start : array, shape (window, pool, kind)
        Price of a start at the window's left edge [objective].
    stock : array, shape (window, gpu type)
        GPUs, infinite without a limit.
    energy : array, shape (window, 2)
        Cap on IT energy [kWh], infinite without one; its price mu [objective/kWh].
    price : array, shape (window, gpu type)
        Price lambda of a GPU of the stock [objective].
    start_kwh : float
        Energy of one start [kWh].
    """

    edge: Integers
    counts: Integers
    gpus: Integers
    numbers: Floats
    start: Floats
    stock: Floats
    energy: Floats
    price: Floats
    start_kwh: float


@compiled
def shared_excess(windows: SharedWindows, t: int, used: Integers, kwh: float) -> float:
    """What a window loses by its caps' prices; infinite where a cap is broken."""
    excess = 0.0
    for gpu in range(used.size):
        if used[gpu] > windows.stock[t, gpu] * (1.0 + CAP_TOLERANCE):
            return np.inf
        if windows.price[t, gpu] > 0.0:
            excess += windows.price[t, gpu] * (windows.stock[t, gpu] - used[gpu])
    if kwh > windows.energy[t, 0] * (1.0 + CAP_TOLERANCE):
        return np.inf
    if windows.energy[t, 1] > 0.0:
        excess += windows.energy[t, 1] * (windows.energy[t, 0] - kwh)
    return excess


@compiled
def reduced(windows: SharedWindows, t: int, pool: int, row: int, state: int) -> tuple[float, int]:
    """Loss of a pool by going from a row (-1: from the free first state) to a state of window t, and the starts it takes."""
    cost, starts = windows.numbers[state, 2], 0
    if row >= 0:
        for kind in range(windows.counts.shape[1]):
            step = windows.counts[state, kind] - windows.counts[row, kind]
            if step > 0:
                cost += windows.start[t, pool, kind] * step
                starts += step
        cost -= windows.numbers[row, 2] - windows.numbers[row, 1]
    return cost, starts


@compiled
def mixed(rows: Integers) -> int:
    """A number for a tuple of rows, to look it up by."""
    key = 1469598103934665603
    for pool in range(rows.size):
        key = (key ^ rows[pool]) * 1099511628211
    return key & 0x7FFFFFFFFFFFFFFF


@compiled
def extended(
    windows: SharedWindows,
    t: int,
    labels: Integers,
    excess: Floats,
    offset: Floats,
    initial: Integers,
    limit: float,
    most: tuple[int, int],
) -> tuple[Integers, Floats, Integers, bool]:
    """Labels of window t from those of the window before.

    Parameters
    ----------
    labels : array of int, shape (label, pool)
        Row of each pool; one label of -1 before the first window.
    excess : array, shape (label,)
    offset : array, shape (pool,)
        Taken off every transition: each pool's least cost in the first window, else 0 [objective].
    initial : array of int, shape (pool, kind)
        Instances before the first window, -1 where free.
    most : tuple of int
        Labels, and steps of the search.

    Returns
    -------
    Labels, excess, parent (label,), and whether these are all.
    """
    pools = labels.shape[1]
    types = windows.gpus.shape[1]
    size = 1 << 12
    table = np.full(size, -1, dtype=np.int64)
    found, value = np.empty((1024, pools), dtype=np.int64), np.empty(1024)
    parent, count = np.empty(1024, dtype=np.int64), 0
    widest = 0
    for pool in range(pools):
        widest = max(widest, windows.edge[t * pools + pool + 1] - windows.edge[t * pools + pool])
    loss, option = np.empty((pools, widest)), np.empty((pools, widest), dtype=np.int64)
    begun, options = np.empty((pools, widest), dtype=np.int64), np.empty(pools, dtype=np.int64)
    least_gpus, least_kwh = np.zeros((pools + 1, types)), np.zeros(pools + 1)
    at = np.empty(pools, dtype=np.int64)
    spent, kwh = np.zeros(pools + 1), np.zeros(pools + 1)
    used = np.zeros((pools + 1, types), dtype=np.int64)
    steps = 0
    for label in range(labels.shape[0]):
        # Each pool's ways on within the limit, least loss first.
        possible = True
        for pool in range(pools):
            options[pool] = 0
            for state in range(windows.edge[t * pools + pool], windows.edge[t * pools + pool + 1]):
                own, starts = reduced(windows, t, pool, labels[label, pool], state)
                if t == 0 and initial[pool, 0] >= 0:
                    for kind in range(initial.shape[1]):
                        step = windows.counts[state, kind] - initial[pool, kind]
                        if step > 0:
                            own += windows.start[0, pool, kind] * step
                            starts += step
                own -= offset[pool]
                if excess[label] + own <= limit:
                    place = options[pool]
                    while place > 0 and loss[pool, place - 1] > own:
                        loss[pool, place], option[pool, place] = loss[pool, place - 1], option[pool, place - 1]
                        begun[pool, place] = begun[pool, place - 1]
                        place -= 1
                    loss[pool, place], option[pool, place], begun[pool, place] = own, state, starts
                    options[pool] += 1
            possible = possible and options[pool] > 0
        if steps > most[1]:
            return found[:count].copy(), value[:count].copy(), parent[:count].copy(), False
        if not possible:
            continue
        for pool in range(pools - 1, -1, -1):
            least_kwh[pool] = np.inf
            for gpu in range(types):
                least_gpus[pool, gpu] = np.inf
            for place in range(options[pool]):
                state = option[pool, place]
                least_kwh[pool] = min(least_kwh[pool], windows.numbers[state, 0])
                for gpu in range(types):
                    least_gpus[pool, gpu] = min(least_gpus[pool, gpu], windows.gpus[state, gpu])
            least_kwh[pool] += least_kwh[pool + 1]
            for gpu in range(types):
                least_gpus[pool, gpu] += least_gpus[pool + 1, gpu]
        depth = 0
        at[0] = -1
        spent[0] = excess[label]
        while depth >= 0:
            at[depth] += 1
            steps += 1
            if at[depth] == options[depth] or spent[depth] + loss[depth, at[depth]] > limit:
                depth -= 1
                continue
            state = option[depth, at[depth]]
            spent[depth + 1] = spent[depth] + loss[depth, at[depth]]
            kwh[depth + 1] = kwh[depth] + windows.numbers[state, 0] + begun[depth, at[depth]] * windows.start_kwh
            fits = kwh[depth + 1] + least_kwh[depth + 1] <= windows.energy[t, 0] * (1.0 + CAP_TOLERANCE)
            for gpu in range(types):
                used[depth + 1, gpu] = used[depth, gpu] + windows.gpus[state, gpu]
                fits = fits and used[depth + 1, gpu] + least_gpus[depth + 1, gpu] <= windows.stock[t, gpu]
            if not fits:
                continue
            if depth + 1 < pools:
                depth += 1
                at[depth] = -1
                continue
            whole = spent[pools] + shared_excess(windows, t, used[pools], float(kwh[pools]))
            if whole > limit:
                continue
            if count == found.shape[0]:
                found, value, parent = wider(found, value, parent)
            for pool in range(pools):
                found[count, pool] = option[pool, at[pool]]
            slot = mixed(found[count]) & (size - 1)
            while table[slot] >= 0 and not equal(found[table[slot]], found[count]):
                slot = (slot + 1) & (size - 1)
            if table[slot] < 0:
                table[slot] = count
                value[count], parent[count] = whole, label
                count += 1
                if count > most[0]:
                    return found[:count].copy(), value[:count].copy(), parent[:count].copy(), False
                if 2 * count > size:
                    size *= 4
                    table = placed(found, count, size)
            elif whole < value[table[slot]]:
                value[table[slot]], parent[table[slot]] = whole, label
    return found[:count].copy(), value[:count].copy(), parent[:count].copy(), True


@compiled
def thinned(windows: SharedWindows, t: int, labels: Integers, excess: Floats, order: Integers, rivals: int) -> Integers:
    """Labels of window t from which going on is not dearer than from one of the best few; in the order given.

    Parameters
    ----------
    order : array of int, shape (label,)
        By cost so far, least first.
    rivals : int
        How many of those kept each label is held against.
    """
    pools = labels.shape[1]
    kept, count = np.empty(order.size, dtype=np.int64), 0
    spent = np.empty(order.size)
    for place in range(order.size):
        label = order[place]
        own = excess[label]
        for pool in range(pools):
            own -= windows.numbers[labels[label, pool], 2] - windows.numbers[labels[label, pool], 1]
        beaten = False
        for other in range(min(count, rivals)):
            cost = spent[other]
            for pool in range(pools):
                row, rival = labels[label, pool], labels[kept[other], pool]
                for kind in range(windows.counts.shape[1]):
                    # One instance more may have to be started from the rival, one less may spare it a start that is a gain.
                    step = windows.counts[row, kind] - windows.counts[rival, kind]
                    price = windows.start[t + 1, pool, kind]
                    cost += max(price, 0.0) * step if step > 0 else min(price, 0.0) * step
                if cost > own:
                    break
            if cost <= own:
                beaten = True
                break
        if not beaten:
            spent[count], kept[count] = own, label
            count += 1
    return kept[:count].copy()


@compiled
def cost_so_far(windows: SharedWindows, labels: Integers, excess: Floats) -> Floats:
    """Excess less what every pool's least cost onward owes it (label,) [objective]."""
    cost = np.empty(excess.size)
    for label in range(excess.size):
        cost[label] = excess[label]
        for pool in range(labels.shape[1]):
            row = labels[label, pool]
            cost[label] -= windows.numbers[row, 2] - windows.numbers[row, 1]
    return cost


@compiled
def equal(one: Integers, other: Integers) -> bool:
    """Whether two labels are the same."""
    for pool in range(one.size):
        if one[pool] != other[pool]:
            return False
    return True


@compiled
def placed(found: Integers, count: int, size: int) -> Integers:
    """A new table of labels with so many slots."""
    table = np.full(size, -1, dtype=np.int64)
    for label in range(count):
        slot = mixed(found[label]) & (size - 1)
        while table[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        table[slot] = label
    return table


@compiled
def wider(found: Integers, value: Floats, parent: Integers) -> tuple[Integers, Floats, Integers]:
    """The same labels with room for twice as many."""
    count = value.size
    rows, values, parents = (
        np.empty((2 * count, found.shape[1]), dtype=np.int64),
        np.empty(2 * count),
        np.empty(2 * count, dtype=np.int64),
    )
    for label in range(count):
        values[label], parents[label] = value[label], parent[label]
        for pool in range(found.shape[1]):
            rows[label, pool] = found[label, pool]
    return rows, values, parents


@compiled
def reachable(
    edge: Integers,
    counts: Integers,
    stage: Floats,
    onward: Floats,
    start: Floats,
    initial: Integers,
    value: float,
    limit: float,
) -> Integers:
    """Which states of one pool lie on a course that costs at most `limit` more than its cheapest one (row,): 1 or 0."""
    kept = np.zeros(stage.size, dtype=np.int64)
    excess = np.full(stage.size, np.inf)
    for t in range(edge.size - 1):
        for state in range(edge[t], edge[t + 1]):
            if t == 0:
                cost = onward[state] - value
                for kind in range(counts.shape[1]):
                    if initial[0] >= 0:
                        cost += start[0, kind] * max(counts[state, kind] - initial[kind], 0)
                excess[state] = cost
            else:
                for before in range(edge[t - 1], edge[t]):
                    if kept[before]:
                        cost = excess[before] + onward[state] - onward[before] + stage[before]
                        for kind in range(counts.shape[1]):
                            cost += start[t, kind] * max(counts[state, kind] - counts[before, kind], 0)
                        excess[state] = min(excess[state], cost)
            kept[state] = 1 if excess[state] <= limit else 0
    return kept
