r"""Plans by decomposition: pools are priced one by one, the site's rows tie them together.

The relaxed master (`dynamo_plan.model.trajectories`) prices the site quantities; at these prices :math:`\pi` each
pool's cheapest course is found exactly, which gives the Lagrangian bound

.. math:: L(\pi) = g(\pi) + \sum_p V_p(\pi)

with :math:`g` the master's value without its convexity rows. Where nothing but linear costs couples the pools the
first prices are final and :math:`L` is the optimum. Otherwise a joint search, or where servers draw power a second bound
over whole windows, closes what is left of the gap between :math:`L` and the best plan known.

Source: Dantzig and Wolfe, Operations Research 8, 1960; Lagrangian bound: Geoffrion, Mathematical Programming Study 2,
1974; smoothing of duals towards the best bound's: Wentges, International Transactions in Operational Research 4,
1997.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.quantities import SiteVector, contribution
from dynamo_plan.model.trajectories import Master
from dynamo_plan.problem import Problem
from dynamo_plan.solve.brackets import CapPrices
from dynamo_plan.solve.choice import best_courses, choosable
from dynamo_plan.solve.coupling import Settlement, draws, linear_prices, stands_apart
from dynamo_plan.solve.courses import Course
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.joint import PROVEN as JOINT_PROVEN
from dynamo_plan.solve.joint import JointSearch, searchable
from dynamo_plan.solve.ledger import ledger, objective_value
from dynamo_plan.solve.pricing import cheapest_courses
from dynamo_plan.solve.repair import Plan, Repairer, joint, near_states
from dynamo_plan.solve.rolling import polish, roll
from dynamo_plan.solve.solution import Solution, relative_gap
from dynamo_plan.solve.spread import limits_starts, spread_starts
from dynamo_plan.solve.states import StateSpace, TooManyStatesError
from dynamo_plan.solve.warm import compile_pricing, compile_search
from dynamo_plan.solve.windows import Counts, WindowBound, window_bounds

Progress = Callable[[str, float, str], None]

SMOOTHING = 0.7
"""Weight of the best bound's prices in the next ones; in trials 0.7 was never worse than none and up to twice as fast."""

ROUNDS = 200
"""Column generation rounds at most; a guard, the bound at hand is valid at any time."""

STAGES = 8
"""Times that the window bound is improved and a plan repaired from it."""

ASCENT = 50
"""Subgradient steps per stage."""

CERTIFY_AT = 0.9
"""Share of the asked-for gap at which the window bound is certified: certification may lose a little."""

POOLS_EXACT = "every pool planned exactly by dynamic programming at the duals of the site's linking rows"

WINDOWS_EXACT = (
    "window bound: every window planned exactly over all pools, whole servers and stock included, starts priced"
)


CONVERGED = 1e-9
"""Relative distance of bound and master value at which no column can improve the master."""

NEARLY = 1e-5
"""The same where the joint search goes on from the bound: it closes such a distance sooner than more columns would."""

SHARE_OF_GAP = 0.1
"""Share of the asked-for gap that columns not generated, or not combined best, may leave."""

MOST_CHOICE_S = 10.0
"""Time for choosing whole courses among the columns [s]."""

SLACK_TOLERANCE = 1e-6
"""Units of its row by which a cap must be exceeded in the master to count."""

PENALTY_GROWTH = 10.0
LARGEST_PENALTY = 1e6
"""The price of exceeding a cap in the master grows by this factor where the master pays it, up to so many times the first one."""

SAFE_ROUNDS = 6
"""Rounds of pricing at prices raised until the caps are held."""

BISECTIONS = 8
"""Rounds of pricing at bisected prices of caps before the master takes over."""


class Decomposition:
    """State of one decomposed solve: spaces, columns, best plan, best bound."""

    def __init__(
        self, problem: Problem, spaces: list[StateSpace], gap: float, deadline: float, threads: int | None
    ) -> None:
        self.problem = problem
        self.spaces = spaces
        self.gap = gap
        self.deadline = deadline
        self.threads = threads or os.cpu_count() or 1
        self.bound = float("-inf")
        self.objective = float("inf")
        self.target = float("inf")  # cheapest seen, caps broken or not: what the window bound climbs towards
        self.courses: list[Course] = []
        self.prices = linear_prices(problem)
        self._rest = float("-inf")
        self.columns: list[list[Course]] = []
        self.rounds = 0
        self.proof = ""
        self.interrupted = False
        self.near = NEARLY if searchable(problem, spaces) else CONVERGED
        self._master: Master | None = None
        self._priced: tuple[SiteVector, list[Course]] | None = None
        self._settlement: Settlement | None = None

    def price(self, prices: SiteVector) -> list[Course]:
        """Every pool's cheapest course at these prices of site quantities."""
        if self._priced is None or not prices.equals(self._priced[0]):
            courses = cheapest_courses(self.problem, self.spaces, prices, self.threads, self.deadline)
            self._priced = (prices, courses)
        return self._priced[1]

    def contributions(self, courses: list[Course]) -> list[SiteVector]:
        """Use of site quantities by each course."""
        return [
            contribution(self.problem, pool, course.counts, course.power_w, course.share)
            for pool, course in zip(self.problem.pools, courses, strict=True)
        ]

    def offer(self, plan: Plan) -> None:
        """Keep a plan if it holds every cap and is the cheapest so far."""
        value = objective_value(self.problem, ledger(self.problem, plan.amounts).totals)
        self.target = min(self.target, value)
        if value >= self.objective:
            return
        if self._settlement is None:
            self._settlement = Settlement(self.problem)
        courses, settled = plan.courses, self._settlement.value(plan.amounts)
        if not np.isfinite(settled) and limits_starts(self.problem):
            courses = spread_starts(self.problem, self.spaces, courses)
            settled = self._settlement.value(joint(self.problem, courses).amounts)
        if settled < self.objective:
            self.objective, self.courses = settled, courses

    def done(self) -> bool:
        """Whether the gap is small enough or the time is up."""
        return relative_gap(self.objective, self.bound) <= self.gap or monotonic() >= self.deadline

    def run(self, on_progress: Progress) -> None:
        """Column generation to convergence or the limit; then the joint search or the window bound where a gap is left."""
        prices = self._generate(on_progress)
        if self.done() or stands_apart(self.problem):
            return
        if searchable(self.problem, self.spaces):
            self._search(prices, on_progress)
        if not self.done() and (draws(self.problem) or not self.courses):
            self._bound_windows(prices, on_progress)

    def _search(self, prices: SiteVector, on_progress: Progress) -> None:
        """Search the pools of every site together, from the best bound on."""
        found: dict[int, Course] = {}
        total = 0.0
        several = len(self.problem.sites) > 1
        for home, site in enumerate(self.problem.sites):
            own = [space for space in self.spaces if space.pool.site == site.name]
            if not own:
                continue
            search = JointSearch(self.problem, home, own, prices)
            best = float("inf") if several else self.objective

            def report(bound: float, name: str = site.name) -> None:
                on_progress("solve", 0.75, f"joint search at {name}, bound {bound:.6g}")

            result = search.search(best, self.deadline, report)
            total += result.bound
            found |= {id(space): course for space, course in zip(own, result.courses or (), strict=False)}
        if total > self.bound:
            self.bound, self.proof = total, JOINT_PROVEN
        if len(found) == len(self.spaces):
            self.offer(joint(self.problem, [found[id(space)] for space in self.spaces]))

    def _bound_windows(self, prices: SiteVector, on_progress: Progress) -> None:
        """The window bound and plans from it; where it does not apply, a repair of what the prices say."""
        plain = linear_prices(self.problem)
        bounds = window_bounds(
            self.problem,
            self.spaces,
            np.maximum(prices.instance_energy_kwh - plain.instance_energy_kwh, 0.0),
            np.maximum(prices.gpus_in_use - plain.gpus_in_use, 0.0),
        )
        if bounds is None:
            self._repair_priced(self.price(prices), prices, on_progress)
            return
        by_space = {id(space): own for one in bounds for space, own in zip(one.spaces, one.candidates(), strict=True)}
        repairer = Repairer(self.problem, self.spaces, [by_space[id(space)] for space in self.spaces])
        self.offer(repairer.repair(self.price(prices)))
        if not self.done():
            self._close(bounds, repairer, on_progress)

    def _repair_priced(self, courses: list[Course], prices: SiteVector, on_progress: Progress) -> None:
        """Repair courses with candidates chosen by prices, where these are few enough."""
        try:
            near = near_states(self.problem, self.spaces, prices)
        except TooManyStatesError as error:
            on_progress("solve", 0.5, f"no repair: {error.faults[0].where} has too many candidate states")
            return
        self.offer(Repairer(self.problem, self.spaces, near).repair(courses))

    def _generate(self, on_progress: Progress) -> SiteVector:
        """Column generation; returns the prices of the best bound."""
        plain = linear_prices(self.problem)
        courses = self.price(plain)
        if stands_apart(self.problem):
            self.bound, self.courses, self.proof = sum(course.bound for course in courses), courses, POOLS_EXACT
            self.objective = self._value(courses)
            return plain
        self.columns = [[course] for course in courses]
        self._bisect(joint(self.problem, courses))
        on_progress("solve", 0.0, f"{self.rounds} rounds of pricing, bound {self.bound:.6g}")
        self._choose()
        if not self.done():
            self._improve(on_progress)
        if not self.done():
            self._choose()
        return self.prices

    def _bisect(self, plan: Plan) -> None:
        """First prices of caps, from the plan without any; columns, bounds and a plan on the way."""
        self.offer(plan)
        caps = CapPrices(self.problem, plan.amounts)
        for _ in range(BISECTIONS):
            worth = caps.worth()
            self._note_bound(worth + sum(course.bound for course in plan.courses), caps.prices(), worth)
            exceeded = caps.exceeded(plan.amounts)
            if self.done() or (self.rounds == 1 and not exceeded):
                return
            plan = joint(self.problem, self._price_columns(caps.prices()))
        # At prices a little too high the caps are held: a first plan, and columns that leave room for others.
        caps.play_safe()
        for _ in range(SAFE_ROUNDS):
            if self.done():
                return
            plan = joint(self.problem, self._price_columns(caps.prices()))
            self.offer(plan)
            if caps.held(plan.amounts):
                return

    def _note_bound(self, bound: float, prices: SiteVector, rest: float) -> None:
        """A round's bound; the best one's prices are the centre of what follows."""
        self.rounds += 1
        if bound > self.bound:
            self.bound, self.prices, self._rest = bound, prices, rest
            self.proof = f"Lagrangian bound in pricing round {self.rounds}: {POOLS_EXACT}"

    def _price_columns(self, prices: SiteVector) -> list[Course]:
        """Courses at these prices, kept as columns."""
        courses = self.price(prices)
        for own, course in zip(self.columns, courses, strict=True):
            own.append(course)
        return courses

    def _improve(self, on_progress: Progress) -> None:
        """Column generation from the columns at hand to convergence, the gap or the limit."""
        courses = [own[-1] for own in self.columns]
        scale = sum(abs(own[0].value) for own in self.columns) / max(len(self.problem.windows), 1)
        first_penalty = max(scale, 1.0)
        master = Master(self.problem, self.contributions([own[0] for own in self.columns]), first_penalty)
        self._master = master
        for number in range(1, max(len(own) for own in self.columns)):
            for pool, amounts in enumerate(self.contributions([own[number] for own in self.columns])):
                master.add(pool, amounts)
        close = max(self.gap * SHARE_OF_GAP, self.near)
        while self.rounds < ROUNDS:
            master.solve()
            prices, fixed = master.duals()
            value = master.value
            rest = value - float(fixed.sum())
            if np.isfinite(self._rest):
                prices = prices.blended(self.prices, SMOOTHING)
                rest = (1 - SMOOTHING) * rest + SMOOTHING * self._rest
            courses = self._price_columns(prices)
            self._note_bound(rest + sum(course.bound for course in courses), prices, rest)
            gap = relative_gap(value, self.bound)
            on_progress("solve", 0.5 * (1.0 - min(1.0, gap)), f"pricing round {self.rounds}, bound {self.bound:.6g}")
            if monotonic() >= self.deadline:
                break
            if gap <= close and master.slack > SLACK_TOLERANCE and master.penalty < LARGEST_PENALTY * first_penalty:
                # The relaxation would rather pay than hold a cap: the prices of caps are cut off, and with them the bound.
                master.raise_penalty(PENALTY_GROWTH)
            elif gap <= close:
                break
            for pool, amounts in enumerate(self.contributions(courses)):
                master.add(pool, amounts)
        self.offer(joint(self.problem, courses))

    def weights(self) -> list[NDArray[np.float64]]:
        """Weights of every pool's courses in the relaxation, in order of addition (course,); all on the first if it was not solved."""
        if self._master is None:
            return [np.ones(1) for _ in self.columns]
        weights, owner = self._master.weights(), np.array(self._master.owner)
        return [weights[owner == pool] for pool in range(len(self.columns))]

    def _choose(self) -> None:
        """Offer the best combination of whole courses at hand, one per pool."""
        room = self.deadline - monotonic()
        if choosable(self.problem) and room > 0:
            chosen = best_courses(self.problem, self.columns, min(MOST_CHOICE_S, room), self.gap * SHARE_OF_GAP)
            if chosen is not None:
                self.offer(joint(self.problem, chosen))

    def _close(self, bounds: list[WindowBound], repairer: Repairer, on_progress: Progress) -> None:
        """Window bound and plans from it until the gap, the limit or no progress."""
        for stage in range(1, STAGES + 1):
            for one in bounds:
                others = sum(other.best for other in bounds if other is not one and np.isfinite(other.best))
                one.ascend(min(self.objective, self.target) - others, ASCENT, self.deadline)
            estimate = sum(one.best for one in bounds)
            self._plan_from_windows(bounds, repairer, thorough=stage > 1)
            on_progress("solve", 0.5 + 0.5 * stage / STAGES, f"window bound {estimate:.6g}, plan {self.objective:.6g}")
            reached = relative_gap(self.objective, estimate) <= self.gap * CERTIFY_AT
            last = stage == STAGES or all(one.finished for one in bounds) or monotonic() >= self.deadline
            if reached or last:
                certified = sum(one.certify() for one in bounds)
                if certified > self.bound:
                    self.bound, self.proof = certified, WINDOWS_EXACT
                if last or self.done():
                    return

    def _plan_from_windows(self, bounds: list[WindowBound], repairer: Repairer, *, thorough: bool) -> None:
        """Plans that roll through the windows in both directions; the better one, or both, polished and repaired."""
        rolled = [[roll(one, backward=backward) for one in bounds] for backward in (False, True)]
        rolled.sort(key=lambda counts: self._value(self._courses(bounds, counts)))
        for counts in rolled if thorough else rolled[:1]:
            polished = [polish(one, own) for one, own in zip(bounds, counts, strict=True)]
            self.offer(repairer.repair(self._courses(bounds, polished), pairs=thorough))

    def _courses(self, bounds: list[WindowBound], counts: list[Counts]) -> list[Course]:
        """Courses in the problem's order from counts per site and pool."""
        line = np.arange(len(self.problem.windows))
        by_space: dict[int, NDArray[np.int64]] = {}
        for one, own in zip(bounds, counts, strict=True):
            by_space |= {id(space): course for space, course in zip(one.spaces, own, strict=True)}
        return [
            Course(by_space[id(space)], space.power_w(line, by_space[id(space)]), float("nan")) for space in self.spaces
        ]

    def _value(self, courses: list[Course]) -> float:
        """Objective of these courses, caps held or not."""
        return objective_value(self.problem, ledger(self.problem, joint(self.problem, courses).amounts).totals)


def solve_decomposed(
    problem: Problem,
    spaces: list[StateSpace],
    *,
    gap: float,
    time_limit_s: float,
    on_progress: Progress,
    threads: int | None = None,
) -> Solution:
    """Plan a problem whose caps can be held in every window.

    Parameters
    ----------
    spaces : list of StateSpace
        One per pool, each with an admitted state in every window.
    gap, time_limit_s : float
        Relative gap to stop at [1]; wall time, compilation of the kernels apart [s].
    threads : int, optional
        Threads that price pools; by default as many as there are cores.
    """
    on_progress("solve", 0.0, "loading kernels; the first time they are compiled, for half a minute")
    compile_pricing()
    if searchable(problem, spaces):
        compile_search()
    work = Decomposition(problem, spaces, gap, monotonic() + time_limit_s, threads)
    try:
        work.run(on_progress)
    except KeyboardInterrupt:
        # Whoever waits has had enough, but what is known by now is a plan with a proven gap.
        if not work.courses:
            raise
        work.interrupted = True
    found = bool(work.courses)
    reached = found and relative_gap(work.objective, work.bound) <= gap
    status = SolveStatus.OPTIMAL if reached else SolveStatus.FEASIBLE if found else SolveStatus.NOTHING_FOUND
    proof = f"{work.proof} (interrupted)" if work.interrupted else work.proof
    return Solution(
        status, work.courses, work.objective, work.bound, "decomposed", proof, work.prices, work.interrupted
    )
