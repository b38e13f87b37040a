"""HiGHS through PuLP: run a model, read the solver's own status, value and bound."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, SolverError
from dynamo_plan.model.live import load

if TYPE_CHECKING:
    from pathlib import Path


EXACT: dict[str, Any] = {"random_seed": 0, "mip_feasibility_tolerance": 1e-9, "primal_feasibility_tolerance": 1e-9}
"""Options of every solve; the tolerances are an order below those by which the verifier judges."""


class SolveStatus(StrEnum):
    """How a solve ended. A limit that was hit is never called optimal."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    NOTHING_FOUND = "nothing found"


@dataclass(frozen=True, slots=True)
class Outcome:
    """End of a solve.

    Attributes
    ----------
    objective, bound : float
        Value of the best solution found, NaN without one, and proven bound [objective].
    values : array, shape (column,)
        Value of every variable in the order of its declaration; empty without a solution.
    """

    status: SolveStatus
    objective: float
    bound: float
    values: NDArray[np.float64]


def solver_version() -> str:
    """Version of HiGHS, e.g. ``1.15.1``."""
    return f"{highspy.HIGHS_VERSION_MAJOR}.{highspy.HIGHS_VERSION_MINOR}.{highspy.HIGHS_VERSION_PATCH}"


def run(
    prob: pulp.LpProblem,
    *,
    relax: bool = False,
    gap: float = 0.0,
    time_limit_s: float | None = None,
    threads: int | None = None,
    log: Path | None = None,
) -> Outcome:
    """Solve a PuLP model with HiGHS in this process.

    Parameters
    ----------
    relax : bool
        Ignore integrality.
    gap : float
        Relative gap at which to stop [1].
    time_limit_s : float, optional
        Wall time [s].
    log : Path, optional
        File that HiGHS appends its log to.

    Raises
    ------
    SolverError
        HiGHS calls the model unbounded or fails; no scenario should lead there.
    """
    # Written this way rather than by PuLP's solve status: that has called a stop at the time limit "Optimal" in the past.
    solver = pulp.HiGHS(
        mip=not relax,
        msg=False,
        gapRel=gap,
        gapAbs=0.0,
        threads=threads,
        timeLimit=time_limit_s,
        logPath=None if log is None else str(log),
        **EXACT,
    )
    # HiGHS keeps its threads for the life of the process, and does not solve with another number of them until it is told to drop these.
    highspy.Highs.resetGlobalScheduler(True)
    return finish(load(prob, solver), f"model {prob.name}", is_mip=not relax and bool(prob.isMIP()))


def finish(highs: highspy.Highs, name: str, *, is_mip: bool) -> Outcome:
    """Run a live model and read how it ended.

    Raises
    ------
    SolverError
        HiGHS calls the model unbounded or fails.
    """
    failed = highs.run() == highspy.HighsStatus.kError
    info = highs.getInfo()
    status = highs.getModelStatus()
    has_solution = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    value = float(info.objective_function_value) if has_solution else float("nan")
    bound = float(info.mip_dual_bound) if is_mip else value
    values = np.asarray(highs.getSolution().col_value) if has_solution else np.zeros(0)
    if status == highspy.HighsModelStatus.kOptimal:
        return Outcome(SolveStatus.OPTIMAL, value, min(bound, value), values)
    if status == highspy.HighsModelStatus.kInfeasible:
        return Outcome(SolveStatus.INFEASIBLE, float("nan"), float("inf"), np.zeros(0))
    limits = (
        highspy.HighsModelStatus.kTimeLimit,
        highspy.HighsModelStatus.kIterationLimit,
        highspy.HighsModelStatus.kSolutionLimit,
        highspy.HighsModelStatus.kInterrupt,
        highspy.HighsModelStatus.kNotset,  # the limit was over before it began
    )
    if status in limits and not failed:
        found = SolveStatus.FEASIBLE if has_solution else SolveStatus.NOTHING_FOUND
        return Outcome(found, value, bound if is_mip else float("-inf"), values)
    raise SolverError(
        Fault(
            "solver-failed",
            name,
            f"HiGHS ended with {highs.modelStatusToString(status)}",
            "The model is bounded by construction",
            "Please report this with the output of `dynamo-plan solve --save-lp`",
        )
    )
