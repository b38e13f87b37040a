"""Every format of logs, from its own hand-made file, to the same three requests."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from dynamo_plan.errors import InputError, UsageError
from dynamo_plan.ingest.logs import Place, count_logs, find_logs, find_readers
from dynamo_plan.ingest.logs.binning import binning
from dynamo_plan.ingest.logs.counts import Grid
from dynamo_plan.ingest.logs.options import LogOptions, column_map, log_options
from tests.ingest.faultcase import only_fault
from tests.ingest.logs import samples
from tests.ingest.logs.samples import ROWS, Row, read_rows

BINS, GRID = binning((256, 1024, None), (100, 350, None)), Grid(1800, 60)
START_NS = int(np.datetime64(samples.BEGIN, "ns").astype(np.int64))
NAMED = column_map(["arrival=ts", "input=in", "output=out", "service=who"])
CSV = "who,ts,in,out\nchat,{0}:00:00.5,100,20\nchat,{0}:00:01,300,120\ncode,{0}:40:00.25,2000,\n"


def with_service(*names: str | None) -> list[Row]:
    return [(*row[:3], name) for row, name in zip(ROWS, names, strict=True)]


@pytest.mark.parametrize(
    ("text", "format", "services"),
    [
        (samples.AZURE_2023, "azure", (None, None, None)),
        (samples.AZURE_2024, "azure", (None, None, None)),
        (samples.AZURE_2025, "azure", (None, None, None)),
        (samples.BURSTGPT, "burstgpt", ("ChatGPT", "ChatGPT", "GPT-4")),
        (samples.MOONCAKE, "mooncake", (None, None, None)),
        (samples.dynamo(wrapped=False), "dynamo", ("m", "m", "m")),
        (samples.dynamo(wrapped=True), "dynamo", ("m", "m", "m")),
        (samples.sdk_spans(old=False), "otel", ("m", "m", "m")),
        (samples.sdk_spans(old=True), "otel", ("m", "m", "m")),
        (samples.otlp_spans(as_texts=True), "otel", ("m", "m", "m")),
        (samples.otlp_spans(as_texts=False), "otel", ("m", "m", "m")),
    ],
)
@pytest.mark.parametrize("codec", [None, "gzip", "zstd"])
def test_three_requests(
    tmp_path: Path, text: str, format: str, services: tuple[str | None, ...], codec: str | None
) -> None:
    path = tmp_path / "log"
    data = text.encode()
    path.write_bytes(pa.Codec("zstd").compress(data, asbytes=True) if codec == "zstd" else data)
    if codec == "gzip":
        path.write_bytes(gzip.compress(data))
    options = LogOptions(start_ns=START_NS)
    assert find_logs([path], options).formats == (format,)
    rows, rejects = read_rows(path, options)
    assert rows == with_service(*services)
    assert rejects.count == 0


def test_every_format_is_here() -> None:
    assert sorted(find_readers()) == ["azure", "burstgpt", "columns", "dynamo", "mooncake", "otel"]


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_columns_of_csv(tmp_path: Path, quoted: bool, end: str) -> None:
    text = CSV.format("2024-05-12T00").replace("20\n", "20.0\n")
    if quoted:
        text = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines())
    path = tmp_path / "log.csv"
    path.write_bytes(("# a comment\n" + text).replace("\n", end).encode())
    rows, rejects = read_rows(path, LogOptions(NAMED, zone="UTC"))
    assert rows == with_service("chat", "chat", "code")
    assert rejects.count == 0


def test_columns_of_parquet(tmp_path: Path) -> None:
    stamps = pa.array([np.datetime64(row[0], "us") for row in ROWS], pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    table = pa.table(
        {
            "ts": stamps,
            "in": [100, 300, 2000],
            "out": [20, 120, None],
            "who": pa.array(["chat", None, "code"]),
            "x": [1, 2, 3],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "log.parquet")
    rows, _ = read_rows(tmp_path / "log.parquet", LogOptions(NAMED))
    assert rows == with_service("chat", None, "code")


@pytest.mark.parametrize(("unit", "scale"), [("s", 1e-3), ("ms", 1), ("us", 1000)])
def test_columns_of_json_with_nested_fields_and_numbers(tmp_path: Path, unit: str, scale: float) -> None:
    lines = [
        f'{{"at": {samples.milliseconds(stamp) * scale!r}, "usage": {{"in": {inputs}, "out": {outputs}}}}}'
        for stamp, inputs, outputs, _ in ROWS
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(lines))
    names = column_map(["arrival=at", "input=usage.in", "output=usage.out"])
    rows, _ = read_rows(path, LogOptions(names, time_unit=unit))
    assert rows == ROWS


def test_mixed_zones_are_one_clock(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "ts,in,out\n2024-05-12T02:00:00.5+02:00,100,20\n2024-05-11 19:00:01-0500,300,120\n2024-05-12T00:40:00.25 Z,2000,0\n"
    )
    assert read_rows(path, LogOptions(column_map(["arrival=ts", "input=in", "output=out"])))[0] == ROWS


def test_local_times_need_their_zone(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    names = column_map(["arrival=ts", "input=in", "output=out"])
    path.write_text("ts,in,out\n2024-05-12T02:00:00.5,100,20\n2024-10-27T02:30:00,300,120\n")
    rows, rejects = read_rows(path, LogOptions(names, zone="Europe/Berlin"))
    assert rows == ROWS[:1]
    assert "comes twice or never in Europe/Berlin" in rejects.first[0].what
    rows, rejects = read_rows(path, LogOptions(names))
    assert (rows, rejects.count) == ([], 2)
    assert "2024-05-12T02:00:00.500000000 names no time zone" in rejects.first[0].what


@pytest.mark.parametrize(
    ("line", "column", "what"),
    [
        ("2024-05-12 00:00:00,-5,20", "ContextTokens", "-5 tokens are below 0"),
        ("2024-05-12 00:00:00,5,-20", "GeneratedTokens", "-20 tokens are below 0"),
        ("2024-05-12 00:00:00,0,20", "ContextTokens", "an answer to an input of 0 tokens"),
        ("2024-05-12 00:00:00,1.5,20", "ContextTokens", "1.5 tokens are no whole number"),
        ("2024-05-12 00:00:00,99999999,20", "ContextTokens", "99999999 tokens are beyond every request"),
        ("2024-05-12 00:00:00,many,20", "ContextTokens", "'many' is no number of tokens"),
        ("2024-05-12 00:00:00,,20", "ContextTokens", "there is no number of tokens"),
        ("2024-05-12 24:00:00,5,20", "TIMESTAMP", "'2024-05-12 24:00:00' is no time"),
        ("2024-02-30 00:00:00,5,20", "TIMESTAMP", "'2024-02-30 00:00:00' is no time"),
        ("12.05.2024 00:00,5,20", "TIMESTAMP", "'12.05.2024 00:00' is no time"),
        ("x024-05-12 00:00:00,5,20", "TIMESTAMP", "'x024-05-12 00:00:00' is no time"),
        ("1970-01-01 00:00:00,5,20", "TIMESTAMP", "1970-01-01T00:00:00Z is no time of such a log"),
        ("2024-05-12 00:00:00,5", "", "has 2 cells, the header 3 columns"),
        ("2024-05-12 00:00:00,5,20 tokens", "GeneratedTokens", "'20 tokens' is no number of tokens"),
    ],
)
def test_a_row_that_is_no_request(tmp_path: Path, line: str, column: str, what: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(samples.AZURE_2023 + line + "\n" + samples.AZURE_2023.split("\n", 1)[1])
    rows, rejects = read_rows(path)
    assert rows == [*ROWS, *ROWS]
    assert [(one.column, what in one.what) for one in rejects.first] == [(column, True)], rejects.first


def test_impossible_times_are_named_by_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n\n# a comment\n2024-05-12 00:00:00,5,5\n"
        "1970-01-01 00:00:01,5,5\n\n2024-05-12 00:00:02,5,5\n1970-01-01 00:00:03,5,5\n"
    )
    with pytest.raises(InputError) as raised:
        count_logs(find_logs([path], LogOptions()), BINS, GRID, Place())
    assert [fault.where.rpartition("/")[2] for fault in raised.value.faults] == [
        "log.csv:5 TIMESTAMP",
        "log.csv:8 TIMESTAMP",
    ]


BURST_HEAD = "Timestamp,Model,Request tokens,Response tokens\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (BURST_HEAD + "7,GPT-4,5,5\n-1,GPT-4,5,5\n", "-1 s is before the log's begin"),
        (BURST_HEAD + "7,GPT-4,5,5\n99999999999,GPT-4,5,5\n", "'99999999999' s is no time of such a log"),
        (samples.MOONCAKE + '{"timestamp": -1, "input_length": 5, "output_length": 5}', "before the log's begin"),
        (samples.MOONCAKE + '{"input_length": 5, "output_length": 5}', "there is no time that can be read"),
        (samples.MOONCAKE + '{"timestamp": null, "input_length": 5, "output_length": 5}', "no time that can be read"),
    ],
)
def test_times_that_no_clock_of_a_log_shows(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "log").write_text(text)
    _, rejects = read_rows(tmp_path / "log")
    assert rejects.count == 1
    assert what in rejects.first[0].what


def test_an_empty_output_failed(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-12 00:00:00,5,\n2024-05-12 00:00:00,0,0")
    assert [row[1:3] for row in read_rows(path)[0]] == [(5, 0), (0, 0)]


@pytest.mark.parametrize(
    ("content", "code", "part"),
    [
        (b"", "log-unknown", "the file is empty"),
        (b"a,b\n1,2\n", "log-unknown", "no known format"),
        (b"\x1f\x8bnothing", "log-compression", "cannot be decompressed"),
    ],
)
def test_a_file_that_is_no_log(tmp_path: Path, content: bytes, code: str, part: str) -> None:
    (tmp_path / "log").write_bytes(content)
    only_fault(lambda: find_logs([tmp_path / "log"], LogOptions()), code, "log", part)


def test_broken_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(samples.MOONCAKE + '{"timestamp": "late"}\n')
    only_fault(lambda: read_rows(tmp_path / "log"), "log-json", "log", "JSON lines", "number to string")


def test_a_missing_column(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("tss,in,out\n")
    options = LogOptions(column_map(["arrival=ts", "input=in", "output=out"]))
    only_fault(
        lambda: read_rows(tmp_path / "log.csv", options), "log-column", "log.csv:1", "column ts is missing", "mean tss"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (["arrival"], None, None, None),
        (["arival=ts"], None, None, None),
        (["arrival=ts"], None, None, None),
        ([], "minutes", None, None),
        ([], None, "Mars/Base", None),
        ([], None, None, "2024-05-12"),
    ],
)
def test_options_that_cannot_be_carried_out(arguments: tuple[list[str], str | None, str | None, str | None]) -> None:
    with pytest.raises(UsageError):
        log_options(*arguments)
