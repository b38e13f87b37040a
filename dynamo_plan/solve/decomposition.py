r"""Plans by decomposition: pools are priced one by one, the site's rows tie them together.

The relaxed master (`dynamo_plan.model.trajectories`) prices the site quantities; at these prices :math:`\pi` each
pool's cheapest course is found exactly, which gives the Lagrangian bound

.. math:: L(\pi) = g(\pi) + \sum_p V_p(\pi)

with :math:`g` the master's value without its convexity rows. Where nothing but linear costs couples the pools the
first prices are final and :math:`L` is the optimum of everything but whole servers. A repair then makes a plan that
holds whole servers and caps; its true cost and :math:`L` give the gap that is stated.

Source: Dantzig and Wolfe, Operations Research 8, 1960; Lagrangian bound: Geoffrion, Mathematical Programming Study 2,
1974; smoothing of duals towards the best bound's: Wentges, International Transactions in Operational Research 4,
1997.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from dynamo_plan.model.quantities import SiteVector, contribution
from dynamo_plan.model.trajectories import Master
from dynamo_plan.problem import Problem
from dynamo_plan.solve.coupling import direct_prices, settle
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.pricing import Course, cheapest_course, pool_prices
from dynamo_plan.solve.repair import Plan, joint, repair
from dynamo_plan.solve.states import StateSpace

Progress = Callable[[str, float, str], None]

SMOOTHING = 0.7
"""Weight of the best bound's prices in the next ones; in trials 0.7 was never worse than none and up to twice as fast."""

ROUNDS = 200
"""Column generation rounds at most; a guard, the bound at hand is valid at any time."""

REPAIR_EVERY = 5
"""Rounds between two repairs while columns are generated."""

CONVERGED = 1e-9
"""Relative distance of bound and master value at which no column can improve the master."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Courses of all pools with the value of the whole plan and the proven bound [objective]."""

    status: SolveStatus
    courses: list[Course]
    objective: float
    bound: float
    method: str
    proof: str


def relative_gap(objective: float, bound: float) -> float:
    """Gap between a plan's value and a bound, relative to the larger; 0 if they meet or cross by rounding."""
    scale = max(abs(objective), abs(bound))
    return max(0.0, objective - bound) / scale if scale > 0 else 0.0


class Decomposition:
    """State of one decomposed solve: spaces, columns, best plan, best bound."""

    def __init__(self, problem: Problem, spaces: list[StateSpace], gap: float, deadline: float) -> None:
        self.problem = problem
        self.spaces = spaces
        self.gap = gap
        self.deadline = deadline
        self.bound = float("-inf")
        self.objective = float("inf")
        self.courses: list[Course] = []
        self.rounds = 0

    def price(self, prices: SiteVector) -> list[Course]:
        """Every pool's cheapest course at these prices of site quantities."""
        return [
            cheapest_course(space, pool_prices(self.problem, pool, prices))
            for space, pool in zip(self.spaces, self.problem.pools, strict=True)
        ]

    def contributions(self, courses: list[Course]) -> list[SiteVector]:
        """Use of site quantities by each course."""
        return [
            contribution(self.problem, pool, course.counts, course.power_w)
            for pool, course in zip(self.problem.pools, courses, strict=True)
        ]

    def offer(self, plan: Plan) -> None:
        """Keep a plan if it holds every cap and is the cheapest so far."""
        outcome = settle(self.problem, plan.amounts)
        if outcome.status is SolveStatus.OPTIMAL and outcome.objective < self.objective:
            self.objective, self.courses = outcome.objective, plan.courses

    def done(self) -> bool:
        """Whether the gap is small enough or the time is up."""
        return relative_gap(self.objective, self.bound) <= self.gap or monotonic() >= self.deadline

    def run(self, on_progress: Progress) -> None:
        """Column generation with repairs until the gap, the limit or convergence."""
        courses = self.price(direct_prices(self.problem))
        scale = sum(abs(course.value) for course in courses) / max(len(self.problem.windows), 1)
        master = Master(self.problem, self.contributions(courses), penalty=max(scale, 1.0))
        centre, centre_value = None, float("-inf")
        for self.rounds in range(1, ROUNDS + 1):
            prices, fixed = master.duals()
            value = master.value
            rest = value - float(fixed.sum())
            trial, trial_rest = prices, rest
            if centre is not None and self.rounds > 2:
                trial, trial_rest = (
                    _between(prices, centre, SMOOTHING),
                    (1 - SMOOTHING) * rest + SMOOTHING * centre_value,
                )
            courses = self.price(trial)
            bound = trial_rest + sum(course.value for course in courses)
            if bound > self.bound:
                self.bound, centre, centre_value = bound, trial, trial_rest
            on_progress(
                "solve", 1.0 - min(1.0, relative_gap(value, self.bound)), f"round {self.rounds}, bound {self.bound:.6g}"
            )
            converged = relative_gap(value, self.bound) <= CONVERGED
            if converged or self.rounds % REPAIR_EVERY == 1:
                self.offer(joint(self.problem, courses))
                if not self.done():
                    self.offer(repair(self.problem, self.spaces, courses, trial))
            if converged or self.done():
                return
            self._add_columns(master, courses, trial, fixed)
            if not master.solve():
                return

    def _add_columns(self, master: Master, courses: list[Course], trial: SiteVector, fixed: object) -> None:
        del trial, fixed
        for pool, amounts in enumerate(self.contributions(courses)):
            master.add(pool, amounts)


def _between(new: SiteVector, centre: SiteVector, weight: float) -> SiteVector:
    return SiteVector(
        *(
            (1 - weight) * getattr(new, name) + weight * getattr(centre, name)
            for name in ("gpus_in_use", "gpu_hours", "instance_energy_kwh", "instance_starts")
        )
    )


def solve_decomposed(
    problem: Problem, spaces: list[StateSpace], *, gap: float, time_limit_s: float, on_progress: Progress
) -> Solution:
    """Plan a problem whose caps can be held in every window.

    Parameters
    ----------
    spaces : list of StateSpace
        One per pool, each with an admitted state in every window.
    gap : float
        Relative gap to stop at [1].
    time_limit_s : float
        Wall time [s].
    """
    work = Decomposition(problem, spaces, gap, monotonic() + time_limit_s)
    work.run(on_progress)
    found = bool(work.courses)
    reached = found and relative_gap(work.objective, work.bound) <= gap
    status = SolveStatus.OPTIMAL if reached else SolveStatus.FEASIBLE if found else SolveStatus.NOTHING_FOUND
    proof = (
        f"Lagrangian bound after {work.rounds} pricing round{'s' if work.rounds > 1 else ''}: every pool planned exactly by dynamic "
        "programming at the duals of the site's linking rows"
    )
    return Solution(status, work.courses, work.objective, work.bound, "decomposed", proof)
