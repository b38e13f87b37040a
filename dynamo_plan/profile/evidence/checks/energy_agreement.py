"""All that is said of the energy agrees: stated power times duration, stated energy, sampled powers, counters."""

from __future__ import annotations

from dynamo_plan.profile.evidence.case import Case, graded, unknown
from dynamo_plan.profile.evidence.power import by_counter_w, by_trapezoid_w, resets
from dynamo_plan.schema.telemetry import Verdict
from dynamo_plan.units import PERCENT_PER_ONE

NAME = "energy_agreement"

CLEAN_SHARE, SUSPECT_SHARE = 0.05, 0.1
"""Largest difference over the largest figure [1]. The sensor's own error is 5 %, and on some GPUs powers are seen a quarter of the
time only. Source: Yang, Adamek, Armour, Part-time Power Measurements: nvidia-smi's Lack of Attention, 2023, arXiv:2312.02741."""


def check(case: Case) -> Verdict:
    """Compare every two of the figures."""
    measurement, window = case.measurement, case.window
    if not measurement.duration_s:
        return unknown(NAME, "the measurement does not say how long it took")
    duration_s = measurement.duration_s
    powers_w = {
        "power x duration": measurement.power_w,
        "stated energy": None if measurement.energy_j is None else measurement.energy_j / duration_s,
        "sampled powers": None if window is None else by_trapezoid_w(window),
        "counters": None if window is None else by_counter_w(window),
    }
    energies_j = {name: power_w * duration_s for name, power_w in powers_w.items() if power_w is not None}
    if len(energies_j) < 2 or max(energies_j.values()) <= 0:
        return unknown(NAME, f"fewer than two figures to compare; {case.missing}".rstrip("; "))
    apart = 1.0 - min(energies_j.values()) / max(energies_j.values())
    figures = ", ".join(f"{name} {energy_j:.5g} J" for name, energy_j in energies_j.items())
    figures += f": {apart * PERCENT_PER_ONE:.2g} % apart"
    set_back = 0 if window is None else resets(window)
    if set_back:
        figures += f"; counters were set back {set_back} times"
    return Verdict(NAME, graded(apart, CLEAN_SHARE, SUSPECT_SHARE), figures)
