"""Does the solver work on this machine? A model small enough to check by hand, and every kernel once."""

from __future__ import annotations

from time import monotonic

import pulp

from dynamo_plan.solve.highs import SolveStatus, run
from dynamo_plan.solve.warm import compile_pricing, compile_search


def solver_works() -> bool:
    """Whether HiGHS finds the optimum 3 of: least x + y with 2 x + y >= 5, x <= 2, x and y whole."""
    prob = pulp.LpProblem("selfcheck", pulp.LpMinimize)
    x = prob.add_variable("x", lowBound=0, upBound=2, cat="Integer")
    y = prob.add_variable("y", lowBound=0, cat="Integer")
    prob.setObjective(x + y)
    prob.addConstraint(2 * x + y >= 5, "enough")
    outcome = run(prob)
    return outcome.status is SolveStatus.OPTIMAL and round(outcome.objective) == 3


def kernels_ready() -> float:
    """Compile the kernels of planning, or load them from the cache; the time that took [s]."""
    begin = monotonic()
    compile_pricing()
    compile_search()
    return monotonic() - begin
