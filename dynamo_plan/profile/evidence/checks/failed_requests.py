"""All requests were answered."""

from __future__ import annotations

from dynamo_plan.profile.evidence.case import Case, graded, unknown
from dynamo_plan.schema.telemetry import Outcome, Verdict
from dynamo_plan.units import PERCENT_PER_ONE

NAME = "failed_requests"

CLEAN_SHARE, SUSPECT_SHARE = 0.0, 0.01
"""Of the requests. Where more than 1 % failed, the 99th percentile over the others is none: the slowest are missing."""


def check(case: Case) -> Verdict:
    """Compare failed requests with all."""
    completed, failed = case.measurement.completed, case.measurement.failed
    if failed is None or completed is None:
        return unknown(NAME, "the measurement does not count completed and failed requests")
    if not completed + failed:
        return Verdict(NAME, Outcome.INFORMATIVE, "no request was sent")
    if not completed:
        return Verdict(NAME, Outcome.REJECTED, f"all {failed} requests failed")
    share = failed / (completed + failed)
    figures = f"{failed} of {completed + failed} requests failed ({share * PERCENT_PER_ONE:.2g} %)"
    return Verdict(NAME, graded(share, CLEAN_SHARE, SUSPECT_SHARE), figures)
