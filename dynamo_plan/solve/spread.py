"""Starts spread over windows: what would start at once is started earlier and kept idle, so that a limit on starts holds.

A heuristic: it only ever makes plans. Instances that wait are the ones that cost least while they do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.quantities import changes, site_axes
from dynamo_plan.problem import Problem
from dynamo_plan.solve.coupling import Settlement, direct_prices
from dynamo_plan.solve.courses import Course, PoolPrices
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.solve.repair import joint
from dynamo_plan.solve.states import StateSpace


def spread_starts(problem: Problem, spaces: list[StateSpace], courses: list[Course]) -> list[Course]:
    """Courses that hold the limits on starts, as far as earlier starts can; the same courses where these hold already."""
    counts = [course.counts.copy() for course in courses]
    prices = direct_prices(problem)
    own = [pool_prices(problem, space.pool, prices) for space in spaces]
    changed = False
    for site in problem.sites:
        if site.start_limit is None:
            continue
        here = [index for index, space in enumerate(spaces) if space.pool.site == site.name]
        spreading = _Spreading(problem, [spaces[i] for i in here], [own[i] for i in here], [counts[i] for i in here])
        for t in range(len(problem.windows) - 1, 0, -1):
            while spreading.starts(t) > site.start_limit[t] and spreading.start_one_earlier(t):
                changed = True
    if not changed:
        return courses
    line = np.arange(len(problem.windows))
    return [
        replace(course, counts=new, power_w=space.power_w(line, new), value=float("nan"))
        for course, space, new in zip(courses, spaces, counts, strict=True)
    ]


def limits_starts(problem: Problem) -> bool:
    """Whether any site limits starts."""
    return any(site.start_limit is not None for site in problem.sites)


def without_limit(problem: Problem) -> Problem:
    """The problem without limits on starts."""
    return replace(problem, sites=tuple(replace(site, start_limit=None) for site in problem.sites))


def without_min_up(problem: Problem) -> Problem:
    """The problem without a least up time."""
    return replace(problem, transitions=problem.transitions.model_copy(update={"min_up_s": 0.0}))


def loosened(problem: Problem, spaces: list[StateSpace], courses: list[Course]) -> Problem:
    """The problem with its limits on starts raised, window by window, to what a plan without them needs after spreading.

    Parameters
    ----------
    courses : list of Course
        A plan of `without_limit(problem)`, one per pool.
    """
    spread = spread_starts(problem, spaces, courses)
    holds_caps = Settlement(without_limit(problem)).value(joint(problem, spread).amounts) < np.inf
    needed = starts_needed(problem, spread if holds_caps else courses)
    sites = tuple(
        site if site.start_limit is None else replace(site, start_limit=np.maximum(site.start_limit, needed[home]))
        for home, site in enumerate(problem.sites)
    )
    return replace(problem, sites=sites)


def starts_needed(problem: Problem, courses: list[Course]) -> NDArray[np.float64]:
    """Instances that these courses start at every site (site, window)."""
    axes = site_axes(problem)
    total = np.zeros((len(axes.sites), axes.windows))
    for pool, course in zip(problem.pools, courses, strict=True):
        total[axes.sites.index(pool.site)] += changes(problem, pool, course.counts).started.sum(axis=1)
    return total


@dataclass(frozen=True, slots=True)
class _Spreading:
    """One site's pools and their counts (window, kind), which are changed in place."""

    problem: Problem
    spaces: list[StateSpace]
    prices: list[PoolPrices]
    counts: list[NDArray[np.int64]]

    def starts(self, t: int) -> int:
        """Instances that start in a window."""
        return sum(
            int(changes(self.problem, space.pool, own).started[t].sum())
            for space, own in zip(self.spaces, self.counts, strict=True)
        )

    def start_one_earlier(self, t: int) -> bool:
        """Run one instance more in the window before, of those that start in this one; False where none can."""
        options = [
            (cost, index, k)
            for index in range(len(self.spaces))
            for k in np.flatnonzero(self.counts[index][t] > self.counts[index][t - 1]).tolist()
            if (cost := self._cost(index, k, t - 1)) < np.inf
        ]
        if not options:
            return False
        _, index, k = min(options)
        self.counts[index][t - 1, k] += 1
        return True

    def _cost(self, index: int, k: int, t: int) -> float:
        """What one instance more costs in a window; infinite where it may not run, or the stock has no room [objective]."""
        space, prices = self.spaces[index], self.prices[index]
        pool, before = space.pool, self.counts[index][t]
        after = before.copy()
        after[k] += 1
        kind = pool.kinds[k]
        used = sum(
            int(own[t] @ np.array([other.gpus if other.gpu == kind.gpu else 0 for other in one.pool.kinds]))
            for one, own in zip(self.spaces, self.counts, strict=True)
        )
        feasible = bool(pool.mixes[pool.mix[t]][k].curves) and after[k] <= pool.max_instances[k]
        if not feasible or used + kind.gpus > self.problem.site(pool.site).stock[kind.gpu][t]:
            return float("inf")
        window = np.array([t, t])
        stage = space.stage(prices, window, np.array([before, after]), space.power_w(window, np.array([before, after])))
        return float(stage[1] - stage[0])
