"""Figures of one measurement that cannot belong together, or are plausible only in another unit."""

from __future__ import annotations

from itertools import pairwise

from dynamo_plan.ingest.checks.units import (
    CLOCK_UNITS,
    LEAST_GPU_W,
    LEAST_LATENCY_MS,
    MOST_GPU_W,
)
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.schema.measurement import Latency, Measurement
from dynamo_plan.units import MS_PER_SECOND

ROUNDING = 1e-3
"""Relative; tools print percentiles with three digits or more."""


def check_plausible(found: Measurement, faults: Faults) -> None:
    """Note what cannot be; thresholds stand where no real figure of the right unit lies on their wrong side."""
    _check_ttft(found, faults)
    for name, latency in (("ttft", found.ttft), ("tbt", found.tbt)):
        _check_percentiles(found.where, name, latency, faults)
    _check_clock(found, faults)
    _check_power(found, faults)
    for name in ("input_tokens", "output_tokens", "duration_s", "power_w", "tp", "pp"):
        if getattr(found, name) == 0:
            faults.add("measurement-zero", f"{found.where} {name}", "0 is no measurement", f"{name} must be positive")
    if found.completed == 0:
        faults.add(
            "measurement-zero",
            f"{found.where} completed",
            "no request was completed",
            "A row needs at least one",
            "Measure it again",
        )


def _check_ttft(found: Measurement, faults: Faults) -> None:
    stated = [value for value in (found.ttft.mean_ms, found.ttft.p50_ms, found.ttft.p99_ms) if value is not None]
    if stated and 0 < max(stated) < LEAST_LATENCY_MS:
        faults.add(
            "unit-latency",
            f"{found.where} ttft",
            f"{max(stated):g} ms is shorter than any request takes; it looks like seconds",
            "Latencies are in the unit that the tool documents",
            "Correct the file, or the script that wrote it",
        )
    mean, run_s = found.ttft.mean_ms, _run_s(found)
    if mean is not None and run_s and mean > MS_PER_SECOND * run_s * (1 + ROUNDING):
        faults.add(
            "unit-latency",
            f"{found.where} ttft",
            f"requests waited {mean:g} ms on average for their first token in a run of {run_s:.4g} s",
            "No request waits longer than the run",
            "One of the two is in another unit: correct the file",
        )


def _run_s(found: Measurement) -> float:
    """How long the run took [s]; where figures are of its steady part only, what all its requests took at that throughput."""
    whole_s = found.completed / found.throughput_rps if found.completed and found.throughput_rps else 0.0
    return max(found.duration_s or 0.0, whole_s if found.duration_s else 0.0)


def _check_percentiles(where: str, name: str, latency: Latency, faults: Faults) -> None:
    percentiles = [
        (label, value)
        for label, value in (
            ("p50", latency.p50_ms),
            ("p90", latency.p90_ms),
            ("p95", latency.p95_ms),
            ("p99", latency.p99_ms),
        )
        if value is not None
    ]
    for (low, below), (high, above) in pairwise(percentiles):
        if below > above * (1 + ROUNDING):
            faults.add(
                "measurement-percentiles",
                f"{where} {name}",
                f"{low} is {below:g} ms, {high} is {above:g} ms",
                "Percentiles rise",
                "Fields were mixed up, or are in several units: correct the file",
            )


def _check_clock(found: Measurement, faults: Faults) -> None:
    clock = found.frequency_mhz
    for low, high, unit, mend in CLOCK_UNITS:
        if clock is not None and low <= clock <= high and (clock > 0 or low == 0):
            faults.add(
                "unit-frequency",
                f"{found.where} frequency_mhz",
                f"{clock:g} MHz is no clock of a GPU; it looks like {unit}",
                "frequency_mhz is in MHz",
                mend.format("it"),
            )
            return


def _check_power(found: Measurement, faults: Faults) -> None:
    gpus = found.gpus or (found.tp or 1) * (found.pp or 1)
    if not found.power_w:
        return
    per_gpu_w = found.power_w / max(gpus, 1)
    if per_gpu_w < LEAST_GPU_W or per_gpu_w > MOST_GPU_W:
        unit = "kilowatts" if per_gpu_w < LEAST_GPU_W else "milliwatts"
        faults.add(
            "unit-power",
            f"{found.where} power_w",
            f"{found.power_w:g} W for {gpus} GPUs is no power of a GPU that serves; it looks like {unit}",
            "power_w is in W, of the whole instance",
            "Correct the file, or the script that wrote it",
        )
