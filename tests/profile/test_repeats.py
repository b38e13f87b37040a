"""Runs of one operating point become one measurement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.profile.repeats import with_repeats_averaged
from dynamo_plan.schema.measurement import Latency, Measurement

RUN = Measurement(
    where="a.csv:2",
    format="clock-sweep",
    model="m",
    frequency_mhz=1300.0,
    concurrency=16.0,
    throughput_rps=2.0,
    ttft=Latency(mean_ms=100.0, p99_ms=300.0),
    power_w=150.0,
    energy_j=3000.0,
    duration_s=20.0,
    completed=40,
    source="a",
)


def test_rates_and_latencies_are_means_energy_and_time_are_sums() -> None:
    other = replace(
        RUN,
        where="a.csv:3",
        throughput_rps=3.0,
        ttft=Latency(mean_ms=200.0),
        power_w=None,
        energy_j=5000.0,
        completed=60,
    )
    (found,) = with_repeats_averaged([RUN, other])
    assert (found.throughput_rps, found.power_w, found.where) == (2.5, 150.0, "a.csv:2")
    assert found.ttft == Latency(mean_ms=150.0, p99_ms=300.0)
    assert (found.energy_j, found.duration_s, found.completed) == (8000.0, 40.0, 100)
    assert found.source == "a; mean of 2 runs"


def test_what_one_run_does_not_count_has_no_sum() -> None:
    (found,) = with_repeats_averaged([RUN, replace(RUN, energy_j=None, is_clean=True)])
    assert (found.energy_j, found.is_clean) == (None, None)


@pytest.mark.parametrize("change", [{"frequency_mhz": 1200.0}, {"concurrency": 8.0}, {"engine": "x"}, {"gpu": "h100"}])
def test_other_points_stay_apart(change: dict[str, object]) -> None:
    rows = [RUN, replace(RUN, **change)]  # type: ignore[arg-type]
    assert with_repeats_averaged(rows) == rows


def test_rows_that_state_no_load_are_no_repeats() -> None:
    rows = [replace(RUN, concurrency=None)] * 2
    assert with_repeats_averaged(rows) == rows
