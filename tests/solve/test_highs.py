from __future__ import annotations

import math

import numpy as np
import pulp
import pytest

from dynamo_plan.errors import SolverError
from dynamo_plan.solve.highs import SolveStatus, run, solver_version
from dynamo_plan.solve.selfcheck import solver_works


def hard_knapsack(offset: float = 0.0) -> pulp.LpProblem:
    """Market split: 6 equations in 50 binaries; no solver proves the least deviation within a second."""
    rng = np.random.default_rng(5)
    weights = rng.integers(0, 100, (6, 50))
    prob = pulp.LpProblem("split", pulp.LpMinimize)
    x = [prob.add_variable(f"x_{i}", cat="Binary") for i in range(50)]
    off = []
    for row, own in enumerate(weights):
        over, under = prob.add_variable(f"over_{row}", lowBound=0), prob.add_variable(f"under_{row}", lowBound=0)
        off += [over, under]
        total = pulp.lpSum_vars_coefs([*zip(x, own.astype(float).tolist(), strict=True), (over, -1.0), (under, 1.0)])
        prob.addConstraint(total == float(own.sum() // 2), f"half_{row}")
    prob.setObjective(pulp.lpSum_vars(off) + offset)
    return prob


def test_a_solve_that_hits_its_limit_is_never_optimal() -> None:
    outcome = run(hard_knapsack(), time_limit_s=0.5)
    assert outcome.status in {SolveStatus.FEASIBLE, SolveStatus.NOTHING_FOUND}
    assert outcome.status is SolveStatus.FEASIBLE
    assert outcome.bound < outcome.objective
    assert outcome.values.size == 62


def test_a_limit_before_any_solution_is_no_answer() -> None:
    outcome = run(hard_knapsack(), time_limit_s=0.0)
    assert outcome.status in {SolveStatus.NOTHING_FOUND, SolveStatus.FEASIBLE}
    if outcome.status is SolveStatus.NOTHING_FOUND:
        assert math.isnan(outcome.objective)
        assert outcome.values.size == 0


def test_an_optimum_by_hand() -> None:
    prob = pulp.LpProblem("hand", pulp.LpMinimize)
    x = prob.add_variable("x", lowBound=0, cat="Integer")
    prob.setObjective(2 * x + 7.0)
    prob.addConstraint(3 * x >= 7, "enough")
    outcome = run(prob)
    assert (outcome.status, outcome.values.tolist()) == (SolveStatus.OPTIMAL, [3.0])
    assert outcome.objective == outcome.bound == 13.0
    relaxed = run(prob, relax=True)
    assert relaxed.objective == pytest.approx(2 * 7 / 3 + 7.0)


def test_a_gap_that_is_allowed_stays_stated() -> None:
    """With an offset of 1000 the gap of some dozens is below 50 % at once, but not closed."""
    outcome = run(hard_knapsack(1000.0), gap=0.5, time_limit_s=20.0)
    assert outcome.status is SolveStatus.OPTIMAL
    assert 0.5 * outcome.objective <= outcome.bound < outcome.objective


def test_no_solution_exists() -> None:
    prob = pulp.LpProblem("none", pulp.LpMinimize)
    x = prob.add_variable("x", lowBound=0, upBound=1, cat="Integer")
    prob.setObjective(1 * x)
    prob.addConstraint(2 * x == 1, "half")
    outcome = run(prob)
    assert outcome.status is SolveStatus.INFEASIBLE
    assert math.isnan(outcome.objective)
    assert outcome.bound == math.inf


def test_an_unbounded_model_is_a_defect_of_ours() -> None:
    prob = pulp.LpProblem("down", pulp.LpMinimize)
    prob.setObjective(1 * prob.add_variable("x"))
    with pytest.raises(SolverError, match="HiGHS ended with"):
        run(prob)


def test_the_solver_is_there_and_says_its_version() -> None:
    assert solver_works()
    assert solver_version().count(".") == 2


@pytest.mark.parametrize("order", [(None, 2, 1, 2), (1, None, 2)])
def test_the_number_of_threads_may_change_from_solve_to_solve(order: tuple[int | None, ...]) -> None:
    for threads in order:
        prob = pulp.LpProblem("stamps", pulp.LpMinimize)
        three, four = (prob.add_variable(name, lowBound=0.0, cat="Integer") for name in ("three", "four"))
        prob.addConstraint(pulp.lpSum_vars_coefs([(three, 2.0), (four, 3.0)]) >= 7.0, "enough")
        prob.setObjective(pulp.lpSum_vars_coefs([(three, 3.0), (four, 4.0)]))
        assert run(prob, threads=threads).objective == pytest.approx(10.0)
