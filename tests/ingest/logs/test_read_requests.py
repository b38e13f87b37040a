"""Requests of logs one by one: in the order of their arrival, whatever the order of lines, files and parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.errors import InputError
from dynamo_plan.ingest import logs
from dynamo_plan.ingest.logs import Place, find_logs, read_requests
from dynamo_plan.ingest.logs.options import LogOptions, log_options

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def write(path: Path, lines: list[str]) -> Path:
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_requests_come_in_the_order_of_arrival(tmp_path: Path) -> None:
    lines = ["2024-05-12 00:00:03+00:00,30,3", "2024-05-12 00:00:01.5+00:00,10,1", "2024-05-12 00:00:03+00:00,20,0"]
    found, left_out = read_requests(find_logs([write(tmp_path / "a.csv", lines)], LogOptions()), Place())
    (trace,) = found.values()
    start = np.datetime64("2024-05-12", "ns").astype(np.int64)
    assert list(found) == [""]
    assert (trace.arrival_ns - start).tolist() == [1_500_000_000, 3_000_000_000, 3_000_000_000]
    assert trace.input_tokens.tolist() == [10, 30, 20]
    assert trace.output_tokens.tolist() == [1, 3, 0]
    assert left_out == 0


def test_parts_give_what_the_whole_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"2024-05-12 00:00:{n // 40:02d}+00:00,{n + 1},{n % 7}" for n in range(2000)]
    log = find_logs([write(tmp_path / "a.csv", lines)], LogOptions())
    whole, _ = read_requests(log, Place())
    monkeypatch.setattr(logs, "LEAST_PART_BYTES", 4000)
    parts, _ = read_requests(log, Place(workers=2))
    assert whole[""].input_tokens.tolist() == list(range(1, 2001))
    np.testing.assert_array_equal(parts[""].input_tokens, whole[""].input_tokens)
    np.testing.assert_array_equal(parts[""].arrival_ns, whole[""].arrival_ns)


def test_services_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "named.csv"
    path.write_text(
        "t,i,o,s\n2024-05-12T00:00:02Z,5,1,b\n2024-05-12T00:00:01Z,6,1,a\n2024-05-12T00:00:03Z,7,1,b\n", "utf-8"
    )
    options = log_options(["arrival=t", "input=i", "output=o", "service=s"], None, None, None)
    found, _ = read_requests(find_logs([path], options), Place())
    assert {name: trace.input_tokens.tolist() for name, trace in found.items()} == {"a": [6], "b": [5, 7]}


def test_rows_that_are_no_request_are_named_or_counted(tmp_path: Path) -> None:
    lines = ["2024-05-12 00:00:03+00:00,30,3", "2024-05-12 00:00:04+00:00,-1,3"]
    log = find_logs([write(tmp_path / "a.csv", lines)], LogOptions())
    with pytest.raises(InputError) as error:
        read_requests(log, Place())
    assert [fault.code for fault in error.value.faults] == ["log-length"]
    found, left_out = read_requests(log, Place(), keep_going=True)
    assert (len(found[""]), left_out) == (1, 1)


def test_an_empty_log_is_no_load(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_requests(find_logs([path], LogOptions()), Place())
    assert [fault.code for fault in error.value.faults] == ["log-empty"]
