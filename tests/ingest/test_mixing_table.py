"""The mixing table."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.ingest import read_mixing
from dynamo_plan.schema.kind import Kind
from tests.ingest.builders import Row, changed, mixing_rows, write_csv, write_parquet
from tests.ingest.faultcase import check, faults_of, only_fault


def test_rows_answer_by_kind_clock_and_classes(tmp_path: Path) -> None:
    table = read_mixing(write_csv(tmp_path / "m.csv", mixing_rows()))
    kind = Kind("h100", 4, 1, "bf16")
    assert table.derate("llama-2-70b", kind, 1400.0, frozenset("SL")) == 0.12
    assert table.derate("llama-2-70b", kind, 1400.0, frozenset("S")) == 0.0
    assert table.derate("llama-2-70b", kind, 1500.0, frozenset("SL")) is None


def test_parquet_reads_the_same_as_csv(tmp_path: Path) -> None:
    csv = read_mixing(write_csv(tmp_path / "m.csv", mixing_rows()))
    assert read_mixing(write_parquet(tmp_path / "m.parquet", mixing_rows())).rows == csv.rows


@pytest.mark.parametrize(
    ("cells", "code", "column", "parts"),
    [
        ({"derate": -0.1}, "mixing-derate", "derate", ["-0.1 is below 0"]),
        ({"derate": 27}, "mixing-derate", "derate", ["27 is above 1", "divide the column by 100"]),
        ({"input_classes": "S"}, "mixing-classes", "input_classes", ["'S' is not a set", "joined by +"]),
        ({"input_classes": "S+Q"}, "mixing-classes", "input_classes", ["'S+Q'"]),
        ({"input_classes": "S+L+S"}, "mixing-classes", "input_classes", ["'S+L+S'"]),
        ({"provenance": "fited"}, "mixing-provenance", "provenance", ["Did you mean fitted?"]),
        ({"dtype": "fp8"}, "mixing-dtype", "dtype", ["'fp8' is not known", "Did you mean fp8_e4m3?"]),
        ({"tp": 0}, "mixing-parallelism", "tp", ["0 is not a count"]),
        ({"frequency_mhz": 0}, "mixing-frequency", "frequency_mhz", ["must be positive"]),
        ({"frequency_mhz": 1.4}, "unit-frequency", "frequency_mhz", ["looks like GHz"]),
        ({"derate": ""}, "table-empty-cell", "derate", ["empty"]),
    ],
)
def test_one_bad_cell(tmp_path: Path, cells: Row, code: str, column: str, parts: list[str]) -> None:
    path = write_csv(tmp_path / "m.csv", changed(mixing_rows(), 1, **cells))
    only_fault(lambda: read_mixing(path), code, f"m.csv:3 {column}", *parts)


def test_same_classes_in_another_order_are_a_duplicate(tmp_path: Path) -> None:
    rows = [*mixing_rows(), mixing_rows()[0] | {"input_classes": "L+S"}]
    path = write_csv(tmp_path / "m.csv", rows)
    only_fault(lambda: read_mixing(path), "mixing-duplicate", "m.csv:8 input_classes", "repeats line 2")


def test_missing_column(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "derate"} | {"derating": 0} for row in mixing_rows()]
    path = write_csv(tmp_path / "m.csv", rows)
    check(faults_of(lambda: read_mixing(path))[0], "table-missing-column", "m.csv:1", "Did you mean derating?")
