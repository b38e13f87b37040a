"""Repair: block-coordinate descent on the true site cost, whole servers and caps included.

Pools are taken in turn; with all others fixed, one pool's course is planned again by the same dynamic programme, with
what its states would really do to the site added to their cost. It only ever looks for better plans; the bound does
not depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.quantities import SiteVector, contribution, site_axes
from dynamo_plan.problem import PoolProblem, Problem
from dynamo_plan.solve.coupling import Meter, direct_prices, energy_price
from dynamo_plan.solve.courses import Course, Pairs, PoolPrices, WindowStates
from dynamo_plan.solve.pricing import cheapest_through, pool_prices
from dynamo_plan.solve.states import StateSpace, end_starts, windows_of
from dynamo_plan.units import WATTS_PER_KILOWATT, WH_PER_KWH

CANDIDATES = 48
"""States per pool and window that a repair may choose from, cheapest first."""

ROUNDS = 6
"""Passes over all pools at most; two or three settle nearly always."""

PAIRED = 8
"""Pools of most power that are planned two at a time."""

PAIR_STATES = 9
"""Candidates per pool and window when two pools are planned together."""

PENALTY = 100.0
"""Cost of exceeding a cap by 100 %, in units of the whole plan's mean cost per window."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Courses of all pools and what they use together."""

    courses: list[Course]
    amounts: SiteVector


def joint(problem: Problem, courses: list[Course]) -> Plan:
    """Courses with the sum of their use."""
    total = site_axes(problem).zeros()
    for pool, course in zip(problem.pools, courses, strict=True):
        total = total + contribution(problem, pool, course.counts, course.power_w, course.share)
    return Plan(courses, total)


class Repairer:
    """Candidate states of every pool, chosen once, and repairs with them from any start.

    Parameters
    ----------
    near : list of Pairs
        Candidate states of every pool with their power [W], sorted by window.
    """

    def __init__(self, problem: Problem, spaces: list[StateSpace], near: list[Pairs]) -> None:
        self.problem = problem
        self.spaces = spaces
        self.near = near

    def repair(self, start: list[Course], *, pairs: bool = False) -> Plan:
        """Courses that together cost no more than the given ones (one per pool) under whole servers and caps.

        Parameters
        ----------
        pairs : bool
            Also plan pools two at a time, so that GPUs can move from one to another with no server more.
        """
        plan = joint(self.problem, start)
        choices = [
            _with_own(space, near, course) for space, near, course in zip(self.spaces, self.near, start, strict=True)
        ]
        scale = float((np.abs(energy_price(self.problem)) * plan.amounts.instance_energy_kwh).mean())
        costs = _Costs(self.problem, PENALTY * max(scale, 1e-9))
        order = sorted(range(len(start)), key=lambda p: (-float(start[p].power_w.sum()), p))
        blocks: list[tuple[int, ...]] = [(p,) for p in order]
        for _ in range(ROUNDS):
            plan, changed = self._sweep(plan, blocks, choices, costs)
            if not changed:
                break
        if pairs:
            pool = self.problem.pools
            blocks = [(p, q) for p, q in combinations(order[:PAIRED], 2) if pool[p].site == pool[q].site]
            plan, changed = self._sweep(plan, blocks, choices, costs)
            if changed:
                plan, _ = self._sweep(plan, [(p,) for p in order], choices, costs)
        return plan

    def _sweep(
        self, plan: Plan, blocks: Sequence[tuple[int, ...]], choices: list[list[WindowStates]], costs: _Costs
    ) -> tuple[Plan, bool]:
        """Plan each block of pools anew with all others fixed; whether anything changed."""
        changed = False
        for block in blocks:
            pools = [self.problem.pools[p] for p in block]
            old = [plan.courses[p] for p in block]
            others = plan.amounts
            for pool, course in zip(pools, old, strict=True):
                others = others - contribution(self.problem, pool, course.counts, course.power_w)
            near = choices[block[0]]
            for p in block[1:]:
                near = _product(near, choices[p], [plan.courses[q] for q in block])
            new = self._split(block, costs.best_course(pools, near, others))
            if all(np.array_equal(before.counts, after.counts) for before, after in zip(old, new, strict=True)):
                continue
            courses = [*plan.courses]
            for p, pool, course in zip(block, pools, new, strict=True):
                courses[p] = course
                others = others + contribution(self.problem, pool, course.counts, course.power_w)
            plan, changed = Plan(courses, others), True
        return plan, changed

    def _split(self, block: tuple[int, ...], course: Course) -> list[Course]:
        """The courses of a block's pools from their joint course."""
        if len(block) == 1:
            return [course]
        edges = np.cumsum([len(self.problem.pools[p].kinds) for p in block])[:-1]
        parts = np.split(course.counts, edges, axis=1)
        line = np.arange(course.power_w.size)
        return [
            Course(counts, self.spaces[p].power_w(line, counts), course.value)
            for p, counts in zip(block, parts, strict=True)
        ]


def _slack(problem: Problem, pool: PoolProblem) -> NDArray[np.float64]:
    """What one server more or less is worth in a window (window,) [objective]: the room in which moving GPUs can pay."""
    home = site_axes(problem).sites.index(pool.site)
    most = max(spec.server_idle_w + spec.per_server * spec.unused_gpu_w for spec in problem.sites[home].gpus.values())
    return np.asarray(np.abs(energy_price(problem)[home]) * most * problem.windows.hours / WATTS_PER_KILOWATT)


def near_states(problem: Problem, spaces: list[StateSpace], prices: SiteVector) -> list[Pairs]:
    """Every pool's candidates at these prices: states that one server more or less could make worth while."""
    found = []
    for space in spaces:
        own = pool_prices(problem, space.pool, prices)
        window, counts = space.within(own, _slack(problem, space.pool))
        found.append(cheapest(space, window, counts, space.lower(own, window, counts)))
    return found


def cheapest(
    space: StateSpace, window: NDArray[np.int64], counts: NDArray[np.int64], cost: NDArray[np.float64]
) -> Pairs:
    """The `CANDIDATES` states of least cost of each window, with their power [W], sorted by window; `window` sorted."""
    order = np.lexsort((cost, window))
    rank = np.arange(window.size) - np.searchsorted(window[order], window[order])
    kept = np.sort(order[rank < CANDIDATES])
    return Pairs(window[kept], counts[kept], space.power_w(window[kept], counts[kept]))


def _with_own(space: StateSpace, near: Pairs, course: Course) -> list[WindowStates]:
    """Per window the candidates and the course's own state."""
    line = np.arange(course.power_w.size)
    window = np.append(near.window, line)
    counts = np.concatenate([near.counts, course.counts])
    power = np.append(near.value, course.power_w)
    _, first = np.unique(window * (space.codes(counts).max() + 1) + space.codes(counts), return_index=True)
    window, counts, power = window[first], counts[first], power[first]
    return [WindowStates(counts[here], power[here]) for _, here in windows_of(window, line.size)]


def _product(first: list[WindowStates], second: list[WindowStates], own: list[Course]) -> list[WindowStates]:
    """Joint states of two pools: per window, of each pool its course's own state and the candidates nearest to it."""
    joined = []
    for t, (left, right) in enumerate(zip(first, second, strict=True)):
        some = [_some(here, course.counts[t]) for here, course in zip((left, right), own, strict=True)]
        i, j = (index.ravel() for index in np.meshgrid(*some, indexing="ij"))
        joined.append(WindowStates(np.hstack([left.counts[i], right.counts[j]]), left.power_w[i] + right.power_w[j]))
    return joined


def _some(here: WindowStates, own: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of the candidates that differ least in instances from a course's own state, cheapest in power first."""
    away = np.abs(here.counts - own).sum(axis=1)
    return np.sort(np.lexsort((here.power_w, away))[:PAIR_STATES])


class _Costs:
    """True cost of candidate states of one or more pools of a site, given what all others use."""

    def __init__(self, problem: Problem, penalty: float) -> None:
        self.problem = problem
        self.penalty = penalty
        self.energy_price = energy_price(problem)
        self.direct = direct_prices(problem)

    def best_course(self, pools: list[PoolProblem], choices: list[WindowStates], others: SiteVector) -> Course:
        """Cheapest joint course of these pools with the others fixed; columns of counts are the pools' kinds in turn."""
        axes = site_axes(self.problem)
        home = axes.sites.index(pools[0].site)
        meter = Meter(self.problem, home)
        hours = self.problem.windows.hours
        sizes = [here.power_w.size for here in choices]
        window = np.repeat(np.arange(len(choices)), sizes)
        counts = np.concatenate([here.counts for here in choices])
        power = np.concatenate([here.power_w for here in choices])
        kinds = [kind for pool in pools for kind in pool.kinds]
        used: dict[str, NDArray[np.float64]] = {}
        for row, (site, gpu) in enumerate(axes.stocks):
            if site == pools[0].site:
                gpus = np.array([kind.gpus if kind.gpu == gpu else 0 for kind in kinds])
                used[gpu] = others.gpus_in_use[row][window] + counts @ gpus
        energy = others.instance_energy_kwh[home][window] + power * hours / WH_PER_KWH
        overhead = meter.overhead_w(used) * hours / WATTS_PER_KILOWATT
        extra = overhead * self.energy_price[home][window] + self.penalty * meter.excess(window, used, energy)
        own = [pool_prices(self.problem, pool, self.direct) for pool in pools]
        edges = np.cumsum([0, *(len(pool.kinds) for pool in pools)])
        for pool, prices, left, right in zip(pools, own, edges[:-1], edges[1:], strict=True):
            extra = extra + end_starts(pool, prices, window, counts[:, left:right])
        if len(pools) == 1:
            return cheapest_through(choices, own[0], hours, np.split(extra, np.cumsum(sizes)[:-1]), pools[0].kinds)
        # Two pools at once take every start as one; what re-shards save shows when their plan is offered.
        joint_prices = PoolPrices(
            own[0].energy, np.hstack([p.instance for p in own]), np.hstack([p.start for p in own])
        )
        return cheapest_through(choices, joint_prices, hours, np.split(extra, np.cumsum(sizes)[:-1]))
