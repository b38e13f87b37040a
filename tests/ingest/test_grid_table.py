"""Grid signals and how they come onto the planning windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynamo_plan.ingest import read_grid
from dynamo_plan.schema.load import Windows
from tests.ingest.builders import Row, changed, grid_rows, mapped, write_csv, write_parquet
from tests.ingest.faultcase import check, faults_of, only_fault


def windows(count: int = 6, minutes: int = 60, offset_min: int = 0) -> Windows:
    first = np.datetime64("2024-05-14T00:00:00", "s") + np.timedelta64(offset_min, "m")
    return Windows(first + np.arange(count) * np.timedelta64(minutes, "m"), minutes * 60)


def test_equal_windows_take_values_as_they_are(tmp_path: Path) -> None:
    signals = read_grid(write_csv(tmp_path / "g.csv", grid_rows()), windows())
    assert signals.price_usd_per_mwh.tolist() == [row["price_usd_per_mwh"] for row in grid_rows()]
    assert signals.carbon_g_per_kwh.tolist() == [row["carbon_g_per_kwh"] for row in grid_rows()]


def test_hourly_rows_repeat_on_half_hours(tmp_path: Path) -> None:
    signals = read_grid(write_csv(tmp_path / "g.csv", grid_rows()), windows(12, 30))
    assert signals.price_usd_per_mwh.tolist() == [
        41.0,
        41.0,
        38.5,
        38.5,
        -2.5,
        -2.5,
        22.0,
        22.0,
        55.25,
        55.25,
        80.0,
        80.0,
    ]


def test_longer_windows_take_time_weighted_means(tmp_path: Path) -> None:
    # 90 minutes from 00:30: half of 41, all of 38.5 -> (0.5 x 41 + 38.5) / 1.5; then -2.5 and half of 22.
    signals = read_grid(write_csv(tmp_path / "g.csv", grid_rows()), windows(2, 90, 30))
    np.testing.assert_allclose(signals.price_usd_per_mwh, [(20.5 + 38.5) / 1.5, (-2.5 + 11.0) / 1.5], rtol=1e-15)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    price=st.lists(st.floats(-100, 500), min_size=24, max_size=24),
    minutes=st.sampled_from([5, 20, 45, 60, 90, 120, 480]),
)
def test_resampling_conserves_the_cost_of_constant_power(tmp_path: Path, price: list[float], minutes: int) -> None:
    rows = grid_rows(24)
    rows = [row | {"price_usd_per_mwh": value} for row, value in zip(rows, price, strict=True)]
    signals = read_grid(write_csv(tmp_path / "g.csv", rows), windows(24 * 60 // minutes, minutes))
    np.testing.assert_allclose(signals.price_usd_per_mwh.sum() * minutes, sum(price) * 60, rtol=1e-9, atol=1e-6)


def test_parquet_reads_the_same(tmp_path: Path) -> None:
    csv = read_grid(write_csv(tmp_path / "g.csv", grid_rows()), windows())
    parquet = read_grid(write_parquet(tmp_path / "g.parquet", grid_rows()), windows())
    np.testing.assert_array_equal(csv.price_usd_per_mwh, parquet.price_usd_per_mwh)


def test_a_single_row_holds_for_one_window(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "g.csv", grid_rows(1))
    assert read_grid(path, windows(1)).price_usd_per_mwh.tolist() == [41.0]
    only_fault(lambda: read_grid(path, windows(2)), "grid-not-covering", "g.csv window_start")


@pytest.mark.parametrize(("count", "offset_min"), [(7, 0), (6, 30), (6, -60)])
def test_windows_outside_the_series(tmp_path: Path, count: int, offset_min: int) -> None:
    path = write_csv(tmp_path / "g.csv", grid_rows())
    only_fault(
        lambda: read_grid(path, windows(count, 60, offset_min)),
        "grid-not-covering",
        "g.csv window_start",
        "covers 2024-05-14T00:00:00Z to 2024-05-14T06:00:00Z",
        "Add the rows",
    )


@pytest.mark.parametrize(
    ("cells", "code", "column", "parts"),
    [
        ({"carbon_g_per_kwh": -5}, "grid-carbon", "carbon_g_per_kwh", ["-5 g/kWh is below 0"]),
        ({"price_usd_per_mwh": "inf"}, "table-not-finite", "price_usd_per_mwh", ["'inf' is not finite"]),
        ({"price_usd_per_mwh": ""}, "table-empty-cell", "price_usd_per_mwh", ["empty"]),
    ],
)
def test_one_bad_cell(tmp_path: Path, cells: Row, code: str, column: str, parts: list[str]) -> None:
    path = write_csv(tmp_path / "g.csv", changed(grid_rows(), 2, **cells))
    only_fault(lambda: read_grid(path, windows()), code, f"g.csv:4 {column}", *parts)


@pytest.mark.parametrize(("factor", "looks_like"), [(1e-3, "kg/kWh"), (1e3, "g/MWh")])
def test_carbon_in_another_unit(tmp_path: Path, factor: float, looks_like: str) -> None:
    path = write_csv(tmp_path / "g.csv", mapped(grid_rows(), "carbon_g_per_kwh", lambda value: value * factor))
    only_fault(lambda: read_grid(path, windows()), "unit-carbon", "carbon_g_per_kwh", f"looks like {looks_like}")


def test_gap_overlap_and_duplicate(tmp_path: Path) -> None:
    rows = grid_rows(8)
    path = write_csv(
        tmp_path / "g.csv", [*rows[:2], *rows[3:], rows[7], rows[0] | {"window_start": "2024-05-14T06:30:00Z"}]
    )
    duplicate, gap, *overlaps = faults_of(lambda: read_grid(path, windows()))
    check(duplicate, "grid-duplicate", "g.csv:9 window_start", "repeats line 8")
    check(gap, "grid-gap", "g.csv:4 window_start", "gap of 60 min")
    check(overlaps[0], "grid-overlap", "g.csv:10 window_start", "30 min apart")
    assert len(overlaps) == 2
