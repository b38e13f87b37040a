r"""Loads that several sites share: which part of each goes where, with a proven bound over all ways to split them.

Once the shares are known every pool serves a load of its own, and the problem is one that the other solvers plan. The bound is the
Lagrangian one of the decomposition with one price more: what serving a whole load is worth in a window, the dual of `split_load`. At
such prices each pool chooses counts and share together, exactly (`dynamo_plan.solve.kernels.course`).

Shares come from the weights of the master's courses, rounded to whole parts, and from every load at one site; from there block
coordinate descent goes on: for fixed counts at the other sites the best counts and shares of one are found exactly, at the prices of the
bound, so that caps are felt. Shares that look best are planned for good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.quantities import SiteVector, contribution
from dynamo_plan.problem import Problem
from dynamo_plan.solve.brackets import CapPrices
from dynamo_plan.solve.coupling import linear_prices
from dynamo_plan.solve.courses import Course, PoolPrices
from dynamo_plan.solve.decomposition import CONVERGED, NEARLY, Decomposition, Progress
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.pricing import cheapest_courses, pool_prices
from dynamo_plan.solve.repair import Plan, joint
from dynamo_plan.solve.scaling import in_unit, unit_of
from dynamo_plan.solve.share_search import ShareSearch, at_parts
from dynamo_plan.solve.solution import Solution, relative_gap
from dynamo_plan.solve.states import StateSpace, admitted
from dynamo_plan.solve.stopping import stopping
from dynamo_plan.solve.warm import compile_pricing, compile_search

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

PASSES = 6
"""Times at most that the sites of a load are planned in turn; two or three suffice."""

IMPROVED = 1e-9
"""Relative; a smaller gain of the descent is rounding."""

BOUND_SHARE = 0.5
"""Share of the time that the bound may take; the rest is for planning with shares decided."""

SEARCHED = "joint search of the pools that share a load, over all shares, at the duals of the site's rows"

PROVEN = "Lagrangian bound over all shares of split loads: every pool's counts and shares planned exactly at the duals of the site's rows"


@dataclass(frozen=True, slots=True)
class Settled:
    """A problem whose shares are decided, with its pools' states and a solution of it.

    ``least_power_kw``: by site whose cap no plan with these shares can hold, the power that some window takes whatever is planned [kW].
    """

    problem: Problem
    spaces: list[StateSpace]
    solution: Solution
    least_power_kw: dict[str, float]


Solve = Callable[[Problem, list[StateSpace], float], tuple[Solution, dict[str, float]]]
"""Plans a problem whose shares are decided until a deadline (by `time.monotonic`)."""


class SplitSearch(Decomposition):
    """State of one search for shares: the decomposition of the problem that leaves them open, and the best plan with them decided.

    Parameters
    ----------
    solve : callable
        How a problem is planned once shares are decided.
    """

    def __init__(
        self, problem: Problem, spaces: list[StateSpace], solve: Solve, gap: float, deadline: float, threads: int | None
    ) -> None:
        self.unit = unit_of(problem)
        now = monotonic()
        super().__init__(in_unit(problem, self.unit), spaces, gap, now + BOUND_SHARE * (deadline - now), threads)
        self.near = CONVERGED if problem.transitions.reshards else NEARLY
        self.stated = problem
        self.last = deadline
        self.solve = solve
        self.best: Settled | None = None
        self._tried: set[bytes] = set()

    def _note_bound(self, bound: float, prices: SiteVector, rest: float) -> None:
        super()._note_bound(bound, prices, rest)
        self.proof = PROVEN

    def offer(self, plan: Plan) -> None:
        """Courses of the relaxation rarely make up whole loads; plans come from `settle` alone."""

    def run(self, on_progress: Progress) -> None:
        """Plans with every load at one site, the bound, then shares from the bound's prices and courses."""
        plain = linear_prices(self.problem)
        begun = [self.descend(plain, self.at_shares(plain, shares)) for shares in self._single_sites()]
        self.columns = [
            [replace(courses[pool], value=self._value_of(plain, courses, [pool])) for courses in begun]
            for pool in range(len(self.spaces))
        ]
        first = min(begun, key=lambda courses: self._priced_sum(plain, courses))
        on_progress("solve", 0.05, "shares of loads, each with one site to begin with")
        self.settle(first, on_progress)
        self._first_prices(plain, first)
        if not self.finished():
            self._improve(on_progress)
        if not self.finished() and not self.problem.transitions.reshards:
            self._search_loads(on_progress)
        while not self.finished():
            before = len(self._tried)
            for courses in (self._rounded(), begun[0]):
                if not self.finished():
                    self.settle(self.descend(self.prices, courses), on_progress)
            if self.best is not None and self.best.solution.prices is not None and not self.finished():
                prices = self._without_shares(self.best.solution.prices)
                self.settle(self.descend(prices, self._rounded()), on_progress)
            if len(self._tried) == before:
                return

    def _search_loads(self, on_progress: Progress) -> None:
        """Search every load by itself, at the prices of the best bound: what is left open then, caps and whole servers leave."""
        compile_search()
        found = self.descend(self.prices, self._rounded())
        others = [p for p, space in enumerate(self.spaces) if space.pool.split is None]
        alone = [self.spaces[p] for p in others]
        priced = cheapest_courses(self.problem, alone, self.prices, self.threads, self.last)
        bound = self._rest + float(self.prices.served.sum()) + sum(course.bound for course in priced)
        for p, course in zip(others, priced, strict=True):
            found[p] = course
        for load, members in self._members().items():
            search = ShareSearch(self.problem, load, [self.spaces[p] for p in members], self.prices)

            def report(value: float, name: str = load) -> None:
                on_progress("solve", 0.75, f"joint search of {name}, bound {value:.6g}")

            result = search.search(self._value_of(self.prices, found, members), self.last, report)
            bound += result.bound
            for p, course in zip(members, result.courses or [], strict=False):
                found[p] = course
        if bound > self.bound:
            self.bound, self.proof = bound, SEARCHED
        self.settle(found, on_progress)

    def _members(self) -> dict[str, list[int]]:
        """Pools of every load that sites share, by their number."""
        found: dict[str, list[int]] = {load: [] for load in self.problem.loads()}
        for p, space in enumerate(self.spaces):
            if space.pool.split is not None:
                found[space.pool.split.load].append(p)
        return found

    def finished(self) -> bool:
        """Whether the gap is small enough or the time is up."""
        return relative_gap(self.objective, self.bound) <= self.gap or monotonic() >= self.last

    def settle(self, courses: list[Course], on_progress: Progress) -> None:
        """Plan the problem with the shares of these courses, unless that was done; keep the plan if it is the best so far."""
        shares = {
            space.pool.name: course.share
            for space, course in zip(self.spaces, courses, strict=True)
            if course.share is not None
        }
        key = b"".join(share.tobytes() for share in shares.values())
        if key in self._tried:
            return
        self._tried.add(key)
        problem = self.stated.with_shares(shares)
        spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
        left = self.last - monotonic()
        solution, least = self.solve(problem, spaces, self.last if self.best is None else monotonic() + 0.5 * left)
        if self.best is None or _standing(solution, least) < _standing(self.best.solution, self.best.least_power_kw):
            self.best = Settled(problem, spaces, solution, least)
            self.objective = solution.objective / self.unit if not least else float("inf")
        on_progress("solve", 0.6, f"shares planned {len(self._tried)} times, plan {self.best.solution.objective:.6g}")

    def descend(self, prices: SiteVector, courses: list[Course]) -> list[Course]:
        """Better courses that make up whole loads, by planning one site after the other at prices of site quantities."""
        own = [pool_prices(self.problem, space.pool, prices) for space in self.spaces]
        found = list(courses)
        for members in self._members().values():
            self._descend_load(prices, own, found, members)
        return found

    def _descend_load(self, prices: SiteVector, own: list[PoolPrices], found: list[Course], members: list[int]) -> None:
        """The same for one load, in place."""
        value = self._value_of(prices, found, members)
        for _ in range(PASSES):
            before = value
            for pool in members:
                others = [other for other in members if other != pool]
                offer, levels = best_parts([served_cost(self.spaces[q], own[q], found[q].counts) for q in others])
                with stopping(self.last) as stop:
                    course = self.spaces[pool].cheapest(own[pool], stop, offer[:, ::-1])
                if not np.isfinite(course.value) or course.share is None:
                    continue
                parts = offer.shape[1] - 1
                taken = np.rint(course.share * parts).astype(np.int64)
                trial = {pool: replace(course, value=float("nan"), bound=float("-inf"))}
                rest = levels[np.arange(taken.size), parts - taken]
                for place, q in enumerate(others):
                    trial[q] = at_parts(self.spaces[q], found[q].counts, rest[:, place])
                now = self._value_of(prices, [trial.get(p, course) for p, course in enumerate(found)], members)
                if now < value - IMPROVED * abs(value):
                    value = now
                    for q, better in trial.items():
                        found[q] = better
            if value >= before - IMPROVED * abs(before):
                return

    def at_shares(self, prices: SiteVector, shares: dict[str, Floats]) -> list[Course]:
        """Every pool's cheapest course that takes these shares, by pool name, shape (window,) [1]."""
        problem = self.problem.with_shares(shares)
        spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
        found = cheapest_courses(problem, spaces, prices, self.threads, self.last)
        return [
            replace(course, share=shares.get(space.pool.name)) for space, course in zip(self.spaces, found, strict=True)
        ]

    def _single_sites(self) -> list[dict[str, Floats]]:
        """Shares with every load whole at one site: at its first, at its second, ..."""
        members = {load: [self.spaces[p].pool.name for p in own] for load, own in self._members().items()}
        windows = len(self.problem.windows)
        return [
            {
                name: np.full(windows, float(place == min(choice, len(own) - 1)))
                for own in members.values()
                for place, name in enumerate(own)
            }
            for choice in range(max(len(own) for own in members.values()))
        ]

    def _first_prices(self, plain: SiteVector, courses: list[Course]) -> None:
        """A first bound: a load is worth what serving it costs in these courses."""
        prices = replace(plain, served=-self._cost_of_loads(plain, courses))
        plan = joint(self.problem, courses)
        worth = CapPrices(self.problem, plan.amounts).worth() - float(prices.served.sum())
        self._note_bound(worth + sum(course.bound for course in self._price_columns(prices)), prices, worth)

    def _cost_of_loads(self, prices: SiteVector, courses: list[Course]) -> Floats:
        """What these courses cost at prices of site quantities, by load and window (load, window) [objective]."""
        loads = self.problem.loads()
        cost = np.zeros((len(loads), len(self.problem.windows)))
        for space, course in zip(self.spaces, courses, strict=True):
            if space.pool.split is not None:
                use = contribution(self.problem, space.pool, course.counts, course.power_w)
                priced = (use.gpus_in_use * prices.gpus_in_use + use.gpu_hours * prices.gpu_hours).sum(axis=0)
                priced += (use.instance_energy_kwh * prices.instance_energy_kwh).sum(axis=0)
                priced += (use.instance_starts * prices.instance_starts).sum(axis=0)
                cost[loads.index(space.pool.split.load)] += priced
        return cost

    def _rounded(self) -> list[Course]:
        """Courses at the shares of the master's weights, rounded to whole parts that make up every load."""
        shares: dict[str, Floats] = {}
        weights = self.weights()
        for members in self._members().values():
            mean = np.stack([self._mean_share(p, weights[p]) for p in members])
            parts = self.spaces[members[0]].shares.size - 1
            for p, own in zip(members, whole_parts(mean, parts), strict=True):
                shares[self.spaces[p].pool.name] = own / parts
        return self.at_shares(self.prices, shares)

    def _mean_share(self, pool: int, weights: Floats) -> Floats:
        """Mean share of a pool's courses, by their weights (window,) [1]."""
        shares = [course.share for course in self.columns[pool][: weights.size] if course.share is not None]
        return np.asarray(np.tensordot(weights, np.stack(shares), axes=1))

    def _without_shares(self, prices: SiteVector) -> SiteVector:
        """Prices of a plan with shares decided, in this search's unit; it has none of loads."""
        scaled = {
            name: getattr(prices, name) / self.unit
            for name in ("gpus_in_use", "gpu_hours", "instance_energy_kwh", "instance_starts")
        }
        return SiteVector(**scaled, served=np.zeros((len(self.problem.loads()), len(self.problem.windows))))

    def _priced_sum(self, prices: SiteVector, courses: list[Course]) -> float:
        return self._value_of(prices, courses, list(range(len(courses))))

    def _value_of(self, prices: SiteVector, courses: list[Course], members: list[int]) -> float:
        """Cost of some pools' courses at prices of site quantities, shares apart [objective]; infinite where one is impossible."""
        total = 0.0
        for pool in members:
            course = courses[pool]
            if course.counts.size == 0 or not np.isfinite(course.power_w).all():
                return float("inf")
            total += prices.dot(contribution(self.problem, self.spaces[pool].pool, course.counts, course.power_w))
        return total


def served_cost(space: StateSpace, prices: PoolPrices, counts: Counts) -> Floats:
    """Cost of the energy with which these counts serve each share (window, share) [objective]; infinite where they cannot."""
    windows, shares = counts.shape[0], space.shares.size
    if windows == 0:
        return np.full((space.pool.mix.size, shares), np.inf)
    stage = np.arange(windows * shares)
    each = np.repeat(counts, shares, axis=0)
    able = admitted(space.staged, stage, each)
    cost = np.full(stage.size, np.inf)
    energy = np.repeat(prices.energy, shares)[able]
    cost[able] = energy * space.kwh(space.power_w(stage[able], each[able]))
    return cost.reshape(windows, shares)


def best_parts(costs: list[Floats]) -> tuple[Floats, Counts]:
    """How sites with fixed counts best serve 0, 1, ... parts of a load together.

    Parameters
    ----------
    costs : list of array, shape (window, parts)
        Cost of each site's serving that many parts [objective].

    Returns
    -------
    Least cost together (window, parts) [objective], and the parts of each site there (window, parts, site).
    """
    total, levels = costs[0], np.tile(np.arange(costs[0].shape[1])[None, :, None], (costs[0].shape[0], 1, 1))
    for cost in costs[1:]:
        count = cost.shape[1]
        split = np.full((cost.shape[0], count, count), np.inf)  # window, parts together, parts of the new site
        for parts in range(count):
            split[:, parts, : parts + 1] = total[:, parts::-1] + cost[:, : parts + 1]
        own = split.argmin(axis=2)
        before = np.take_along_axis(levels, (np.arange(count)[None, :] - own)[:, :, None], axis=1)
        levels = np.concatenate([before, own[:, :, None]], axis=2)
        total = np.take_along_axis(split, own[:, :, None], axis=2)[:, :, 0]
    return total, levels


def whole_parts(shares: Floats, parts: int) -> Counts:
    """Shares (site, window) that add up to 1 as whole parts that add up to all of them: largest remainders go up, of equals the first."""
    scaled = shares / shares.sum(axis=0) * parts
    whole = np.floor(scaled + 1e-9).astype(np.int64)
    order = np.argsort(-(scaled - whole), axis=0, kind="stable")
    for window in range(shares.shape[1]):
        whole[order[: parts - whole[:, window].sum(), window], window] += 1
    return whole


def _standing(solution: Solution, least_power_kw: dict[str, float]) -> tuple[bool, float]:
    """What orders plans: whether one was found and holds every cap, then the objective."""
    return not solution.courses or bool(least_power_kw), solution.objective


def solve_split(
    problem: Problem,
    spaces: list[StateSpace],
    solve: Solve,
    *,
    gap: float,
    deadline: float,
    on_progress: Progress,
    threads: int | None = None,
) -> Settled:
    """Plan a problem with loads that several sites share.

    Parameters
    ----------
    spaces : list of StateSpace
        One per pool.
    solve : callable
        How a problem is planned once shares are decided.
    gap, deadline : float
        Relative gap to stop at [1]; by `time.monotonic`.
    """
    begin = monotonic()
    compile_pricing()
    search = SplitSearch(problem, spaces, solve, gap, deadline + monotonic() - begin, threads)
    try:
        search.run(on_progress)
    except KeyboardInterrupt:
        if search.best is None:
            raise
        search.interrupted = True
    if search.best is None:
        raise AssertionError("a search ends with a plan of the first shares, or without any courses in it")
    found = search.best.solution
    bound = min(search.bound * search.unit, found.objective)
    reached = bool(found.courses) and relative_gap(found.objective, bound) <= gap
    status = SolveStatus.OPTIMAL if reached else SolveStatus.FEASIBLE if found.courses else found.status
    interrupted = search.interrupted or found.interrupted
    solution = replace(found, status=status, bound=bound, proof=search.proof, interrupted=interrupted)
    return replace(search.best, solution=solution)
