"""A window of energy around a run gives the run its power."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dynamo_plan.profile.energy_windows import with_window_energy
from dynamo_plan.schema.measurement import Measurement

START = datetime(2026, 4, 19, 2, 24, 28, tzinfo=UTC)
RUN = Measurement("run.json", "vllm", throughput_rps=4.0, start=START, duration_s=20.0, completed=80, source="run")
WINDOW = Measurement(
    "zeus.csv:2", "zeus", gpus=2, power_w=550.0, energy_j=11_550.0, duration_s=21.0,
    start=START - timedelta(seconds=0.5), source="Zeus window a",
)  # fmt: skip


def test_a_run_takes_the_mean_power_of_its_window() -> None:
    (run,), given = with_window_energy([RUN, WINDOW])
    assert (run.power_w, run.energy_j, run.gpus) == (550.0, 11_000.0, 2)
    assert run.source == "run; power of Zeus window a"
    assert given == {"zeus.csv:2": "run.json"}


def test_of_two_windows_the_closer_one_counts() -> None:
    wide = replace(WINDOW, where="zeus.csv:3", power_w=300.0, duration_s=22.0)
    rows, given = with_window_energy([wide, RUN, WINDOW])
    assert [row.where for row in rows] == ["zeus.csv:3", "run.json"], "the other window remains"
    assert rows[1].power_w == 550.0
    assert list(given) == ["zeus.csv:2"]


@pytest.mark.parametrize(
    "run",
    [
        replace(RUN, start=START + timedelta(seconds=3)),
        replace(RUN, start=None),
        replace(RUN, duration_s=None),
        replace(RUN, power_w=700.0),
    ],
)
def test_runs_that_fill_no_window_stay_as_they_are(run: Measurement) -> None:
    assert with_window_energy([run, WINDOW]) == ([run, WINDOW], {})
