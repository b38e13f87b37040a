"""The GPUs were cool enough that heat did not come close to deciding the clock."""

from __future__ import annotations

import numpy as np

from dynamo_plan.profile.evidence.case import Case, unknown
from dynamo_plan.schema.telemetry import Outcome, Verdict

NAME = "thermal_headroom"

LIMIT_C = 85.0
"""Highest operating temperature that the strictest data-centre boards name (``nvidia-smi -q`` of an A100 SXM); telemetry does not
hold a board's own."""

HEADROOM_C = 5.0
"""Rooms and neighbours differ by as much; what is measured closer to the limit may throttle elsewhere, and leaks more."""


def check(case: Case) -> Verdict:
    """Compare the hottest sample with the limit."""
    if case.window is None:
        return unknown(NAME, case.missing)
    found = case.window.inside.temperature_c
    if found is None or np.isnan(found).all():
        return unknown(NAME, "the telemetry holds no temperatures")
    hottest = float(np.nanmax(found))
    outcome = Outcome.CLEAN if hottest <= LIMIT_C - HEADROOM_C else Outcome.SUSPECT
    return Verdict(NAME, outcome, f"hottest sample {hottest:g} °C, {LIMIT_C - hottest:g} °C below {LIMIT_C:g} °C")
