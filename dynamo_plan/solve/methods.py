"""Which method can plan a problem: what the decomposition cannot express goes to the compact model, or is refused with the reason."""

from __future__ import annotations

from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.model.constraints.min_up import windows_up
from dynamo_plan.problem import Problem
from dynamo_plan.solve.states import StateSpace

COMPACT_LIMIT = 200_000
"""Binaries up to which `auto` tries one MILP; more do not finish in useful time."""


def beyond_decomposition(problem: Problem) -> str | None:
    """What of this problem only the compact model expresses; None where the decomposition can plan it."""
    if problem.routed:
        return f"services whose routing is free ({', '.join(sorted({pool.service for pool in problem.routed}))})"
    if windows_up(problem) > 1:
        return "a minimum up time of more than one window (transitions.min_up_s)"
    return None


def method_for(problem: Problem, spaces: list[StateSpace], asked: str) -> str:
    """The method to use where `asked` is wanted.

    Raises
    ------
    UsageError
        The decomposition cannot express this problem, and it was asked for or the problem is too large for one MILP.
    """
    reason = beyond_decomposition(problem)
    if asked == "compact" or reason is None:
        return asked
    binaries = sum(space.box_size() for space in spaces)
    if asked == "auto" and binaries <= COMPACT_LIMIT:
        return "compact"
    what = f"the decomposition cannot plan {reason}"
    mend = "Use --method compact, or leave it out"
    if asked == "auto":
        what += f", and the compact model would have {binaries:,} binaries"
        mend = "Leave it out, plan fewer windows (--horizon) or fewer kinds, or insist with --method compact"
    raise UsageError(Fault("method-cannot-plan", f"--method {asked}", what, "", mend))
