"""A good state of one window to hold all others against, found before any is enumerated: trials, and descent in their bounds."""

from __future__ import annotations

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled
from dynamo_plan.solve.kernels.moves import Ahead, onward
from dynamo_plan.solve.kernels.rows import copied
from dynamo_plan.solve.kernels.states import ROUNDING, admits, bound_at, fill_up, priced
from dynamo_plan.solve.tables import PoolLimits, PoolTables

DESCENT = 64
"""Steps at most from a trial state to a neighbour of lower bound, in search of a good reference."""

TRIALS = 16
"""States after a window that are tried as a reference in it, cheapest first."""


@compiled
def bounded(
    tables: PoolTables,
    limits: PoolLimits,
    t: int,
    per_watt: float,
    fixed: Floats,
    ahead: Ahead,
    counts: Integers,
    share: Floats,
) -> float:
    """Lower bound on the value of a state."""
    bound = bound_at(tables, limits.mix[t], counts, limits.loads[t, 0], per_watt, share)
    return bound + priced(fixed, t, counts) + onward(counts, ahead)[0]


@compiled
def neighbour(tables: PoolTables, limits: PoolLimits, t: int, counts: Integers, move: int, trial: Integers) -> bool:
    """Write a move from a state into `trial`; whether it leads to an admitted state.

    One instance less, topped up by another kind, or one more, with as few of another kind as then suffice.
    """
    kinds = counts.size
    kind, other, change = move // (2 * kinds), (move // 2) % kinds, 2 * (move % 2) - 1
    copied(trial, counts)
    trial[kind] += change
    if trial[kind] < 0:
        return False
    if other != kind:
        if change > 0:
            trial[other] = 0
        if not fill_up(tables, limits, t, trial, other):
            return False
    return admits(tables, limits, t, trial)


@compiled
def promising(
    tables: PoolTables, limits: PoolLimits, t: int, per_watt: float, fixed: Floats, ahead: Ahead, share: Floats
) -> tuple[Integers, Integers, bool]:
    """Two states of low bound: the best of those after the window and of every kind alone, and where descent leads from it."""
    after, _, alive, _, _ = ahead
    kinds = fixed.shape[1]
    trial, first, found = (
        np.zeros(kinds, dtype=np.int64),
        np.zeros(kinds, dtype=np.int64),
        np.zeros(kinds, dtype=np.int64),
    )
    best = np.inf
    for one in range(min(alive, TRIALS) + kinds):
        able = False
        if one < kinds:
            trial[:] = 0
            able = fill_up(tables, limits, t, trial, one)
        else:
            copied(trial, after[one - kinds])
            able = admits(tables, limits, t, trial)
            for place in range(kinds):
                if not able:
                    copied(trial, after[one - kinds])
                    able = fill_up(tables, limits, t, trial, limits.kinds[1, place])
        if able:
            bound = bounded(tables, limits, t, per_watt, fixed, ahead, trial, share)
            if bound < best:
                best = bound
                copied(first, trial)
    second = first.copy()
    for _ in range(DESCENT if best < np.inf else 0):
        improved = False
        for move in range(2 * kinds * kinds):
            if neighbour(tables, limits, t, second, move, trial):
                bound = bounded(tables, limits, t, per_watt, fixed, ahead, trial, share)
                if bound < best - ROUNDING * abs(best):
                    best, improved = bound, True
                    copied(found, trial)
        if not improved:
            break
        copied(second, found)
    return first, second, best < np.inf
