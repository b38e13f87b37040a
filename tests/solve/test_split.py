"""Loads split between sites: against enumeration of every way to split them, and what the plan says of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.errors import UsageError
from dynamo_plan.planner import plan_scenario
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.solve.share_search import at_parts
from dynamo_plan.solve.split import best_parts, whole_parts
from dynamo_plan.solve.states import StateSpace
from tests.solve.enumeration import joint_courses, optimum
from tests.solve.invented import SITE, random_case

PROBLEMS = 120
QUICK_PROBLEMS = 12
"""Those that `make check` runs."""

MOST_COURSES = 3_000
"""Courses of one site under which every split is enumerated."""

AGREEMENT = 1e-6
OTHER = "annex"


def two_sites(seed: int, attempt: int) -> Inputs:
    """Random inputs whose first service is split between two sites with prices, carbon and stocks of their own."""
    inputs = random_case(seed, attempt, 7).inputs
    rng = np.random.default_rng((seed, attempt, 8))
    windows = len(inputs.windows)
    (hall,) = inputs.scenario.sites
    annex = hall.model_copy(update={"name": OTHER, "pue": float(rng.uniform(1.0, 1.6))})
    first = inputs.scenario.services[0].model_copy(
        update={"sites": [SITE, OTHER], "share_steps": int(rng.integers(1, 4))}
    )
    others = [one.model_copy(update={"site": SITE}) for one in inputs.scenario.services[1:]]
    scenario = inputs.scenario.model_copy(update={"sites": [hall, annex], "services": [first, *others]})
    grid = replace(
        inputs.grid[SITE],
        price_usd_per_mwh=rng.uniform(5.0, 120.0, windows),
        carbon_g_per_kwh=rng.uniform(50.0, 500.0, windows),
    )
    return replace(inputs, scenario=scenario, grid={SITE: inputs.grid[SITE], OTHER: grid})


def at_site(problem: Problem, name: str) -> Problem:
    """One site with its pools."""
    return replace(
        problem,
        sites=tuple(site for site in problem.sites if site.name == name),
        pools=tuple(pool for pool in problem.pools if pool.site == name),
    )


def best_split(problem: Problem) -> float:
    """The optimum over every share of every load in every window."""
    (load,) = problem.loads()
    pools = {pool.site: pool for pool in problem.pools if pool.split is not None and pool.split.load == load}
    split = pools[SITE].split
    assert split is not None
    best = float("inf")
    for parts in product(range(split.steps + 1), repeat=len(problem.windows)):
        share = np.array(parts) / split.steps
        whole = problem.with_shares({pools[SITE].name: share, pools[OTHER].name: 1.0 - share})
        best = min(best, sum(optimum(at_site(whole, name)) for name in (SITE, OTHER)))
    return best


def small(number: int) -> tuple[Inputs, Problem]:
    """The first random inputs of this number with one load to split and few courses."""
    for attempt in range(200):
        inputs = two_sites(number, attempt)
        problem = assemble(inputs)
        if len(problem.loads()) == 1 and joint_courses(at_site(problem, SITE)) <= MOST_COURSES:
            return inputs, problem
    raise LookupError(f"number {number} has no small case")


def check(numbers: range) -> Counter[str]:
    """Plan every case and hold it against the enumeration; how often what came out."""
    seen: Counter[str] = Counter()
    for number in numbers:
        inputs, problem = small(number)
        best = best_split(problem)
        run = plan_scenario(inputs, gap=0.0, time_limit_s=30.0, threads=1)
        assert run.findings == (), number
        value, bound = run.plan.certificate.objective, run.plan.certificate.best_bound
        room = AGREEMENT * max(1.0, abs(best))
        if run.plan.status is PlanStatus.INFEASIBLE:
            seen["infeasible"] += 1
            seen["infeasible, and is not"] += bool(np.isfinite(best))
            continue
        assert bound <= best + room, number
        assert best <= value + room, number
        seen["optimal"] += value <= best + room
        seen["closed"] += run.plan.status is PlanStatus.OPTIMAL
        seen["planned"] += 1
        site = problem.sites[0]
        free = np.isinf(site.power_cap_kw).all() and all(np.isinf(stock).all() for stock in site.stock.values())
        if free and not any(spec.server_idle_w or spec.unused_gpu_w for spec in site.gpus.values()):
            seen["apart"] += 1
            assert run.plan.status is PlanStatus.OPTIMAL, number
            assert value == pytest.approx(best, rel=AGREEMENT, abs=AGREEMENT), number
    return seen


@pytest.mark.slow
def test_plans_are_the_best_over_every_split() -> None:
    seen = check(range(QUICK_PROBLEMS))
    assert seen["apart"] >= 3
    assert seen["optimal"] >= 0.8 * seen["planned"]


@pytest.mark.slow
def test_bounds_and_plans_hold_against_enumeration() -> None:
    seen = check(range(QUICK_PROBLEMS, PROBLEMS))
    assert seen["apart"] >= 30
    assert seen["optimal"] >= 0.85 * seen["planned"]
    assert seen["infeasible, and is not"] <= 0.05 * seen["planned"]


def test_a_load_goes_where_its_energy_is_cheap() -> None:
    inputs, problem = apart()
    dear, cheap = np.array([100.0, 1.0]), np.array([1.0, 100.0])
    grid = {
        SITE: replace(inputs.grid[SITE], price_usd_per_mwh=dear),
        OTHER: replace(inputs.grid[SITE], price_usd_per_mwh=cheap),
    }
    scenario = inputs.scenario.model_copy(update={"objective": {ObjectiveName.COST: 1.0}})
    plan = plan_scenario(replace(inputs, grid=grid, scenario=scenario), gap=0.0, threads=1).plan
    shares = {pool.site: pool.share for pool in plan.pools if pool.share}
    loaded = problem.pools[0].rate_rps > 0
    assert [share for share, load in zip(shares[SITE], loaded, strict=True) if load] == [
        share for share, load in zip((0.0, 1.0), loaded, strict=True) if load
    ]
    assert np.array(shares[SITE]) + np.array(shares[OTHER]) == pytest.approx(1.0)
    assert plan.status is PlanStatus.OPTIMAL


def apart() -> tuple[Inputs, Problem]:
    """A case of two windows in which nothing but the split ties the sites together, and starts cost nothing."""
    for number in range(400):
        inputs = two_sites(number, 0)
        spec = next(iter(inputs.scenario.sites[0].gpus.values()))
        start = inputs.scenario.transitions
        if (
            len(inputs.windows) == 2
            and len(inputs.scenario.services) == 1
            and spec.count is None
            and not spec.server_idle_w
            and not spec.price_usd_per_gpu_h
            and not start.instance_start_wh
            and not start.instance_start_usd
            and not inputs.scenario.services[0].min_instances
            and len(assemble(inputs).loads()) == 1
        ):
            return inputs, assemble(inputs)
    raise LookupError("no such case")


def test_the_compact_model_cannot_split() -> None:
    inputs, _ = small(0)
    with pytest.raises(UsageError, match="no variables for loads that are split"):
        plan_scenario(inputs, method="compact")


def test_parts_are_shared_out_at_least_cost() -> None:
    """0, 5, 8 and 0, 4, 12 for up to two parts make 0, 4 and 8, both at the first; a third site that can serve none changes nothing."""
    inf = np.inf
    costs = [np.array([[0.0, 5.0, 8.0]]), np.array([[0.0, 4.0, 12.0]]), np.array([[0.0, inf, inf]])]
    total, levels = best_parts(costs)
    assert total.tolist() == [[0.0, 4.0, 8.0]]
    assert levels[0].tolist() == [[0, 0, 0], [0, 1, 0], [2, 0, 0]]


def test_shares_are_rounded_to_whole_parts_that_add_up() -> None:
    shares = np.array([[0.5, 0.3, 1.0, 1 / 3], [0.5, 0.3, 0.0, 1 / 3], [0.0, 0.4, 0.0, 1 / 3]])
    assert whole_parts(shares, 4).T.tolist() == [[2, 2, 0], [1, 1, 2], [4, 0, 0], [2, 1, 1]]


def test_a_course_at_given_parts_serves_these() -> None:
    _, problem = small(0)
    pool = next(pool for pool in problem.pools if pool.split is not None)
    space = StateSpace(pool, problem.windows.hours)
    assert pool.split is not None
    parts = np.full(len(problem.windows), pool.split.steps)
    counts = np.tile(pool.max_instances, (len(problem.windows), 1))
    whole = StateSpace(replace(pool, split=None), problem.windows.hours)
    course = at_parts(space, counts, parts)
    assert course.power_w == pytest.approx(whole.power_w(np.arange(parts.size), counts))
    assert course.share is not None
    assert course.share.tolist() == [1.0] * parts.size
