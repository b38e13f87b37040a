"""The run was long enough, and at a load that the instance keeps up with, to be of a steady state."""

from __future__ import annotations

import math

from dynamo_plan.profile.evidence.case import Case, Window, graded, unknown
from dynamo_plan.profile.evidence.power import by_trapezoid_w
from dynamo_plan.schema.measurement import Measurement
from dynamo_plan.schema.telemetry import Outcome, Verdict
from dynamo_plan.units import MS_PER_SECOND, PERCENT_PER_ONE, US_PER_SECOND

NAME = "steady_state"

CLEAN_SHARE, SUSPECT_SHARE = 0.1, 0.34
"""Time of a mean request over the run's, in a closed loop requests at a time over all: while the first ones fill the batch and the last
ones empty it, for about one such time each, the instance is under less load. At 0.1 that is a fifth of the run, at a third most of it."""

BEHIND = 0.05
"""Part of the offered rate that may be missing in the throughput [1]. More, and the queue grows as long as the run lasts: its
latencies say how long that was."""

DEVIATIONS = 2.0
"""Standard deviations of a Poisson count that a short run may be behind by chance."""

DRIFT = 0.1
"""Difference of mean power between first and last third of the run [relative]: an instance that fills or warms up draws more and more."""


def check(case: Case) -> Verdict:
    """Judge length, load and drift of power, as far as they are known."""
    found = [
        one for one in (_length(case.measurement), _load(case.measurement), _drift(case.window)) if one is not None
    ]
    if not found:
        return unknown(NAME, "neither latencies and duration, nor an offered rate, nor powers over time are known")
    order = (Outcome.CLEAN, Outcome.SUSPECT, Outcome.REJECTED)
    outcome = max((outcome for outcome, _ in found), key=order.index)
    return Verdict(NAME, outcome, "; ".join(reason for _, reason in found))


def _length(measurement: Measurement) -> tuple[Outcome, str] | None:
    return _turnover(measurement) or _request_time(measurement)


def _turnover(measurement: Measurement) -> tuple[Outcome, str] | None:
    """How often a closed loop renewed its batch; its time to first token may be that of a queue, which says nothing of the batch."""
    together, completed = measurement.concurrency, measurement.completed
    if measurement.offered_rps is not None or not together or not completed:
        return None
    if together <= 1:
        return Outcome.CLEAN, "one request at a time: there is no batch to fill or to empty"
    outcome = graded(together / completed, CLEAN_SHARE, SUSPECT_SHARE)
    return outcome, f"{completed} requests, {together:g} at a time, renewed the batch {completed / together:.3g} times"


def _request_time(measurement: Measurement) -> tuple[Outcome, str] | None:
    first, gap = measurement.ttft, measurement.tbt
    first_ms = first.mean_ms if first.mean_ms is not None else first.p50_ms
    gap_ms = gap.mean_ms if gap.mean_ms is not None else gap.p50_ms
    if first_ms is None or gap_ms is None or not measurement.duration_s or measurement.output_tokens is None:
        return None
    request_s = (first_ms + gap_ms * max(measurement.output_tokens - 1.0, 0.0)) / MS_PER_SECOND
    outcome = graded(request_s / measurement.duration_s, CLEAN_SHARE, SUSPECT_SHARE)
    return outcome, f"a request took {request_s:.3g} s of {measurement.duration_s:.4g} s"


def _load(measurement: Measurement) -> tuple[Outcome, str] | None:
    offered, achieved = measurement.offered_rps, measurement.throughput_rps
    if not offered or achieved is None or not math.isfinite(offered):
        return None
    behind = 1.0 - achieved / offered
    sent = offered * (measurement.duration_s or math.inf)
    allowed = max(BEHIND, DEVIATIONS / math.sqrt(sent)) if sent else BEHIND
    figures = f"{achieved:.4g} of {offered:.4g} requests/s were served"
    return (Outcome.CLEAN if behind <= allowed else Outcome.SUSPECT), figures


def _drift(window: Window | None) -> tuple[Outcome, str] | None:
    if window is None:
        return None
    third = (window.end_us - window.start_us) // 3
    first_w, last_w = (
        by_trapezoid_w(Window(window.telemetry, start, start + third, window.inside))
        for start in (window.start_us, window.end_us - third)
    )
    if first_w is None or last_w is None or third < US_PER_SECOND or max(first_w, last_w) <= 0:
        return None
    drift = abs(last_w - first_w) / max(first_w, last_w)
    figures = f"power moved by {drift * PERCENT_PER_ONE:.2g} % from {first_w:.4g} W to {last_w:.4g} W"
    return (Outcome.CLEAN if drift <= DRIFT else Outcome.SUSPECT), figures
