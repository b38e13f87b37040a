"""The decomposition under every kind of transition: its bound lies below the optimum by enumeration, its plan above."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.ingest import read_inputs
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.solve.caps import relaxed
from dynamo_plan.solve.coupling import linear_prices
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.pricing import cheapest_courses, pool_prices
from dynamo_plan.solve.states import MOST, StateSpace
from tests.solve.enumeration import optimum
from tests.solve.test_oracle import small_case
from tests.solve.test_transitions import BOOTS_S, ENDINGS, with_boots, with_ends, with_transitions

EXAMPLES = Path(__file__).parents[2] / "examples"
AGREEMENT = 1e-6
CASES = 40


def changed(kind: str, number: int, inputs: Inputs, free: Problem) -> Inputs:
    """A random case's inputs with transitions of one kind."""
    rng = np.random.default_rng(number)
    if kind == "reshards":
        start_wh = inputs.scenario.transitions.instance_start_wh
        inputs = with_transitions(inputs, reshard_wh=0.2 * start_wh)
        return with_ends(inputs, free, rng, ENDINGS[0]) if number % 2 else inputs
    if kind == "ends":
        return with_ends(inputs, free, rng, ENDINGS[number % 2])
    if kind == "boots":
        return with_boots(inputs, BOOTS_S[1 + number % (len(BOOTS_S) - 1)])
    return with_transitions(inputs, max_starts_per_window=number % 3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["reshards", "ends", "boots", "limits"])
def test_bound_optimum_and_plan_stand_in_order(kind: str) -> None:
    close, compared = 0, 0
    for number in range(CASES):
        case, free = small_case(number)
        stated = assemble(changed(kind, number, case.inputs, free))
        spaces = [StateSpace(pool, stated.windows.hours) for pool in stated.pools]
        problem = relaxed(stated, spaces, with_starts=True).problem
        best = optimum(problem)
        if not np.isfinite(best):
            continue  # a limit on starts that no course holds
        found = solve_decomposed(
            problem, spaces, gap=1e-3, time_limit_s=20.0, on_progress=lambda phase, done, note: None
        )
        room = AGREEMENT * abs(best) + 1e-9
        assert found.bound <= best + room, (kind, number)
        assert found.objective >= best - room, (kind, number)
        compared += 1
        close += found.objective <= best + 1e-3 * abs(best) + 1e-9
    assert compared >= CASES // 2
    assert close >= 0.85 * compared


def dear_starts() -> Problem:
    """As in windows of five minutes: a start costs what an instance draws in many windows, and a re-shard a tenth of it."""
    changes = [("transitions.instance_start_wh", "600"), ("transitions.reshard_wh", "48")]
    draws = [(f"sites.0.gpus.h100.{name}", "0") for name in ("server_idle_w", "unused_gpu_w")]
    return assemble(read_inputs(EXAMPLES / "first-plan" / "scenario.yaml", [*changes, *draws]))


def test_dear_starts_and_cheap_reshards_are_priced_exactly() -> None:
    problem = dear_starts()
    spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
    for course in cheapest_courses(problem, spaces, linear_prices(problem), 1):
        assert course.bound == pytest.approx(course.value, rel=1e-9)


def test_where_states_are_dropped_windows_by_themselves_still_bound_the_course() -> None:
    problem = dear_starts()
    prices = linear_prices(problem)
    for pool in problem.pools:
        whole, cut = (StateSpace(pool, problem.windows.hours, most) for most in (MOST, (2_000, 500, 2)))
        exact, loose = (cheapest_courses(problem, [space], prices, 1)[0] for space in (whole, cut))
        alone = cut.cheapest(pool_prices(problem, pool, prices).without_starts())
        assert loose.bound < exact.value
        assert loose.bound >= alone.bound - 1e-9
        assert exact.value <= loose.value + 1e-9
