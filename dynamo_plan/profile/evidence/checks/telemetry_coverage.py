"""The telemetry is of the instance's GPUs, and of the whole run."""

from __future__ import annotations

from dynamo_plan.profile.evidence.case import MOST_GAP, Case, graded, unknown
from dynamo_plan.profile.evidence.power import largest_gap
from dynamo_plan.schema.telemetry import Outcome, Verdict
from dynamo_plan.units import PERCENT_PER_ONE

NAME = "telemetry_coverage"

CLEAN_GAP = 0.1
"""Longest time without a sample, as a share of the run [1]: ten samples, evenly spread, show a steady state."""


def check(case: Case) -> Verdict:
    """Compare GPUs with the instance's, and the largest gap with the run."""
    if case.window is None:
        return unknown(NAME, case.missing)
    telemetry, measurement = case.window.telemetry, case.measurement
    gpus = len(telemetry.gpus)
    needed = None if measurement.tp is None else measurement.tp * (measurement.pp or 1)
    if needed is not None and gpus != needed:
        what = f"telemetry of {gpus} GPUs for an instance of {needed}: no power is taken from it"
        return Verdict(NAME, Outcome.REJECTED, f"{what}. Name the instance's GPUs")
    held = [telemetry.power_w, telemetry.energy_j, telemetry.sm_clock_mhz]
    gaps = [largest_gap(case.window, column) for column in held if column is not None]
    if not gaps:
        return unknown(NAME, "the telemetry holds neither powers nor clocks")
    worst = max(gaps)
    figures = f"{len(case.window.inside)} samples of {gpus} GPUs in {case.window.duration_s:.4g} s, "
    figures += f"longest gap {worst * PERCENT_PER_ONE:.2g} % of it"
    if worst > MOST_GAP:
        figures += ": no power is taken from it"
    return Verdict(NAME, graded(worst, CLEAN_GAP, MOST_GAP), figures)
