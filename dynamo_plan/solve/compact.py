"""Solve the compact formulation with HiGHS: the oracle in tests, and the way out where the decomposition's gap stays open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.compact import CompactModel, PoolStates
from dynamo_plan.problem import Problem
from dynamo_plan.solve.coupling import energy_price
from dynamo_plan.solve.courses import Course
from dynamo_plan.solve.highs import SolveStatus, run
from dynamo_plan.solve.solution import Solution
from dynamo_plan.solve.states import StateSpace, windows_of


def all_states(space: StateSpace) -> PoolStates:
    """Every admitted state of a pool with its exact power."""
    window, counts = space.box()
    power = space.power_w(window, counts)
    slices = [here for _, here in windows_of(window, space.pool.mix.size)]
    return PoolStates([counts[here] for here in slices], [power[here] for here in slices])


def compact_model(problem: Problem, spaces: list[StateSpace]) -> CompactModel:
    """The compact model over all admitted states."""
    start_price = energy_price(problem)
    return CompactModel(problem, [all_states(space) for space in spaces], start_price < 0)


def chosen_courses(model: CompactModel, values: NDArray[np.float64]) -> list[Course]:
    """Courses of the pools that a solution of the model stands for, values of all variables in order of declaration (column,)."""
    courses = []
    for states, chosen in zip(model.states, model.chosen(values), strict=True):
        counts = np.array([states.counts[t][i] for t, i in enumerate(chosen)])
        power = np.array([states.power_w[t][i] for t, i in enumerate(chosen)])
        courses.append(Course(counts, power, float("nan")))
    return courses


def solve_compact(
    problem: Problem,
    spaces: list[StateSpace],
    *,
    gap: float,
    time_limit_s: float,
    threads: int | None = None,
    log: Path | None = None,
) -> Solution:
    """Plan with one MILP; caps must be feasible in every window."""
    model = compact_model(problem, spaces)
    outcome = run(model.prob, gap=gap, time_limit_s=time_limit_s, threads=threads, log=log)
    has_plan = outcome.status in (SolveStatus.OPTIMAL, SolveStatus.FEASIBLE)
    courses = chosen_courses(model, outcome.values) if has_plan else []
    proof = "branch-and-bound of HiGHS on one MILP with a binary per pool, window and state"
    return Solution(outcome.status, courses, outcome.objective, outcome.bound, "compact", proof)
