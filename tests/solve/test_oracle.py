"""Enumeration, the compact MILP and the dynamic programme find the same optimum on random small problems."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.solve.caps import relaxed
from dynamo_plan.solve.compact import solve_compact
from dynamo_plan.solve.compose import compose_plan
from dynamo_plan.solve.coupling import direct_prices
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.pricing import cheapest_course, pool_prices
from dynamo_plan.solve.solution import Solution
from dynamo_plan.solve.states import StateSpace
from dynamo_plan.verify import verify
from tests.quick import quick_first
from tests.solve.enumeration import joint_courses, optimum
from tests.solve.invented import Case, random_case

PROBLEMS = 320
QUICK_PROBLEMS = 20
"""Those that `make check` runs; `make test` runs all."""

MOST_COURSES = 150_000
"""Joint courses that are listed in a blink; random inputs with more are drawn again."""

AGREEMENT = 1e-6
"""Relative; what solver and enumeration owe each other."""

ROUNDING = 1e-9
"""Absolute [objective]; where a gain and a cost cancel."""

TIME_LIMIT_S = 60.0


def small_case(number: int) -> tuple[Case, Problem]:
    """The first of the random inputs of this number whose courses can be listed."""
    for attempt in range(100):
        case = random_case(number, attempt)
        problem = assemble(case.inputs)
        if joint_courses(problem) <= MOST_COURSES:
            return case, problem
    raise LookupError(f"number {number} has no small case")


def verified(problem: Problem, spaces: list[StateSpace], solution: Solution, inputs: Inputs, *, holds: bool) -> None:
    """Compose the plan and let the verifier look at it; it lists violations where the caps cannot be held, and only there."""
    plan = compose_plan(problem, spaces, solution, inputs, (), ())
    assert verify(plan, inputs) == ()
    assert (plan.violations == ()) == holds
    assert (plan.status is PlanStatus.INFEASIBLE) == (not holds)


def close(value: float) -> object:
    return pytest.approx(value, rel=AGREEMENT, abs=ROUNDING)


def least_relaxed(stated: Problem, spaces: list[StateSpace]) -> tuple[Problem, float]:
    """The problem that is planned: as stated where its caps can be held, else with caps raised; and its optimum."""
    for with_starts in (False, True):
        problem = relaxed(stated, spaces, with_starts=with_starts).problem
        best = optimum(problem)
        if np.isfinite(best):
            return problem, best
    raise AssertionError("no plan even with every cap raised")


def check(number: int) -> None:
    case, stated = small_case(number)
    spaces = [StateSpace(pool, stated.windows.hours) for pool in stated.pools]
    problem, best = least_relaxed(stated, spaces)
    holds = bool(np.isfinite(optimum(stated)))
    if holds:
        assert best == close(optimum(stated)), "caps that can be held were raised"

    compact = solve_compact(problem, spaces, gap=0.0, time_limit_s=TIME_LIMIT_S)
    assert compact.status is SolveStatus.OPTIMAL
    assert compact.objective == close(best)
    assert compact.bound == close(best)
    verified(stated, spaces, compact, case.inputs, holds=holds)

    if not case.coupled:
        prices = direct_prices(problem)
        parts = [cheapest_course(space, pool_prices(problem, space.pool, prices)).value for space in spaces]
        assert sum(parts) == close(best)

    gap = case.inputs.scenario.solver.gap
    decomposed = solve_decomposed(
        problem, spaces, gap=gap, time_limit_s=TIME_LIMIT_S, on_progress=lambda phase, done, note: None
    )
    room = AGREEMENT * abs(best) + ROUNDING
    assert decomposed.bound <= best + room
    if decomposed.courses:
        assert best <= decomposed.objective + room
        verified(stated, spaces, decomposed, case.inputs, holds=holds)
    else:
        assert case.caps
    if not case.coupled:
        assert decomposed.objective == close(best)


@pytest.mark.parametrize("number", quick_first(range(PROBLEMS), QUICK_PROBLEMS))
def test_all_ways_to_the_optimum_agree(number: int) -> None:
    check(number)


@pytest.mark.slow
def test_the_random_problems_have_everything_in_them() -> None:
    """Counts over the first 100, so that a change of the generator cannot make the oracle hollow."""
    seen: Counter[str] = Counter()
    for number in range(100):
        case, problem = small_case(number)
        site, record = problem.sites[0], case.inputs.scenario
        seen["pools coupled by whole servers"] += case.overheads and len(problem.pools) > 1
        seen["caps"] += case.caps
        seen["free"] += not case.coupled
        seen["three pools"] += len(problem.pools) == 3
        seen["two GPU types"] += len(site.gpus) == 2
        seen["four windows"] += len(problem.windows) == 4
        seen["several kinds"] += any(len(pool.kinds) > 1 for pool in problem.pools)
        seen["negative price"] += bool((site.grid.price_usd_per_mwh < 0).any())
        seen["start energy"] += record.transitions.instance_start_wh > 0
        seen["rent"] += any(gpu.price_usd_per_gpu_h > 0 for gpu in site.gpus.values())
        seen["reserve above the mean"] += any((p.reserve_rate_rps > p.rate_rps).any() for p in problem.pools)
        seen["window without load"] += any((pool.rate_rps == 0).any() for pool in problem.pools)
        seen["minimum of instances"] += any(pool.min_instances > 0 for pool in problem.pools)
        seen["mixed pool"] += any(len(pool.buckets) > 1 for pool in problem.pools)
        seen["interpolated clock"] += any(service.frequencies_mhz is not None for service in record.services)
    assert {name: count for name, count in seen.items() if count < 5} == {}
