"""Repair: block-coordinate descent on the true site cost, whole servers and caps included.

Pools are taken in turn; with all others fixed, one pool's course is planned again by the same dynamic programme, with
what its states would really do to the site added to their cost. It only ever looks for better plans; the bound does
not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.quantities import SiteVector, contribution, site_axes
from dynamo_plan.problem import PoolProblem, Problem
from dynamo_plan.solve.coupling import Meter, direct_prices, energy_price
from dynamo_plan.solve.pricing import Course, cheapest_through, pool_prices
from dynamo_plan.solve.states import PoolPrices, StateSpace, WindowStates, windows_of
from dynamo_plan.units import WATTS_PER_KILOWATT, WH_PER_KWH

CANDIDATES = 48
"""States per pool and window that a repair may choose from, cheapest first."""

ROUNDS = 6
"""Passes over all pools at most; two or three settle nearly always."""

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
        total = total + contribution(problem, pool, course.counts, course.power_w)
    return Plan(courses, total)


def repair(problem: Problem, spaces: list[StateSpace], start: list[Course], prices: SiteVector) -> Plan:
    """Courses that together cost no more than the given ones under whole servers and caps.

    Parameters
    ----------
    start : list of Course
        One per pool.
    prices : SiteVector
        Prices that choose each pool's candidate states; usually the master's duals.
    """
    plan = joint(problem, start)
    choices = [
        near_states(space, pool_prices(problem, pool, prices), course, _slack(problem, pool))
        for space, pool, course in zip(spaces, problem.pools, start, strict=True)
    ]
    scale = sum(abs(course.value) for course in start) / max(len(problem.windows), 1)
    meters = [_Costs(problem, site, PENALTY * max(scale, 1e-9)) for site in range(len(problem.sites))]
    order = sorted(range(len(start)), key=lambda p: (-float(start[p].power_w.sum()), p))
    for _ in range(ROUNDS):
        changed = False
        for p in order:
            pool = problem.pools[p]
            old = plan.courses[p]
            others = plan.amounts - contribution(problem, pool, old.counts, old.power_w)
            new = meters[site_axes(problem).sites.index(pool.site)].best_course(spaces[p], pool, choices[p], others)
            if not np.array_equal(new.counts, old.counts):
                courses = [*plan.courses]
                courses[p] = new
                plan = Plan(courses, others + contribution(problem, pool, new.counts, new.power_w))
                changed = True
        if not changed:
            break
    return plan


def _slack(problem: Problem, pool: PoolProblem) -> NDArray[np.float64]:
    """What one server more or less is worth in a window (window,) [objective]: the room in which moving GPUs can pay."""
    home = site_axes(problem).sites.index(pool.site)
    most = max(spec.server_idle_w + spec.per_server * spec.unused_gpu_w for spec in problem.sites[home].gpus.values())
    return np.asarray(np.abs(energy_price(problem)[home]) * most * problem.windows.hours / WATTS_PER_KILOWATT)


def near_states(
    space: StateSpace, prices: PoolPrices, course: Course, slack: NDArray[np.float64]
) -> list[WindowStates]:
    """States whose lower bound is within `slack` [objective] of surviving, the cheapest of each window, and the course's own."""
    window, counts = space.near(prices, space.detour(prices, slack))
    lower = (prices.instance[window] * counts).sum(axis=1)
    lower += prices.energy[window] * space.kwh(space.bound_w(window, counts))
    order = np.lexsort((lower, window))
    rank = np.arange(window.size) - np.searchsorted(window[order], window[order])
    kept = np.sort(order[rank < CANDIDATES])
    window = np.append(window[kept], np.arange(course.power_w.size))
    counts = np.concatenate([counts[kept], course.counts])
    _, first = np.unique(np.column_stack([window, counts]), axis=0, return_index=True)
    window, counts = window[first], counts[first]
    power = space.power_w(window, counts)
    return [WindowStates(counts[here], power[here]) for _, here in windows_of(window, course.power_w.size)]


class _Costs:
    """True cost of one pool's candidate states, given what all others use."""

    def __init__(self, problem: Problem, site: int, penalty: float) -> None:
        self.problem = problem
        self.site = site
        self.penalty = penalty
        self.meter = Meter(problem, site)
        self.energy_price = energy_price(problem)[site]
        self.direct = direct_prices(problem)

    def best_course(
        self, space: StateSpace, pool: PoolProblem, choices: list[WindowStates], others: SiteVector
    ) -> Course:
        """The pool's cheapest course with the others fixed."""
        axes = site_axes(self.problem)
        hours = self.problem.windows.hours
        sizes = [here.power_w.size for here in choices]
        window = np.repeat(np.arange(len(choices)), sizes)
        counts = np.concatenate([here.counts for here in choices])
        power = np.concatenate([here.power_w for here in choices])
        used: dict[str, NDArray[np.float64]] = {}
        for row, (site, gpu) in enumerate(axes.stocks):
            if site == pool.site:
                own = sum(
                    (counts[:, k] * kind.gpus for k, kind in enumerate(pool.kinds) if kind.gpu == gpu),
                    np.zeros(window.size),
                )
                used[gpu] = others.gpus_in_use[row][window] + own
        energy = others.instance_energy_kwh[self.site][window] + power * hours / WH_PER_KWH
        overhead = self.meter.overhead_w(used) * hours / WATTS_PER_KILOWATT
        extra = overhead * self.energy_price[window] + self.penalty * self.meter.excess(window, used, energy)
        return cheapest_through(
            choices,
            pool_prices(self.problem, pool, self.direct),
            space.window_h,
            np.split(extra, np.cumsum(sizes)[:-1]),
        )
