"""Histories: services, buckets and clients as they stand in the file; gaps refused, or filled when asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.ingest.history_table import read_history
from dynamo_plan.ingest.load_table import read_load
from tests.ingest.builders import BUCKETS, Row, changed, forecast_rows, stamp, write_csv, write_parquet
from tests.ingest.faultcase import faults_of, only_fault


def client_rows(*cells: tuple[int, str, str, float]) -> list[Row]:
    return [
        {"window_start": stamp(window), "service": "chat", "bucket": bucket, "client": client, "rate_rps": rate}
        for window, bucket, client, rate in cells
    ]


def test_a_forecast_table_is_a_history(tmp_path: Path) -> None:
    (history,), filled = read_history(write_csv(tmp_path / "load.csv", forecast_rows()))
    assert filled == 0
    assert (history.service, len(history), history.windows.window_s) == ("chat", 6, 3600)
    assert set(history.buckets) == set(BUCKETS)
    assert history.bucket_rate_rps[0, history.buckets.index("SA")] == 1.8


def test_services_are_read_apart_and_in_any_order_of_rows(tmp_path: Path) -> None:
    rows = [*forecast_rows("chat"), *forecast_rows("code", 4)]
    first, _ = read_history(write_csv(tmp_path / "a.csv", rows))
    second, _ = read_history(write_parquet_of(tmp_path, rows[::-1]))
    assert {one.service: len(one) for one in first} == {"chat": 6, "code": 4}
    for one in first:
        (same,) = (other for other in second if other.service == one.service)
        order = [same.buckets.index(name) for name in one.buckets]
        np.testing.assert_array_equal(one.bucket_rate_rps, same.bucket_rate_rps[:, order])


def write_parquet_of(folder: Path, rows: list[Row]) -> Path:
    write_parquet(folder / "b.parquet", rows)
    return folder / "b.parquet"


def test_clients_are_parts_and_need_no_rows_where_they_sent_nothing(tmp_path: Path) -> None:
    cells = ((0, "SA", "x", 1.0), (0, "SA", "y", 2.0), (1, "SA", "y", 3.0), (1, "LA", "y", 5.0))
    (history,), _ = read_history(write_csv(tmp_path / "load.csv", client_rows(*cells)))
    assert history.rate_rps.shape == (2, 3)
    sums = dict(zip(history.buckets, history.bucket_rate_rps.T.tolist(), strict=True))
    assert sums == {"SA": [3.0, 3.0], "LA": [0.0, 5.0]}
    assert read_load(tmp_path / "load.csv")["chat"].rate_rps.sum() == 11.0


def test_an_empty_window_is_rate_0_and_no_gap(tmp_path: Path) -> None:
    rows = [
        row | {"rate_rps": 0, "rate_p95_rps": 0} if row["window_start"] == stamp(2) else row for row in forecast_rows()
    ]
    (history,), _ = read_history(write_csv(tmp_path / "load.csv", rows))
    assert history.total_rps[2] == 0.0


def test_a_gap_is_a_fault_and_a_straight_line_only_when_asked(tmp_path: Path) -> None:
    rows = [row for row in forecast_rows() if row["window_start"] not in (stamp(2), stamp(3))]
    path = write_csv(tmp_path / "load.csv", rows)
    only_fault(lambda: read_history(path), "forecast-gap", "load.csv:6 window_start", "gap of 120 min")
    (history,), filled = read_history(path, fill_gaps=True)
    assert filled == 2
    at = history.buckets.index("SA")
    np.testing.assert_allclose(history.bucket_rate_rps[1:5, at], [3.6, 4.2, 4.8, 5.4])


def test_windows_that_overlap_are_no_gap(tmp_path: Path) -> None:
    rows = [*forecast_rows(), *(row | {"window_start": "2024-05-14T02:30:00Z"} for row in forecast_rows()[:2])]
    path = write_csv(tmp_path / "load.csv", rows)
    for fill in (False, True):
        found = faults_of(lambda fill=fill: read_history(path, fill_gaps=fill))  # type: ignore[misc]
        assert {fault.code for fault in found} == {"forecast-overlap"}


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"rate_rps": -1}, "forecast-rate"),
        ({"rate_rps": ""}, "table-empty-cell"),
        ({"rate_rps": "nan"}, "table-not-finite"),
        ({"window_start": "2024-05-14T01:00:00+02:00"}, "time-not-utc"),
        ({"window_start": "2024-05-14T01:00:00"}, "time-without-zone"),
        ({"bucket": "SA"}, "forecast-duplicate"),
    ],
)
def test_bad_cells_are_named(tmp_path: Path, cells: Row, code: str) -> None:
    path = write_csv(tmp_path / "load.csv", changed(forecast_rows(), 3, **cells))
    assert code in {fault.code for fault in faults_of(lambda: read_history(path))}


def test_a_missing_row_is_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "load.csv", forecast_rows()[:-1])
    only_fault(lambda: read_history(path), "forecast-row-missing", "load.csv bucket", "'LA'", stamp(5))


@pytest.mark.parametrize(("windows", "minutes", "part"), [(1, 60, "a single window"), (4, 7, "windows of 7 min")])
def test_a_day_is_a_whole_number_of_windows(tmp_path: Path, windows: int, minutes: float, part: str) -> None:
    rows = [
        {"window_start": stamp(window, minutes), "service": "chat", "bucket": "SA", "rate_rps": 1}
        for window in range(windows)
    ]
    only_fault(
        lambda: read_history(write_csv(tmp_path / "load.csv", rows)), "history-window", "load.csv:2 window_start", part
    )


def test_quantiles_are_shown_where_the_file_has_them(tmp_path: Path) -> None:
    load = read_load(write_csv(tmp_path / "load.csv", forecast_rows()))["chat"]
    assert list(load.quantile_rate_rps) == [0.95]
    np.testing.assert_allclose(load.quantile_rate_rps[0.95], load.rate_rps * 1.2)
