"""The live HiGHS model behind a PuLP problem."""

from __future__ import annotations

import highspy
import pulp


def load(prob: pulp.LpProblem, solver: pulp.HiGHS) -> highspy.Highs:
    """The live HiGHS model of a PuLP problem: columns and rows in PuLP's order.

    Results are read from it as arrays: copying them back into PuLP's variables and rows, as `LpProblem.solve` does, takes longer
    than the solve itself on models of a week.
    """
    solver.createAndConfigureSolver(prob)
    solver.buildSolverModel(prob)
    highs = prob.solverModel
    assert isinstance(highs, highspy.Highs)
    return highs
