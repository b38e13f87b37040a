"""Plans from the window bound: roll through the windows, then polish them one by one.

Every window is solved exactly over all pools, so whole servers stay well filled; what the windows owe each other,
start costs, comes from the neighbours already planned and from the chains' cost-to-go.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.solve.windows import Counts, WindowBound

POLISHES = 4
"""Sweeps of window-wise descent at most."""


def roll(bound: WindowBound, *, backward: bool) -> Counts:
    """A plan window by window: true start costs towards the neighbour just planned, the chains' cost-to-go to the other side.

    Returns counts (window, kind) per pool. Every window is solved exactly over all pools, so whole servers stay well filled.
    """
    counts = [np.zeros(prices.instance.shape, dtype=np.int64) for prices in bound.prices]
    last = bound.energy.size - 1
    ahead = bound.chains.forward(bound.potential) + bound.potential if backward else None
    adders = bound.adders(bound.chains.backward(bound.potential) if ahead is None else ahead)
    for t in range(last, -1, -1) if backward else range(last + 1):
        _replan(bound, counts, t, adders, before=not backward and t > 0, after=backward and t < last)
    return counts


def polish(bound: WindowBound, counts: Counts) -> Counts:
    """Window-wise descent: every window planned anew over all pools with its two neighbours fixed, until nothing changes."""
    counts = [own.copy() for own in counts]
    last = bound.energy.size - 1
    nothing = [np.zeros(options.window.size) for options in bound.options]
    for _ in range(POLISHES):
        before = [own.copy() for own in counts]
        for t in range(last + 1):
            _replan(bound, counts, t, nothing, before=t > 0, after=t < last)
        if all(np.array_equal(old, new) for old, new in zip(before, counts, strict=True)):
            break
    return counts


def _replan(
    bound: WindowBound, counts: Counts, t: int, adders: list[NDArray[np.float64]], *, before: bool, after: bool
) -> None:
    """Plan one window over all pools, with true start costs towards the neighbours that count; changes `counts`."""
    costs, levels = [], []
    for pool, options in enumerate(bound.options):
        here = slice(options.edge[t], options.edge[t + 1])
        own, start = options.counts[here], np.maximum(bound.prices[pool].least_start, 0.0)
        cost = options.cost[here] + adders[pool][here]
        if before:
            cost = cost + np.maximum(own - counts[pool][t - 1], 0) @ start[t]
        if after:
            cost = cost + np.maximum(counts[pool][t + 1] - own, 0) @ start[t + 1]
        costs.append(cost)
        levels.append(options.level[here])
    for pool, index in enumerate(_one_window(costs, levels, bound.servers[t])):
        counts[pool][t] = bound.options[pool].counts[bound.options[pool].edge[t] + index]


def _one_window(
    costs: list[NDArray[np.float64]], levels: list[NDArray[np.int64]], nonlinear: NDArray[np.float64]
) -> list[int]:
    """Option of every pool (pool) that together cost least in one window; costs and levels per option."""
    table = np.zeros(1)
    history: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for cost, level in zip(costs, levels, strict=True):
        new = np.full(table.size + int(level.max()), np.inf)
        choice = np.zeros(new.size, dtype=np.int64)
        order = np.lexsort((cost, level))
        best = order[np.append(True, np.diff(level[order]) > 0)]
        for index in best:
            part = slice(level[index], level[index] + table.size)
            trial = table + cost[index]
            better = trial < new[part]
            new[part][better], choice[part][better] = trial[better], index
        history.append((choice, level))
        table = new
    at = int((table + nonlinear[: table.size]).argmin())
    found: list[int] = []
    for choice, level in reversed(history):
        found.append(int(choice[at]))
        at -= int(level[found[-1]])
    return found[::-1]
