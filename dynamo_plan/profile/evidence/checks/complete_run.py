"""The run was not cancelled and is whole."""

from __future__ import annotations

from dynamo_plan.profile.evidence.case import Case, unknown
from dynamo_plan.schema.telemetry import Outcome, Verdict

NAME = "complete_run"


def check(case: Case) -> Verdict:
    """Take the tool's own word."""
    is_clean = case.measurement.is_clean
    if is_clean is None:
        return unknown(NAME, f"{case.measurement.format} does not say whether a run was cut short")
    if is_clean:
        return Verdict(NAME, Outcome.CLEAN, "the tool says that the run is complete")
    return Verdict(NAME, Outcome.REJECTED, "the tool says that the run was cancelled or is incomplete")
