"""Files that are not the table they should be, read through the smallest reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.ingest import read_profile
from tests.ingest.builders import profile_rows, write_csv, write_parquet
from tests.ingest.faultcase import check, faults_of, only_fault


@pytest.mark.parametrize(
    ("data", "code", "where", "parts"),
    [
        (b"", "table-empty", "t.csv", ["the file is empty"]),
        (b" \n\r\n", "table-empty", "t.csv", ["the file is empty"]),
        (b"# only\n# remarks\n", "table-empty", "t.csv", ["nothing but comments"]),
        (b"\x00\x01\x02", "table-not-a-table", "t.csv", ["binary", "CSV or Parquet", "Save it as CSV"]),
        (b"a,b\n1,\xff\n", "table-not-a-table", "t.csv", ["neither Parquet nor UTF-8", "line 2", "0xff"]),
        (b"PK\x03\x04rest", "table-not-a-table", "t.csv", ["spreadsheet"]),
        (b"\x1f\x8b\x08", "table-not-a-table", "t.csv", ["gzip"]),
        (b"PAR1 and no more", "table-not-a-table", "t.csv", ["begins like Parquet"]),
        (b"# remark\nversion: 1\nname: x\n", "table-not-a-table", "t.csv:2", ["'version: 1'", "no commas"]),
        (b"a,b,a\n1,2,3\n", "table-column-twice", "t.csv:1", ["'a' more than once"]),
        (b"\n#\na;b\n1,5;2\n", "table-separator", "t.csv:3", ["semicolons", "line 4 has a decimal comma"]),
        (b"a\tb\n1\t2\n", "table-separator", "t.csv:1", ["tabs"]),
        (b'a,b\n1,"2\n3",4\n', "table-quotes", "t.csv:2", ["not closed"]),
    ],
)
def test_not_a_table(tmp_path: Path, data: bytes, code: str, where: str, parts: list[str]) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    check(faults_of(lambda: read_profile(tmp_path / "t.csv"))[0], code, where, *parts)


def test_header_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",".join(profile_rows()[0]) + "\n")
    only_fault(lambda: read_profile(path), "table-empty", "t.csv", "a header but no row")


def test_rows_of_the_wrong_width_name_their_line(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", profile_rows())
    lines = path.read_text().splitlines()
    lines[5] = lines[5].replace("0.5", "0,5", 1) if "0.5" in lines[5] else lines[5] + ",1,5"
    lines[8] = "llama,h100"
    lines.insert(3, "# remark")
    path.write_text("\n".join(lines))
    wide, narrow = faults_of(lambda: read_profile(path))
    check(wide, "table-row-width", "t.csv:7", "cells, the header 15 columns", "decimal points")
    check(narrow, "table-row-width", "t.csv:10", "the row has 2 cells")


def test_truncated_parquet(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path / "t.parquet", profile_rows()).read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[: len(whole) // 2])
    only_fault(lambda: read_profile(tmp_path / "t.parquet"), "table-not-a-table", "t.parquet", "copy it again")


def test_missing_file_points_to_one_nearby(tmp_path: Path) -> None:
    write_csv(tmp_path / "profile.csv", profile_rows())
    path = tmp_path / "profil.csv"
    only_fault(
        lambda: read_profile(path), "file-not-found", "profil.csv", "does not exist", "Did you mean profile.csv?"
    )


def test_missing_file_in_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "p.csv"
    only_fault(lambda: read_profile(path), "file-not-found", "p.csv", "There is no folder")


def test_a_path_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".hidden").touch()
    (tmp_path / "unlike.txt").touch()
    (fault,) = faults_of(lambda: read_profile(Path("p.csv")))
    assert str(fault) == "p.csv: does not exist. This folder holds unlike.txt."
    (fault,) = faults_of(lambda: read_profile(Path()))
    assert str(fault) == ".: is a folder, it holds unlike.txt. A file is needed. Name one of its files."


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "inside.csv").touch()
    only_fault(lambda: read_profile(tmp_path), "file-is-folder", tmp_path.name, "is a folder", "inside.csv")


def test_path_that_no_file_system_takes(tmp_path: Path) -> None:
    (fault,) = faults_of(lambda: read_profile(tmp_path / "a\x00b"))
    assert fault.code in ("file-unreadable", "file-not-found")


def test_typed_column_that_holds_no_numbers(tmp_path: Path) -> None:
    rows = [row | {"power_w": True} for row in profile_rows()]
    found = faults_of(lambda: read_profile(write_parquet(tmp_path / "t.parquet", rows)))
    check(found[0], "table-not-a-number", "t.parquet row 1 power_w", "'true' is not a number")
