"""The canonical profile: what is read, and what each fault says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.ingest import read_profile
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import ProfileTable
from tests.ingest.builders import Row, changed, mapped, profile_rows, write_csv, write_parquet
from tests.ingest.faultcase import check, faults_of, only_fault

ARRAYS = [name for name in ProfileTable.__slots__ if name not in ("path", "line", "concurrency", "errors")]


def test_csv_becomes_columns_with_line_numbers(tmp_path: Path) -> None:
    table = read_profile(write_csv(tmp_path / "p.csv", profile_rows()))
    assert len(table) == 2 * 3 * 2 * 5
    assert table.line[:3].tolist() == [2, 3, 4]
    assert table.kinds() == (Kind("h100", 2, 1, "bf16"), Kind("h100", 4, 1, "bf16"))
    idle = table.rate_rps == 0
    assert np.isnan(table.ttft_p99_ms[idle]).all()
    assert np.isfinite(table.ttft_p99_ms[~idle]).all()
    assert table.tp.dtype == np.int64
    assert table.frequency_mhz[0] == 800.0


def test_parquet_reads_the_same_as_csv(tmp_path: Path) -> None:
    csv = read_profile(write_csv(tmp_path / "p.csv", profile_rows()))
    parquet = read_profile(write_parquet(tmp_path / "p.parquet", profile_rows()))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(csv, name), getattr(parquet, name), err_msg=name)
    assert parquet.line[0] == 1


def test_format_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    assert len(read_profile(write_parquet(tmp_path / "p.csv", profile_rows()))) == 60


@pytest.mark.parametrize("writer", [write_csv, write_parquet])
def test_write_then_read_is_identity(tmp_path: Path, writer: Callable[[Path, list[Row]], Path]) -> None:
    first = read_profile(writer(tmp_path / "a", profile_rows()))
    rows: list[Row] = [
        {
            "request_rate_rps": first.rate_rps[row].item(),
            "throughput_rps": first.rate_rps[row].item(),
            **{
                name: "" if (cell := getattr(first, name)[row].item()) != cell else cell
                for name in ARRAYS
                if name != "rate_rps"
            },
        }
        for row in range(len(first))
    ]
    again = read_profile(writer(tmp_path / "b", rows))
    for name in [*ARRAYS, "line"]:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name), err_msg=name)


def test_concurrency_and_recorded_errors_may_be_stated(tmp_path: Path) -> None:
    plain = read_profile(write_csv(tmp_path / "p.csv", profile_rows()))
    assert plain.concurrency is None
    assert plain.errors is None
    rows = [row | {"concurrency": 16 if row["request_rate_rps"] else 0, "power_error": 0.02} for row in profile_rows()]
    table = read_profile(write_csv(tmp_path / "more.csv", rows))
    assert table.concurrency is not None
    np.testing.assert_array_equal(np.isnan(table.concurrency), table.rate_rps == 0)
    assert table.errors is not None
    assert table.errors.keys() == {"power_error"}
    empty = read_profile(write_csv(tmp_path / "empty.csv", [row | {"concurrency": ""} for row in profile_rows()]))
    assert empty.concurrency is None


@pytest.mark.parametrize(("column", "code"), [("concurrency", "profile-concurrency"), ("rate_error", "profile-error")])
def test_neither_is_below_0(tmp_path: Path, column: str, code: str) -> None:
    rows = [row | {column: 1} for row in profile_rows()]
    path = write_csv(tmp_path / "p.csv", changed(rows, 2, **{column: -1}))
    only_fault(lambda: read_profile(path), code, f":4 {column}", "below 0")


def test_bom_crlf_comments_blank_lines_and_spaces_keep_line_numbers(tmp_path: Path) -> None:
    lines = write_csv(tmp_path / "p.csv", profile_rows()).read_text().splitlines()
    lines[1:1] = ["# a remark", ""]
    lines[4] = lines[4].replace(",", " , ")
    (tmp_path / "p.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    table = read_profile(tmp_path / "p.csv")
    assert table.line[:2].tolist() == [4, 5]
    assert table.gpu[1] == "h100"


def test_throughput_stands_in_for_a_rate_that_was_not_offered(tmp_path: Path) -> None:
    rows = changed(profile_rows(), 1, request_rate_rps="", throughput_rps=0.7)
    assert read_profile(write_csv(tmp_path / "p.csv", rows)).rate_rps[1] == 0.7


def test_columns_beyond_the_canonical_ones_are_no_fault(tmp_path: Path) -> None:
    rows = [row | {"concurrency": "", "operator": "me"} for row in profile_rows()]
    assert len(read_profile(write_csv(tmp_path / "p.csv", rows))) == 60


@pytest.mark.parametrize(
    ("cells", "code", "column", "parts"),
    [
        ({"power_w": -12}, "profile-power", "power_w", ["-12 W is below 0", "must be positive", "Drop the row"]),
        ({"power_w": 0}, "profile-power", "power_w", ["0 W is 0"]),
        ({"power_w": "NaN"}, "table-not-finite", "power_w", ["'NaN' is not finite"]),
        ({"power_w": "-inf"}, "table-not-finite", "power_w", ["'-inf' is not finite"]),
        ({"power_w": 2e12}, "table-too-large", "power_w", ["beyond every quantity", "its unit"]),
        ({"tp": "1e19"}, "table-too-large", "tp", ["'1e19'"]),
        ({"power_w": "312,5"}, "table-decimal-comma", "power_w", ["'312,5'", "decimal comma", "points"]),
        ({"power_w": "300 W"}, "table-not-a-number", "power_w", ["'300 W' is not a number", "without unit"]),
        ({"power_w": "1_000"}, "table-not-a-number", "power_w", ["'1_000'"]),
        ({"power_w": ""}, "table-empty-cell", "power_w", ["empty", "Every row needs power_w"]),
        ({"gpu": ""}, "table-empty-cell", "gpu", ["empty"]),
        ({"source": " "}, "table-empty-cell", "source", ["empty"]),
        ({"request_rate_rps": -1}, "profile-rate", "request_rate_rps", ["-1 requests/s is below 0"]),
        ({"throughput_rps": -0.5}, "profile-rate", "throughput_rps", ["-0.5 requests/s is below 0"]),
        ({"tp": 2.5}, "profile-parallelism", "tp", ["2.5 is not a count", "whole number"]),
        ({"pp": 0}, "profile-parallelism", "pp", ["0 is not a count"]),
        ({"frequency_mhz": 0}, "profile-frequency", "frequency_mhz", ["0 MHz is 0", "positive"]),
        ({"frequency_mhz": -800}, "profile-frequency", "frequency_mhz", ["-800 MHz is below 0"]),
        (
            {"frequency_mhz": 1.98e9},
            "unit-frequency",
            "frequency_mhz",
            ["1980000000 MHz", "looks like Hz", "by 1000000"],
        ),
        (
            {"frequency_mhz": 1980000},
            "unit-frequency",
            "frequency_mhz",
            ["looks like kHz", "Divide the column by 1000."],
        ),
        ({"frequency_mhz": 1.98}, "unit-frequency", "frequency_mhz", ["1.98 MHz", "looks like GHz", "by 1000"]),
        ({"input_tokens": 0}, "profile-tokens", "input_tokens", ["0 tokens is 0"]),
        ({"output_tokens": -3}, "profile-tokens", "output_tokens", ["-3 tokens is below 0"]),
        ({"ttft_p99_ms": -1}, "profile-latency", "ttft_p99_ms", ["-1 ms is below 0"]),
        ({"tbt_p99_ms": ""}, "profile-latency-missing", "tbt_p99_ms", ["empty at 0.", "rate 0"]),
        ({"provenance": "measurd"}, "profile-provenance", "provenance", ["'measurd'", "Did you mean measured?"]),
        ({"provenance": "xyzzy"}, "profile-provenance", "provenance", ["measured, interpolated, composed"]),
    ],
)
def test_one_bad_cell(tmp_path: Path, cells: Row, code: str, column: str, parts: list[str]) -> None:
    path = write_csv(tmp_path / "p.csv", changed(profile_rows(), 7, **cells))
    only_fault(lambda: read_profile(path), code, f"p.csv:9 {column}", *parts)


@pytest.mark.parametrize(
    ("change", "column", "code", "parts"),
    [
        (lambda v: v / 1000, "power_w", "unit-power", ["looks like kilowatts", "Multiply the column by 1000"]),
        (lambda v: v * 1e4, "power_w", "unit-power", ["looks like milliwatts", "Divide"]),
        (lambda v: v / 1000, "frequency_mhz", "unit-frequency", ["from 0.8 to 1.98 MHz", "looks like GHz"]),
        (lambda v: v * 1e6, "frequency_mhz", "unit-frequency", ["from 800000000 to 1980000000 MHz", "by 1000000"]),
        (lambda v: v / 1000, "ttft_p99_ms", "unit-latency", ["ttft_p99_ms is in ms", "looks like seconds"]),
        (lambda v: v / 1e5, "tbt_p99_ms", "unit-latency", ["tbt_p99_ms is in ms", "looks like seconds"]),
    ],
)
def test_column_in_another_unit(
    tmp_path: Path, change: Callable[[float], float], column: str, code: str, parts: list[str]
) -> None:
    path = write_csv(tmp_path / "p.csv", mapped(profile_rows(), column, change))
    only_fault(lambda: read_profile(path), code, f" {column}", *parts)


def test_both_latencies_in_seconds(tmp_path: Path) -> None:
    rows = profile_rows()
    # One overloaded row waits for seconds, as real sweeps have it; the column is in seconds all the same.
    for column in ("ttft_p99_ms", "tbt_p99_ms"):
        rows = mapped(rows, column, lambda value: value / 1000)
    path = write_csv(tmp_path / "p.csv", changed(rows, 59, ttft_p99_ms=7.5))
    found = faults_of(lambda: read_profile(path))
    assert [(fault.code, fault.where.split()[-1]) for fault in found] == [
        ("unit-latency", "ttft_p99_ms"),
        ("unit-latency", "tbt_p99_ms"),
    ]


def test_missing_columns_name_what_was_meant(tmp_path: Path) -> None:
    rows = [
        {("clock" if k == "tp" else "Power_W" if k == "power_w" else k): v for k, v in r.items()}
        for r in profile_rows()
    ]
    path = write_csv(tmp_path / "p.csv", rows)
    tp, power = faults_of(lambda: read_profile(path))
    check(
        tp, "table-missing-column", "p.csv:1", "column tp is missing", "found are model, gpu, clock", "Add the column"
    )
    check(power, "table-missing-column", "p.csv:1", "Did you mean Power_W?")


def test_duplicate_rows_name_each_other(tmp_path: Path) -> None:
    rows = profile_rows()
    path = write_csv(tmp_path / "p.csv", [*rows, rows[3] | {"power_w": 999}])
    only_fault(
        lambda: read_profile(path), "profile-duplicate", "p.csv:62 request_rate_rps", "repeats line 5", "Drop one"
    )


def test_rows_without_clocks_can_be_equal_too(tmp_path: Path) -> None:
    free = [
        row | {"frequency_mhz": ""}
        for row in profile_rows()
        if row["frequency_mhz"] == profile_rows()[0]["frequency_mhz"]
    ]
    path = write_csv(tmp_path / "p.csv", [*free, free[1]])
    assert {fault.code for fault in faults_of(lambda: read_profile(path))} == {"profile-duplicate"}
    assert len(read_profile(write_csv(tmp_path / "once.csv", free))) == len(free)


def test_every_fault_at_once(tmp_path: Path) -> None:
    rows = changed(changed(changed(profile_rows(), 3, power_w=-1), 4, gpu=""), 5, provenance="guess", tp="two")
    path = write_csv(tmp_path / "p.csv", rows)
    found = faults_of(lambda: read_profile(path))
    assert {(fault.code, fault.where.rsplit("/", 1)[-1]) for fault in found} == {
        ("profile-power", "p.csv:5 power_w"),
        ("table-empty-cell", "p.csv:6 gpu"),
        ("profile-provenance", "p.csv:7 provenance"),
        ("table-not-a-number", "p.csv:7 tp"),
    }


def test_long_lists_are_cut_and_counted(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", mapped(profile_rows(), "power_w", lambda value: -value))
    found = faults_of(lambda: read_profile(path))
    assert len(found) == 21
    assert "and 40 more" in str(found[-1])


def test_parquet_faults_name_the_row(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "p.parquet", changed(profile_rows(), 7, power_w=-12.0))
    only_fault(lambda: read_profile(path), "profile-power", "p.parquet row 8 power_w", "-12 W is below 0")


def test_number_too_large_in_parquet(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "p.parquet", changed(profile_rows(), 7, power_w=1e300))
    only_fault(lambda: read_profile(path), "table-too-large", "p.parquet row 8 power_w", "1e+300")


def test_nan_in_parquet(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "p.parquet", changed(profile_rows(), 7, power_w=float("nan")))
    only_fault(lambda: read_profile(path), "table-not-finite", "p.parquet row 8 power_w", "nan is not finite")


def test_nan_in_parquet_is_an_idle_rows_missing_latency(tmp_path: Path) -> None:
    rows = [row | {"ttft_p99_ms": row["ttft_p99_ms"] or float("nan")} for row in profile_rows()]
    assert len(read_profile(write_parquet(tmp_path / "p.parquet", rows))) == 60
