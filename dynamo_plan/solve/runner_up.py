"""Runners-up: what a pool would cost with some of its kinds only, at the same prices of what it shares with others.

Regret is the difference to the pool's cheapest course with all its kinds. Both are exact for a pool by itself; what it uses of limits
that bind it pays for at their shadow prices, and of servers its share. Limits as such and least up times are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from dynamo_plan.model.quantities import SiteVector
from dynamo_plan.problem import PoolProblem, Problem
from dynamo_plan.schema.alternative import Alternative
from dynamo_plan.schema.kind import Kind
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.solve.states import StateSpace, admitted


def alternatives(problem: Problem, prices: SiteVector, main: Mapping[str, Kind], threads: int) -> list[Alternative]:
    """Every ordinary pool with each of its kinds only and, where it has more than two, without its main one.

    Parameters
    ----------
    prices : SiteVector
        Of site quantities.
    main : mapping of str to Kind
        By pool, the kind to do without; pools that use none are not in it.
    threads : int
        Threads that price pools.
    """

    def of_pool(pool: PoolProblem) -> list[Alternative]:
        best = _cost(problem, pool, set(pool.kinds), prices)
        assert best is not None, "assembly refuses pools that no kind can serve"
        choices: list[tuple[Kind | None, tuple[Kind, ...]]] = []
        if len(pool.kinds) > 2 and pool.name in main:
            choices.append((main[pool.name], tuple(kind for kind in pool.kinds if kind != main[pool.name])))
        choices += [(None, (kind,)) for kind in pool.kinds]
        found = []
        for left_out, kinds in choices:
            cost = best if kinds == pool.kinds else _cost(problem, pool, set(kinds), prices)
            # The cheapest course of all may be within the tolerance of a large search, never above that of a part.
            regret = None if cost is None else max(cost - best, 0.0)
            found.append(Alternative(pool.name, pool.service, kinds, left_out, best, regret))
        return found

    with ThreadPoolExecutor(threads) as workers:
        return [one for found in workers.map(of_pool, problem.pools) for one in found]


def _cost(problem: Problem, pool: PoolProblem, kinds: set[Kind], prices: SiteVector) -> float | None:
    """Cost of the pool's cheapest course with these kinds [objective]; None where they cannot serve it."""
    most = np.where([kind in kinds for kind in pool.kinds], pool.max_instances, 0)
    part = replace(pool, max_instances=most)
    windows = np.arange(pool.mix.size)
    usable = np.array([[curves.capacity_rps > 0 for curves in mix] for mix in pool.mixes])[pool.mix]
    if not admitted(part, windows, np.where(usable, most, 0)).all():
        return None
    space = StateSpace(part, problem.windows.hours)
    return space.cheapest(pool_prices(problem, part, prices)).value
