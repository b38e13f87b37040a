"""Closing the gap: the cheapest plan of all pools of a site together, searched within a growing distance from the bound.

At the prices of the best Lagrangian bound every plan costs that bound plus an excess (`dynamo_plan.solve.kernels.joint`).
All plans within a limit of excess are searched; where there is one, the cheapest of them is the optimum, where there is
none, the bound rises by the limit and the limit grows. So the search proves something at every step, and it can stop at
any time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.constraints import gpu_stock, power_cap, server_starts, servers_on, split_load, start_limit
from dynamo_plan.model.quantities import SiteVector, site_axes, start_energy_kwh
from dynamo_plan.problem import Problem
from dynamo_plan.solve.coupling import applicable, direct_prices, draws
from dynamo_plan.solve.courses import Course, NearOptimal, PoolPrices
from dynamo_plan.solve.kernels import joint as kernels
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.solve.states import StateSpace, TooManyStatesError

MOST_POOLS = 40
"""Pools of a site up to which they are searched together; with more, states of the window bound and repairs are closer anyway."""

MOST_LABELS = 150_000
"""Joint states of one window before the search gives up its proof; over a week some hundred megabytes."""

MOST_STEPS = 20_000_000
"""Steps in one window before it does; about a second."""

BEAM = 10_000
"""Joint states per window of a search that could not look at all; what it finds is a plan without a proof."""

RIVALS = 64
"""Joint states, cheapest first, that each is held against; farther ones rule out little."""

FIRST_LIMIT = 2e-5
"""Relative to the bound: the first limit of the search."""

GROWTH = 1.5
"""Factor by which the limit grows where no plan was found."""

HOPELESS = 10.0
"""Relative to the bound: where nothing within this limit holds the caps, no row of windows does."""

SMALLEST_GROWTH = 1.1
"""Factor by which a limit must exceed the last one proven to be worth a try, once some limit was too large."""

PROVEN = "joint search: no plan of all pools together lies between the Lagrangian bound and this one"


def searchable(problem: Problem, spaces: list[StateSpace]) -> bool:
    """Whether the search applies: few pools per site, constraints that it knows or may relax, and servers that draw nothing themselves.

    What whole servers draw leaves a gap of the Lagrangian bound too wide to search; the window bound is the tool for it.
    """
    few = all(sum(space.pool.site == site.name for space in spaces) <= MOST_POOLS for site in problem.sites)
    # A limit on starts is relaxed by the search, and boots of servers that draw nothing cost nothing: the bound stays one.
    rows = {gpu_stock.NAME, power_cap.NAME, servers_on.NAME, server_starts.NAME, start_limit.NAME, split_load.NAME}
    return (
        few
        and not problem.loads()
        and not problem.transitions.reshards
        and not draws(problem)
        and set(applicable(problem)) <= rows
        and ends_free(problem)
    )


def ends_free(problem: Problem) -> bool:
    """Whether no start after the last window draws on its power cap."""
    capped = {site.name for site in problem.sites if np.isfinite(site.power_cap_kw).any()}
    return not any(pool.final_counts is not None and pool.site in capped for pool in problem.pools)


@dataclass(frozen=True, slots=True)
class JointResult:
    """End of a search: a bound [objective], and the cheapest courses of the site's pools if they were found."""

    bound: float
    courses: list[Course] | None


class JointSearch:
    """The search for one site, whose servers draw nothing themselves.

    Parameters
    ----------
    spaces : list of StateSpace
        Of all the site's pools.
    prices : SiteVector
        Prices of site quantities, from the master.
    """

    def __init__(self, problem: Problem, home: int, spaces: list[StateSpace], prices: SiteVector) -> None:
        self.problem, self.home, self.spaces = problem, home, spaces
        self.site = problem.sites[home]
        self.axes = site_axes(problem)
        self.types = self.site.gpu_types()
        self.rows = [self.axes.stocks.index((self.site.name, gpu)) for gpu in self.types]
        plain, own = direct_prices(problem), direct_prices(problem)
        self.cap_kwh = self.site.power_cap_kw * problem.windows.hours / self.site.pue
        capped = np.isfinite(self.cap_kwh)
        self.mu = np.where(
            capped, np.maximum(prices.instance_energy_kwh[home] - plain.instance_energy_kwh[home], 0.0), 0.0
        )
        own.instance_energy_kwh[home] += self.mu
        self.stock = np.column_stack([self.site.stock[gpu] for gpu in self.types])
        self.price = np.zeros(self.stock.shape)
        constant = -float((self.mu[capped] * self.cap_kwh[capped]).sum())
        for index, row in enumerate(self.rows):
            limited = np.isfinite(self.stock[:, index])
            dual = np.maximum(prices.gpus_in_use[row] - plain.gpus_in_use[row], 0.0)
            self.price[:, index] = np.where(limited, dual, 0.0)
            own.gpus_in_use[row] += self.price[:, index]
            constant -= float((self.price[limited, index] * self.stock[limited, index]).sum())
        self.prices = [pool_prices(problem, space.pool, own) for space in spaces]
        self.courses = [space.cheapest(price) for space, price in zip(spaces, self.prices, strict=True)]
        self.bound = constant + sum(course.bound for course in self.courses)

    def search(self, best: float, deadline: float, report: Callable[[float], None]) -> JointResult:
        """Grow the limit until a plan is found or `best`, the value of a known plan [objective], is proven.

        Where a limit is too large to look at everything within it, smaller ones are tried between it and the last one that was not.
        """
        if any(course.bound != course.value for course in self.courses):
            return JointResult(self.bound, None)
        proven, too_large = 0.0, float("inf")
        limit, found = FIRST_LIMIT * abs(self.bound), None
        while monotonic() < deadline and self.bound + proven < best:
            limit = min(limit, best - self.bound)
            if (
                limit > HOPELESS * abs(self.bound)
                or limit >= too_large
                or (np.isfinite(too_large) and limit < proven * SMALLEST_GROWTH)
            ):
                break
            try:
                value, courses, complete = self._within(limit, deadline, thoroughly=True)
            except TooManyStatesError:
                break
            if courses is not None and value < best:
                best, found = value, courses
            if complete:
                proven = limit if courses is None else best - self.bound
                report(self.bound + proven)
            else:
                too_large = limit
                value, courses, _ = self._within(limit, deadline, thoroughly=False)
                if courses is not None and value < best:
                    best, found = value, courses
            limit = min(GROWTH * proven, math.sqrt(proven * too_large)) if proven > 0 else too_large / GROWTH
        if not np.isfinite(best) and np.isfinite(too_large):
            found = self._some(too_large, deadline)
        return JointResult(min(self.bound + proven, best), found)

    def _some(self, limit: float, deadline: float) -> list[Course] | None:
        """Any plan within growing limits, among the most promising joint states only."""
        courses = None
        while courses is None and monotonic() < deadline:
            try:
                _, courses, _ = self._within(limit, deadline, thoroughly=False)
            except TooManyStatesError:
                return None
            limit *= GROWTH
        return courses

    def _within(self, limit: float, deadline: float, *, thoroughly: bool) -> tuple[float, list[Course] | None, bool]:
        """The cheapest plan found within the limit, its value, and whether all plans within the limit were looked at.

        Thoroughly it gives up at the first window with too many joint states; otherwise it goes on with the most promising.
        """
        lists = [self._reachable(space, price, limit) for space, price in zip(self.spaces, self.prices, strict=True)]
        windows = self._shared(lists)
        count, forgets = len(self.problem.windows), self._forgets(windows)
        labels, excess = np.full((1, len(lists)), -1, dtype=np.int64), np.zeros(1)
        history: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        first, complete = np.array([near.value for near in lists]), True
        most = (MOST_LABELS, MOST_STEPS) if thoroughly else (BEAM, MOST_STEPS // 10)
        for t in range(count):
            offset = first if t == 0 else np.zeros(len(lists))
            labels, excess, parent, whole = kernels.extended(
                windows, t, labels, excess, offset, self._initial(), limit, most
            )
            complete = complete and whole
            if excess.size == 0 or (thoroughly and not whole) or monotonic() > deadline:
                return float("inf"), None, complete and excess.size == 0
            order = np.argsort(kernels.cost_so_far(windows, labels, excess), kind="stable")
            if t + 1 < count and forgets[t]:
                order = kernels.thinned(windows, t, labels, excess, order, RIVALS)
            # Best first: where there are too many to look at all, the most promising ones come first.
            order = order[np.argsort(excess[order], kind="stable")]
            labels, excess, parent = labels[order], excess[order], parent[order]
            history.append((labels, parent))
        at, value = 0, self.bound + float(excess[0])
        rows = np.empty((count, len(lists)), dtype=np.int64)
        for t in range(count - 1, -1, -1):
            labels, parent = history[t]
            rows[t], at = labels[at], int(parent[at])
        return value, [self._course(space, windows, rows[:, pool]) for pool, space in enumerate(self.spaces)], complete

    def _course(self, space: StateSpace, windows: kernels.SharedWindows, rows: NDArray[np.int64]) -> Course:
        """A pool's course through rows (window,) of the table."""
        counts = windows.counts[rows, : len(space.pool.kinds)]
        return Course(counts, space.power_w(np.arange(rows.size), counts), float("nan"))

    def _forgets(self, windows: kernels.SharedWindows) -> NDArray[np.bool_]:
        """After which windows only the state counts for what follows: no start there can break a power cap (window,)."""
        count, pools = len(self.problem.windows), len(self.spaces)
        first = windows.edge[:-1]
        most_kwh = np.maximum.reduceat(windows.numbers[:, 0], first).reshape(count, pools).sum(axis=1)
        most = np.maximum.reduceat(windows.counts, first).reshape(count, pools, -1)
        least = np.minimum.reduceat(windows.counts, first).reshape(count, pools, -1)
        starts = np.maximum(most[1:] - least[:-1], 0).sum(axis=(1, 2))
        safe = most_kwh[1:] + starts * windows.start_kwh <= self.cap_kwh[1:]
        return np.append(safe | (windows.start_kwh == 0.0), True)

    def _initial(self) -> NDArray[np.int64]:
        """Instances before the first window (pool, kind), -1 where free."""
        initial = np.full((len(self.spaces), max(len(space.pool.kinds) for space in self.spaces)), -1, dtype=np.int64)
        for pool, space in enumerate(self.spaces):
            if space.pool.initial_counts is not None:
                initial[pool] = 0
                initial[pool, : len(space.pool.kinds)] = space.pool.initial_counts
        return initial

    def _reachable(self, space: StateSpace, prices: PoolPrices, limit: float) -> NearOptimal:
        near = space.near_optimal(prices, limit)
        initial = space.pool.initial_counts
        kept = kernels.reachable(
            near.edge,
            near.counts,
            near.stage,
            near.onward,
            prices.start,
            np.full(len(space.pool.kinds), -1) if initial is None else initial,
            near.value,
            limit,
        )
        size = np.add.reduceat(kept, near.edge[:-1])
        chosen = kept == 1
        return NearOptimal(
            near.value,
            np.concatenate([[0], np.cumsum(size)]),
            near.counts[chosen],
            near.power_w[chosen],
            near.stage[chosen],
            near.onward[chosen],
            near.place[chosen],
        )

    def _use(self, space: StateSpace, near: NearOptimal) -> NDArray[np.int64]:
        """GPUs of a pool's states (row, gpu type)."""
        gpus = np.zeros((near.stage.size, len(self.types)), dtype=np.int64)
        for index, kind in enumerate(space.pool.kinds):
            gpus[:, self.types.index(kind.gpu)] += near.counts[:, index] * kind.gpus
        return gpus

    def _shared(self, lists: list[NearOptimal]) -> kernels.SharedWindows:
        """All pools' states in one table, sorted by window, then pool."""
        windows, pools = len(self.problem.windows), len(lists)
        kinds = max(len(space.pool.kinds) for space in self.spaces)
        order, sizes, parts = [], [], []
        start = np.zeros((windows, pools, kinds))
        for pool, (near, space) in enumerate(zip(lists, self.spaces, strict=True)):
            size = np.diff(near.edge)
            order.append(np.repeat(np.arange(windows), size) * pools + pool)
            sizes.append(size)
            counts = np.zeros((near.stage.size, kinds), dtype=np.int64)
            counts[:, : len(space.pool.kinds)] = near.counts
            parts.append(
                (counts, self._use(space, near), np.column_stack([space.kwh(near.power_w), near.stage, near.onward]))
            )
            start[:, pool, : len(space.pool.kinds)] = self.prices[pool].start
        by_window = np.argsort(np.concatenate(order), kind="stable")
        edge = np.concatenate([[0], np.cumsum(np.stack(sizes, axis=1).ravel())])
        return kernels.SharedWindows(
            edge=edge.astype(np.int64),
            counts=np.concatenate([part[0] for part in parts])[by_window],
            gpus=np.concatenate([part[1] for part in parts])[by_window],
            numbers=np.concatenate([part[2] for part in parts])[by_window],
            start=start,
            stock=self.stock,
            energy=np.column_stack([self.cap_kwh, self.mu]),
            price=self.price,
            start_kwh=start_energy_kwh(self.problem),
        )
