"""The GPUs were cool enough that heat did not come close to deciding the clock."""

from __future__ import annotations

import numpy as np

from dynamo_plan.profile.evidence.case import Case, unknown
from dynamo_plan.schema.hardware import STRICTEST_LIMIT_C, board_of
from dynamo_plan.schema.telemetry import Outcome, Verdict

NAME = "thermal_headroom"

HEADROOM_C = 5.0
"""Rooms and neighbours differ by as much; what is measured closer to the limit may throttle elsewhere, and leaks more."""


def check(case: Case) -> Verdict:
    """Compare the hottest sample with the limit of the board."""
    if case.window is None:
        return unknown(NAME, case.missing)
    found = case.window.inside.temperature_c
    if found is None or np.isnan(found).all():
        return unknown(NAME, "the telemetry holds no temperatures")
    hottest = float(np.nanmax(found))
    stated_c = board_of(case.measurement.gpu).limit_c
    limit_c = STRICTEST_LIMIT_C if stated_c is None else stated_c
    outcome = Outcome.CLEAN if hottest <= limit_c - HEADROOM_C else Outcome.SUSPECT
    side = "below" if hottest <= limit_c else "above"
    figures = f"hottest sample {hottest:g} °C, {abs(limit_c - hottest):g} °C {side} {limit_c:g} °C"
    if stated_c is None:
        figures += f", assumed: the limit of {case.measurement.gpu or 'the GPU'} is not known"
    return Verdict(NAME, outcome, figures)
