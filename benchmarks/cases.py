"""The benchmark's problems by name, what is promised for each, and where their caps come from.

Caps are constants, so that a case stays the same problem from version to version. `python -m benchmarks caps` measures them anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.accounting import account
from benchmarks.synthetic import capped, fleet
from dynamo_plan.problem import Problem
from dynamo_plan.solve.coupling import linear_prices
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.feasibility import best_combination, least_power
from dynamo_plan.solve.pricing import cheapest_course, pool_prices
from dynamo_plan.solve.states import StateSpace
from dynamo_plan.units import WATTS_PER_KILOWATT

GPU_CAP = 0.92
"""GPU cap over unconstrained peak [1], rounded down to what instances can use."""

SITE_POWER_CAP = 0.963
"""Power cap over unconstrained peak [1] where GPU-hours have a price; a pure energy objective leaves no such room."""

CAP_GAP, CAP_SECONDS = 1e-3, 60.0
"""Gap [1] and time limit [s] of the plan whose peak is the upper end of a power cap's range."""

CONCAVITIES = (0.9, 0.75, 0.6)
"""Exponents of power in load that many services take in turn."""

HOUR_S, FIVE_MINUTES_S = 3600, 300
DAY, WEEK = 24, 168
DAY_OF_FIVE_MINUTES, WEEK_OF_FIVE_MINUTES = 288, 2016


@dataclass(frozen=True, slots=True)
class Case:
    """A problem, and what is promised for it.

    Attributes
    ----------
    windows, window_s : int
        Horizon; length of a window [s].
    peak_rps : float
        Peak arrival rate of one service [1/s].
    seed : int
        Of the noise in the load. Where power is capped, chosen such that a cap has a range to lie in (`power_range_kw`): a pure energy
        objective often leaves none.
    gpus, power_kw : float
        Caps on GPUs [1] and facility power [kW] in every window; infinite is none.
    gap, seconds, mib : float
        Promised relative gap [1], time to build and solve [s] and resident memory [MiB]; infinite where nothing is promised.
    """

    windows: int
    window_s: int
    peak_rps: float
    services: int = 1
    seed: int = 1
    gpus: float = math.inf
    power_kw: float = math.inf
    hardware: str = "distinct"
    gpu_hour_weight: float = 0.0
    server_idle_w: float = 0.0
    gap: float = 0.0
    seconds: float = math.inf
    mib: float = math.inf

    def free(self) -> Problem:
        """The problem without its caps."""
        return fleet(
            windows=self.windows,
            window_s=self.window_s,
            peak_rps=self.peak_rps,
            hardware=self.hardware,
            concavity=CONCAVITIES if self.services > 1 else CONCAVITIES[0],
            seed=self.seed,
            services=self.services,
            gpu_hour_weight=self.gpu_hour_weight,
            server_idle_w=self.server_idle_w,
        )

    def problem(self) -> Problem:
        """The problem."""
        return capped(self.free(), self.gpus, self.power_kw)

    @property
    def caps(self) -> str:
        """The caps in words; empty without any."""
        parts = [f"{self.gpus:.0f} GPUs"] if math.isfinite(self.gpus) else []
        parts += [f"{self.power_kw:g} kW"] if math.isfinite(self.power_kw) else []
        return ", ".join(parts)


CASES = {
    # Nothing binds.
    "day-50": Case(DAY, HOUR_S, 30),
    "day-450": Case(DAY, HOUR_S, 300),
    "day-5000": Case(DAY, HOUR_S, 3400, gap=1.5e-3),
    "5min-day-50": Case(DAY_OF_FIVE_MINUTES, FIVE_MINUTES_S, 30),
    "week-50": Case(WEEK, HOUR_S, 30, seconds=0.3),
    "week-150": Case(WEEK, HOUR_S, 100),
    "week-450": Case(WEEK, HOUR_S, 300, seconds=2.5),
    "week-5000": Case(WEEK, HOUR_S, 3400, gap=1.5e-3, seconds=5.0),
    "5min-50": Case(WEEK_OF_FIVE_MINUTES, FIVE_MINUTES_S, 30, seconds=2.0),
    "5min-450": Case(WEEK_OF_FIVE_MINUTES, FIVE_MINUTES_S, 300, gap=5e-3, seconds=10.0),
    # A GPU cap `GPU_CAP` of the unconstrained peak.
    "week-50-gpus": Case(WEEK, HOUR_S, 30, gpus=46, seconds=5.0),
    "week-90-gpus": Case(WEEK, HOUR_S, 60, seed=4, gpus=84, seconds=5.0),
    "week-120-gpus": Case(WEEK, HOUR_S, 80, gpus=106, seconds=5.0),
    "week-150-gpus": Case(WEEK, HOUR_S, 100, seed=3, gpus=136, seconds=10.0),
    "week-450-gpus": Case(WEEK, HOUR_S, 300, seed=5, gpus=402, gap=1e-3, seconds=15.0),
    # As well a power cap in the middle of its feasible range under that GPU cap.
    "week-50-power": Case(WEEK, HOUR_S, 30, gpus=46, power_kw=18.05, seconds=10.0),
    "week-90-power": Case(WEEK, HOUR_S, 60, seed=4, gpus=84, power_kw=32.64, seconds=10.0),
    "week-120-power": Case(WEEK, HOUR_S, 80, gpus=106, power_kw=45.15, seconds=10.0),
    "week-150-power": Case(WEEK, HOUR_S, 100, seed=3, gpus=136, power_kw=52.31, seconds=20.0),
    "week-450-power": Case(WEEK, HOUR_S, 300, seed=5, gpus=402, power_kw=157.4, gap=1e-3, seconds=30.0),
    # Many services under one power cap, `SITE_POWER_CAP` of the unconstrained peak.
    "10-services": Case(WEEK, HOUR_S, 100, services=10, power_kw=341.8, gpu_hour_weight=0.3, gap=5e-4),
    "100-services": Case(
        WEEK, HOUR_S, 330, services=100, power_kw=11194.0, gpu_hour_weight=0.3, gap=5e-4, seconds=60.0, mib=1024.0
    ),
    # For information: kinds that hardly differ, and whole servers that draw power of their own.
    "week-50-near-equal": Case(WEEK, HOUR_S, 30, hardware="near-equal"),
    "week-150-near-equal": Case(WEEK, HOUR_S, 100, hardware="near-equal"),
    "week-50-servers": Case(WEEK, HOUR_S, 30, server_idle_w=2000.0, gap=1e-3),
}
"""Named by horizon, GPUs at the unconstrained peak (about), and what binds."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a case's caps come from.

    Attributes
    ----------
    peak_gpus, peak_power_kw : float
        Of the cheapest plan without caps.
    gpus : float
        `GPU_CAP` of the peak, in GPUs that instances can use.
    least_kw, capped_kw : float
        See `power_range_kw`; NaN where the case has no GPU cap and power cap together.
    """

    peak_gpus: int
    peak_power_kw: float
    gpus: float
    least_kw: float
    capped_kw: float


def origin(case: Case) -> Origin:
    """Measure the peaks that a case's caps are set by."""
    problem = case.free()
    spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
    prices = linear_prices(problem)
    courses = [cheapest_course(space, pool_prices(problem, space.pool, prices)) for space in spaces]
    free = account(problem, spaces, [course.counts for course in courses])
    unit = math.gcd(*(int(size) for space in spaces for size in space.pool.gpus))
    gpus = float(math.floor(GPU_CAP * free.peak_gpus / unit) * unit)
    both = math.isfinite(case.gpus) and math.isfinite(case.power_kw)
    ends = power_range_kw(capped(problem, gpus, math.inf), spaces) if both else (math.nan, math.nan)
    return Origin(free.peak_gpus, free.peak_power_kw, gpus, *ends)


def power_range_kw(problem: Problem, spaces: list[StateSpace]) -> tuple[float, float]:
    """The least power that the worst window takes within the GPU cap, starts apart, and the peak of a cheapest plan [kW].

    Raises
    ------
    ValueError
        The GPU cap itself cannot be held: the case is not well chosen.
    """
    found = solve_decomposed(
        problem, spaces, gap=CAP_GAP, time_limit_s=CAP_SECONDS, on_progress=lambda phase, done, note: None
    )
    if not found.courses:
        raise ValueError("no plan holds the GPU cap")
    (site,) = problem.sites
    cheapest = [least_power(space, {"h100": 0.0}) for space in spaces]
    running_w = np.sum([course.power_w for course in found.courses], axis=0)
    low = 0.0
    for t in np.argsort(-running_w).tolist():
        if running_w[t] / WATTS_PER_KILOWATT <= low:
            break  # the plan itself shows that no later window can raise the least peak
        low = max(low, best_combination(problem, site, spaces, cheapest, t).power_kw)
    return low, account(problem, spaces, [course.counts for course in found.courses]).peak_power_kw
