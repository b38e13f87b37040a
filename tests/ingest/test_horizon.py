"""A part of the forecast: which windows are planned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.ingest import read_inputs
from tests.ingest.builders import SCENARIO, write_tiny_scenario
from tests.ingest.faultcase import faults_of


def with_horizon(text: str) -> str:
    return SCENARIO.replace("services:\n", f"horizon: {text}\nservices:\n")


@pytest.mark.parametrize(
    ("horizon", "first", "count"),
    [
        ("{}", 0, 6),
        ("{start: 2024-05-14T02:00:00Z}", 2, 4),
        ("{start: '2024-05-14T04:00:00+02:00', hours: 3}", 2, 3),
        ("{hours: 1}", 0, 1),
        ("{start: 2024-05-14T05:00:00Z, hours: 1}", 5, 1),
    ],
)
def test_these_windows_are_planned(tmp_path: Path, horizon: str, first: int, count: int) -> None:
    whole = read_inputs(write_tiny_scenario(tmp_path / "whole"))
    part = read_inputs(write_tiny_scenario(tmp_path / "part", with_horizon(horizon)))
    kept = slice(first, first + count)
    assert part.windows.label(0) == whole.windows.label(first)
    assert len(part.windows) == len(part.forecasts["chat"].windows) == count
    np.testing.assert_array_equal(part.forecasts["chat"].rate_rps, whole.forecasts["chat"].rate_rps[kept])
    for level, rates in part.forecasts["chat"].quantile_rate_rps.items():
        np.testing.assert_array_equal(rates, whole.forecasts["chat"].quantile_rate_rps[level][kept])
    np.testing.assert_array_equal(part.grid["site-a"].price_usd_per_mwh, whole.grid["site-a"].price_usd_per_mwh[kept])


@pytest.mark.parametrize(
    ("horizon", "says"),
    [
        ("{start: 2024-05-14T02:30:00Z}", "The next one starts at 2024-05-14T03:00:00Z"),
        ("{start: 2024-05-14T06:00:00Z}", "Start earlier, or extend the forecast"),
        ("{start: 2024-05-13T23:00:00Z}", "6 windows of 3600 s from 2024-05-14T00:00:00Z"),
        ("{hours: 1.5}", "1.5 h are 1.5 windows"),
        ("{hours: 0.2}", "Write 1"),
        ("{start: 2024-05-14T02:00:00Z, hours: 5}", "Write at most 4"),
    ],
)
def test_windows_that_the_forecast_does_not_have(tmp_path: Path, horizon: str, says: str) -> None:
    path = write_tiny_scenario(tmp_path, with_horizon(horizon))
    (fault,) = faults_of(lambda: read_inputs(path))
    assert fault.code == "scenario-horizon"
    assert says in str(fault)
    assert "horizon" in fault.where


@pytest.mark.parametrize("start", ["2024-05-14T02:00:00", "yesterday", "3"])
def test_a_start_is_a_time_with_its_zone(tmp_path: Path, start: str) -> None:
    path = write_tiny_scenario(tmp_path, with_horizon(f"{{start: {start}}}"))
    (fault,) = faults_of(lambda: read_inputs(path))
    assert fault.code in ("scenario-value", "scenario-type")
    assert "horizon.start" in fault.where
    assert "a time with its zone, e.g. 2024-05-14T06:00:00Z" in str(fault)


def test_five_minutes_are_a_whole_window(tmp_path: Path) -> None:
    text = with_horizon("{hours: 0.0833333333}").replace("window_minutes: 60", "window_minutes: 5")
    path = write_tiny_scenario(tmp_path, text)
    load = (path.parent / "load.csv").read_text()
    for window in range(5, -1, -1):
        load = load.replace(f"T{window:02d}:00:00Z", f"T00:{5 * window:02d}:00Z")
    (path.parent / "load.csv").write_text(load)
    assert len(read_inputs(path).windows) == 1
