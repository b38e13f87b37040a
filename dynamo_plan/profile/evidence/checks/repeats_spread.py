"""The same point measured again gives the same figures."""

from __future__ import annotations

import numpy as np

from dynamo_plan.profile.evidence.case import Case, graded, unknown
from dynamo_plan.schema.telemetry import Outcome, Verdict
from dynamo_plan.units import PERCENT_PER_ONE

NAME = "repeats_spread"

CLEAN_VARIATION, SUSPECT_VARIATION = 0.03, 0.1
"""Sample standard deviation over the mean [1], of throughput, power and mean time between tokens: the errors to which a profile's own
predictions are held, and three times that. Percentiles spread by chance and are not judged."""


def check(case: Case) -> Verdict:
    """Compare throughput, power and time between tokens over all repeats."""
    runs = (case.measurement, *case.repeats)
    if len(runs) < 2:
        return unknown(NAME, "measured once")
    quantities = {
        "throughput": [run.throughput_rps for run in runs],
        "power": [run.power_w for run in runs],
        "time between tokens": [run.tbt.mean_ms for run in runs],
    }
    variations = {}
    for name, values in quantities.items():
        known = np.array([value for value in values if value is not None])
        if known.size > 1 and known.mean() > 0:
            variations[name] = float(np.std(known, ddof=1) / known.mean())
    if not variations:
        return unknown(NAME, f"{len(runs)} runs, of which no quantity is known twice")
    figures = ", ".join(f"{name} {value * PERCENT_PER_ONE:.2g} %" for name, value in variations.items())
    outcome: Outcome = graded(max(variations.values()), CLEAN_VARIATION, SUSPECT_VARIATION)
    return Verdict(NAME, outcome, f"{len(runs)} runs, variation of {figures}")
