"""The forecast."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.ingest import read_forecast
from dynamo_plan.schema.load import Forecast
from tests.ingest.builders import (
    BUCKETS,
    Row,
    changed,
    forecast_rows,
    stamp,
    write_csv,
    write_parquet,
)
from tests.ingest.faultcase import check, faults_of, only_fault


def read(path: Path, service: str = "chat", minutes: float = 60) -> Forecast:
    return read_forecast(path, service, BUCKETS, minutes)


def same(one: Forecast, other: Forecast) -> bool:
    return (
        np.array_equal(one.windows.start, other.windows.start)
        and one.windows.window_s == other.windows.window_s
        and np.array_equal(one.rate_rps, other.rate_rps)
        and one.quantile_rate_rps.keys() == other.quantile_rate_rps.keys()
        and all(np.array_equal(one.quantile_rate_rps[q], other.quantile_rate_rps[q]) for q in one.quantile_rate_rps)
    )


def test_rows_become_windows_by_buckets(tmp_path: Path) -> None:
    forecast = read(write_csv(tmp_path / "f.csv", forecast_rows()))
    assert forecast.rate_rps.shape == (6, 2)
    assert forecast.rate_rps[3].tolist() == [8.4, 4.9]
    assert forecast.windows.label(3) == "2024-05-14T03:00:00Z"
    assert list(forecast.quantile_rate_rps) == [0.95]
    assert forecast.quantile_rate_rps[0.95][3, 0] == 10.08


def test_order_of_rows_means_nothing(tmp_path: Path) -> None:
    rows = forecast_rows()
    assert same(
        read(write_csv(tmp_path / "a.csv", rows)),
        read(write_csv(tmp_path / "b.csv", rows[::-1], columns=list(rows[0]))),
    )


def test_parquet_with_real_times_reads_the_same(tmp_path: Path) -> None:
    csv = read(write_csv(tmp_path / "f.csv", forecast_rows()))
    rows = [row | {"window_start": datetime.fromisoformat(str(row["window_start"]))} for row in forecast_rows()]
    assert same(csv, read(write_parquet(tmp_path / "f.parquet", rows)))


def test_write_then_read_is_identity(tmp_path: Path) -> None:
    first = read(write_csv(tmp_path / "f.csv", forecast_rows()))
    rows: list[Row] = [
        {
            "window_start": first.windows.label(window),
            "service": "chat",
            "bucket": bucket,
            "rate_rps": first.rate_rps[window, at],
            "rate_p95_rps": first.quantile_rate_rps[0.95][window, at],
        }
        for window in range(len(first.windows))
        for at, bucket in enumerate(first.buckets)
    ]
    assert same(first, read(write_csv(tmp_path / "again.csv", rows)))


def test_the_wanted_service_is_taken(tmp_path: Path) -> None:
    other = [row | {"bucket": "XX", "window_start": stamp(9)} for row in forecast_rows("coding", 1)[:1]]
    forecast = read(write_csv(tmp_path / "f.csv", [*other, *forecast_rows()]))
    assert forecast.rate_rps.shape == (6, 2)


@pytest.mark.parametrize("text", ["2024-05-14T02:00Z", "2024-05-14 02:00:00+00:00", "2024-05-14T02:00:00.000Z"])
def test_other_ways_to_write_utc(tmp_path: Path, text: str) -> None:
    rows = [row | {"window_start": text} if row["window_start"] == stamp(2) else row for row in forecast_rows()]
    assert read(write_csv(tmp_path / "f.csv", rows)).windows.label(2) == stamp(2)


def test_quantile_columns_keep_their_exact_probability(tmp_path: Path) -> None:
    rows = [row | {"rate_p99.9_rps": 99, "rate_p50_rps": 0} for row in forecast_rows()]
    levels = list(read(write_csv(tmp_path / "f.csv", rows)).quantile_rate_rps)
    assert levels == [0.5, 0.95, 0.999]


@pytest.mark.parametrize(
    ("cells", "code", "where", "parts"),
    [
        ({"rate_rps": -1}, "forecast-rate", "f.csv:7 rate_rps", ["-1 requests/s is below 0", "Write 0"]),
        ({"rate_p95_rps": -1}, "forecast-rate", "f.csv:7 rate_p95_rps", ["below 0"]),
        ({"rate_rps": "nan"}, "table-not-finite", "f.csv:7 rate_rps", ["'nan' is not finite"]),
        ({"rate_rps": "1,5"}, "table-decimal-comma", "f.csv:7 rate_rps", ["'1,5'"]),
        ({"bucket": "LB"}, "forecast-bucket", "f.csv:7 bucket", ["'LB' is not known", "SA, LA"]),
        (
            {"window_start": "2024-05-14T02:00:00"},
            "time-without-zone",
            "f.csv:7 window_start",
            ["has no time zone", "put Z behind"],
        ),
        (
            {"window_start": "2024-05-14T04:00:00+02:00"},
            "time-not-utc",
            "f.csv:7 window_start",
            ["is not in UTC, where it is 2024-05-14T02:00:00Z", "Convert"],
        ),
        ({"window_start": "14.05.2024 02:00"}, "time-not-iso", "f.csv:7 window_start", ["ISO 8601", "e.g. 2024-"]),
        ({"window_start": "2024-02-30T02:00:00Z"}, "time-not-iso", "f.csv:7 window_start", ["2024-02-30"]),
        ({"window_start": "2024-05-14T02:00:00.5Z"}, "time-part-second", "f.csv:7 window_start", ["whole second"]),
    ],
)
def test_one_bad_cell(tmp_path: Path, cells: Row, code: str, where: str, parts: list[str]) -> None:
    path = write_csv(tmp_path / "f.csv", changed(forecast_rows(), 5, **cells))
    found = faults_of(lambda: read(path))
    check(found[0], code, where, *parts)
    if code.startswith("time-"):
        assert len(found) == 1


def test_zone_faults_of_a_whole_column_are_few_lines(tmp_path: Path) -> None:
    rows = [row | {"window_start": str(row["window_start"])[:-1]} for row in forecast_rows()]
    path = write_csv(tmp_path / "f.csv", rows)
    found = [fault for fault in faults_of(lambda: read(path)) if fault.code == "time-without-zone"]
    assert len(found) == 4
    assert "and 9 more" in str(found[-1])


def test_naive_times_in_parquet(tmp_path: Path) -> None:
    rows = [
        row | {"window_start": datetime.fromisoformat(str(row["window_start"])).replace(tzinfo=None)}
        for row in forecast_rows()
    ]
    path = write_parquet(tmp_path / "f.parquet", rows)
    check(
        faults_of(lambda: read(path))[0], "time-without-zone", "f.parquet row 1 window_start", "2024-05-14T00:00:00 has"
    )


def test_gap_in_the_windows(tmp_path: Path) -> None:
    rows = [row for row in forecast_rows() if row["window_start"] not in (stamp(2), stamp(3))]
    path = write_csv(tmp_path / "f.csv", rows)
    only_fault(
        lambda: read(path),
        "forecast-gap",
        "f.csv:6 window_start",
        "gap of 120 min between 2024-05-14T01:00:00Z and 2024-05-14T04:00:00Z",
        "Add the rows",
    )


def test_overlapping_windows(tmp_path: Path) -> None:
    late = [row | {"window_start": "2024-05-14T05:30:00Z"} for row in forecast_rows()[:2]]
    path = write_csv(tmp_path / "f.csv", [*forecast_rows(), *late])
    only_fault(lambda: read(path), "forecast-overlap", "f.csv:14 window_start", "windows overlap", "30 min apart")


def test_duplicate_rows(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "f.csv", [*forecast_rows(), forecast_rows()[4]])
    only_fault(
        lambda: read(path), "forecast-duplicate", "f.csv:14 window_start", "repeats line 6", "window_start, service"
    )


@pytest.mark.parametrize(
    ("minutes", "code", "parts"),
    [
        (120, "forecast-too-fine", ["60 min long, shorter than the scenario's 120 min", "window_minutes: 60"]),
        (30, "forecast-too-coarse", ["60 min long, longer than the scenario's 30 min", "window_minutes: 60"]),
    ],
)
def test_windows_of_another_length(tmp_path: Path, minutes: float, code: str, parts: list[str]) -> None:
    path = write_csv(tmp_path / "f.csv", forecast_rows())
    only_fault(lambda: read(path, minutes=minutes), code, "f.csv:4 window_start", *parts)


def test_bucket_without_rows(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "f.csv", [row for row in forecast_rows() if row["bucket"] == "SA"])
    only_fault(lambda: read(path), "forecast-bucket-missing", "f.csv bucket", "LA has no row", "Write rate 0")


def test_bucket_without_a_row_in_one_window(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "f.csv", forecast_rows()[:5] + forecast_rows()[6:])
    only_fault(
        lambda: read(path), "forecast-row-missing", "f.csv bucket", "LA has no row in window 2024-05-14T02:00:00Z"
    )


def test_service_that_is_not_in_the_file(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "f.csv", forecast_rows())
    only_fault(lambda: read(path, "chta"), "forecast-service", "f.csv service", "chta", "Did you mean chat?")


def test_quantiles_that_cross(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "f.csv", [row | {"rate_p99_rps": 5} for row in forecast_rows()])
    found = faults_of(lambda: read(path))
    check(found[0], "forecast-quantile-order", "f.csv:6 rate_p99_rps", "5 requests/s is below rate_p95_rps = 7.2")


def test_quantile_column_with_a_misspelt_name(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "f.csv", [row | {"rate_95p_rps": 5} for row in forecast_rows()])
    only_fault(lambda: read(path), "forecast-quantile-name", "f.csv:1", "'rate_95p_rps'", "rate_p95_rps")


def test_missing_columns(tmp_path: Path) -> None:
    rows = [{"time": row["window_start"], "bucket": "SA", "rate": 1} for row in forecast_rows()]
    path = write_csv(tmp_path / "f.csv", rows)
    missing = [str(fault) for fault in faults_of(lambda: read(path))]
    assert [text.split("column ")[1].split()[0] for text in missing] == ["window_start", "service", "rate_rps"]
    assert "Did you mean rate?" in missing[2]
