"""The decomposition under every kind of transition: its bound lies below the optimum by enumeration, its plan above."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.solve.caps import relaxed
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.states import StateSpace
from tests.solve.enumeration import optimum
from tests.solve.test_oracle import small_case
from tests.solve.test_transitions import BOOTS_S, ENDINGS, with_boots, with_ends, with_transitions

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
