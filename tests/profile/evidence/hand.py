"""A minute of two GPUs by hand: 300 W and 200 W, sampled every second, at 1980 MHz."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from dynamo_plan.profile.evidence import judge
from dynamo_plan.schema.measurement import Latency, Measurement
from dynamo_plan.schema.telemetry import Outcome, Telemetry, Verdict

START = datetime(2026, 4, 19, 2, 0, 0, tzinfo=UTC)
SECONDS = 60

MEASUREMENT = Measurement(
    where="run.json",
    format="by hand",
    model="m",
    gpu="h100",
    tp=2,
    pp=1,
    frequency_mhz=1980.0,
    input_tokens=512.0,
    output_tokens=64.0,
    offered_rps=2.0,
    throughput_rps=2.0,
    ttft=Latency(mean_ms=100.0, p99_ms=200.0),
    tbt=Latency(mean_ms=20.0, p99_ms=25.0),
    duration_s=float(SECONDS),
    start=START,
    completed=120,
    failed=0,
    is_clean=True,
)


def telemetry(**columns: Any) -> Telemetry:
    """From ten seconds before the run to ten after it; a column is of one GPU, or of both (gpu, sample)."""
    samples = SECONDS + 21
    time = np.datetime64("2026-04-19T01:59:50", "us") + np.arange(samples) * np.timedelta64(1, "s")
    found: dict[str, Any] = {
        "power_w": np.repeat([[300.0], [200.0]], samples, axis=1),
        "sm_clock_mhz": np.full(samples, 1980.0),
    }
    found |= columns
    flat: dict[str, Any] = {
        name: None if column is None else np.broadcast_to(column, (2, samples)).ravel()
        for name, column in found.items()
    }
    return Telemetry(
        ("smi.csv",), ("0", "1"), np.repeat(np.array([0, 1], dtype=np.int16), samples), np.tile(time, 2), **flat
    )


def verdict(
    check: str, seen: Telemetry | None = None, repeats: tuple[Measurement, ...] = (), **changes: Any
) -> Verdict:
    """What one check says of the hand case with these changes."""
    return next(one for one in judge(replace(MEASUREMENT, **changes), seen, repeats) if one.check == check)


def outcome(check: str, seen: Telemetry | None = None, **changes: Any) -> Outcome:
    """How it says it."""
    return verdict(check, seen, **changes).outcome
