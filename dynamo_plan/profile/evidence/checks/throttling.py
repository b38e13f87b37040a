"""Nothing but the plan slowed the GPUs down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.evidence.case import Case, graded, unknown
from dynamo_plan.schema.telemetry import Outcome, ThrottleReason, Verdict
from dynamo_plan.units import PERCENT_PER_ONE

NAME = "throttling"

POWER = ThrottleReason.SOFTWARE_POWER_CAP | ThrottleReason.POWER_BRAKE
THERMAL = ThrottleReason.SOFTWARE_THERMAL | ThrottleReason.HARDWARE_THERMAL
HARDWARE = ThrottleReason.HARDWARE_SLOWDOWN
BAD = POWER | THERMAL | HARDWARE
"""0xEC. A planned clock lock (0x2) and an idle GPU (0x1) are no throttling; sync boost (0x10) holds GPUs together as configured."""

CLEAN_SHARE, SUSPECT_SHARE = 0.0, 0.05
"""Of the samples. A single one in twenty is a moment of a run; more is a state of it."""


@dataclass(frozen=True, slots=True)
class ThrottleCounts:
    """Samples, those with a bad reason, and these by reason; one with several reasons counts for each."""

    samples: int
    bad: int
    thermal: int
    power: int
    hardware: int


def count_throttled(masks: NDArray[np.int32]) -> ThrottleCounts:
    """Count samples by reason; those without a mask are left out."""
    known = masks[masks >= 0]
    counted = [int(np.count_nonzero(known & reason)) for reason in (BAD, THERMAL, POWER, HARDWARE)]
    return ThrottleCounts(int(known.size), *counted)


def check(case: Case) -> Verdict:
    """Count the samples in which power, heat or the hardware lowered the clock."""
    if case.window is None:
        return unknown(NAME, case.missing)
    masks = case.window.inside.throttle
    found = None if masks is None else count_throttled(masks)
    if masks is None or found is None or not found.samples:
        return unknown(NAME, "the telemetry holds no reasons for the clock")
    share = found.bad / found.samples
    figures = (
        f"{found.bad} of {found.samples} samples ({share * PERCENT_PER_ONE:.2g} %) throttled: {found.thermal} thermal, "
    )
    figures += f"{found.power} power, {found.hardware} hardware slowdown"
    outcome = graded(share, CLEAN_SHARE, SUSPECT_SHARE)
    only_capped = not np.any(masks[masks >= 0] & (BAD & ~ThrottleReason.SOFTWARE_POWER_CAP))
    if outcome is Outcome.REJECTED and not case.measurement.frequency_mhz and only_capped:
        # A GPU whose clock is not locked runs into its power limit by design; the row is of what it does there.
        return Verdict(NAME, Outcome.SUSPECT, f"{figures}; no clock was locked, and only the power limit set it")
    return Verdict(NAME, outcome, figures)
