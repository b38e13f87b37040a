"""The GPUs ran at the clock that the row is of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.evidence.case import Case, graded, unknown
from dynamo_plan.schema.telemetry import Outcome, Verdict
from dynamo_plan.units import PERCENT_PER_ONE

NAME = "clock_held"

CLEAN_DEVIATION, SUSPECT_DEVIATION = 0.01, 0.03
"""Of the mean from the locked clock [relative]. Throughput of compute-bound work moves by as much, dynamic power by about three times
that (f·V²): 1 % keeps power within the 3 % to which a profile is held, 3 % is the distance between neighbouring clocks of a grid."""

CLEAN_VARIATION, SUSPECT_VARIATION = 0.02, 0.05
"""Coefficient of variation [1]. Two steps of 15 MHz are 2 % of a low clock; at 5 % the row mixes operating points."""

LOW_PERCENTILE = 5.0


@dataclass(frozen=True, slots=True)
class ClockStatistics:
    """Statistics of sampled clocks [MHz]; `variation` is the population's standard deviation over the mean [1]."""

    mean_mhz: float
    variation: float
    p5_mhz: float

    def deviation(self, planned_mhz: float) -> float:
        """How far the mean lies from the planned clock [relative]."""
        return abs(self.mean_mhz - planned_mhz) / planned_mhz


def clock_statistics(clocks_mhz: NDArray[np.float64]) -> ClockStatistics:
    """Mean, coefficient of variation and fifth percentile (linear) of clocks [MHz]."""
    mean = float(np.mean(clocks_mhz))
    return ClockStatistics(mean, float(np.std(clocks_mhz)) / mean, float(np.percentile(clocks_mhz, LOW_PERCENTILE)))


def check(case: Case) -> Verdict:
    """Compare the clocks of busy samples with the locked clock."""
    if case.window is None:
        return unknown(NAME, case.missing)
    clocks = case.window.inside.sm_clock_mhz
    if clocks is None:
        return unknown(NAME, "the telemetry holds no SM clocks")
    seen = clocks[case.window.busy() & (clocks > 0)]
    if not seen.size:
        return unknown(NAME, "every sample is idle")
    found = clock_statistics(seen)
    figures = (
        f"mean {found.mean_mhz:.1f} MHz, variation {found.variation * PERCENT_PER_ONE:.2f} %, P5 {found.p5_mhz:.1f} MHz"
    )
    figures += f" over {seen.size} busy samples"
    planned = case.measurement.frequency_mhz
    if not planned:
        return Verdict(NAME, Outcome.INFORMATIVE, f"no clock was locked; {figures}")
    deviation = found.deviation(planned)
    outcomes = (
        graded(deviation, CLEAN_DEVIATION, SUSPECT_DEVIATION),
        graded(found.variation, CLEAN_VARIATION, SUSPECT_VARIATION),
    )
    outcome = max(outcomes, key=[Outcome.CLEAN, Outcome.SUSPECT, Outcome.REJECTED].index)
    return Verdict(NAME, outcome, f"locked at {planned:g} MHz: {figures}, off by {deviation * PERCENT_PER_ONE:.2f} %")
