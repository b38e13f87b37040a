"""What holds for every format: content tells it, limits, what is set, what is wrong, what is left out."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dynamo_plan.errors import UsageError
from dynamo_plan.ingest.measurements import opened, read_measurements
from dynamo_plan.units import BYTES_PER_GIB
from tests.ingest.faultcase import faults_of, only_fault
from tests.ingest.measurements.samples import (
    CLOCK_SWEEP,
    FILES,
    GUIDELLM,
    MLENERGY_V2,
    SGLANG,
    SILICON,
    VLLM,
    as_csv,
    as_json,
    as_lines,
)


def write(folder: Path, content: bytes, name: str = "file.json") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", FILES)
def test_gzip_and_byte_order_mark_change_nothing(tmp_path: Path, name: str) -> None:
    file, content = FILES[name]
    plain = read_measurements([write(tmp_path, content, file)])
    packed = read_measurements([write(tmp_path, gzip.compress(content), file)])
    assert packed == plain
    if not file.endswith(".npz"):
        assert read_measurements([write(tmp_path, b"\xef\xbb\xbf" + content, file)]) == plain


def test_a_folder_is_read_and_what_is_no_measurement_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs" / ".hidden").mkdir(parents=True)
    write(tmp_path / "runs", as_json(VLLM), "b.json")
    write(tmp_path / "runs", as_lines(SGLANG), "a.jsonl")
    write(tmp_path / "runs", b"# notes\n", "README.md")
    write(tmp_path / "runs" / ".hidden", b"{", "c.json")
    found = read_measurements([tmp_path])
    assert [row.format for row in found.rows] == ["sglang", "vllm"]
    assert [(Path(entry.where).name, entry.reason) for entry in found.omitted] == [
        ("README.md", "not a measurement in a known format")
    ]


def test_a_named_file_in_no_format(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"a": 1}')
    only_fault(lambda: read_measurements([path]), "measurement-unknown", "file.json", "--format")
    only_fault(lambda: read_measurements([write(tmp_path, b"")]), "measurement-unknown", "file.json", "is empty")


def test_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_measurements([tmp_path], format="vlm")
    assert caught.value.faults[0].code == "measurement-format"
    assert "Did you mean vllm?" in str(caught.value)


def test_an_unknown_zone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Mars/Base is no time zone"):
        read_measurements([tmp_path], zone="Mars/Base")


def test_a_folder_without_measurements(tmp_path: Path) -> None:
    write(tmp_path, b"hello", "README")
    only_fault(lambda: read_measurements([tmp_path]), "measurement-none", "README", "no measurement is left")


def test_a_missing_file_among_others(tmp_path: Path) -> None:
    there = write(tmp_path, as_json(VLLM))
    only_fault(lambda: read_measurements([there, tmp_path / "gone.json"]), "file-not-found", "gone.json")
    found = read_measurements([there, tmp_path / "gone.json"], keep_going=True)
    assert (len(found.rows), len(found.rejected)) == (1, 1)


def test_what_is_set_fills_gaps(tmp_path: Path) -> None:
    given = {
        "tp": "2",
        "pp": "1",
        "gpu": "h100",
        "dtype": "bfloat16",
        "model": "llama-3.1-8b",
        "start": "2026-04-19T02:24:28+02:00",
        "provenance": "digitised",
    }
    (row,) = read_measurements([write(tmp_path, as_json(VLLM))], given=given).rows
    assert (row.tp, row.pp, row.gpu, row.dtype) == (2, 1, "h100", "bf16")
    assert row.model == "llama-3.1-8b", "a short form of the file's name"
    assert row.start == datetime(2026, 4, 19, 0, 24, 28, tzinfo=UTC)
    assert row.provenance == "digitised"


@pytest.mark.parametrize(("key", "value"), [("tp", "4"), ("model", "mistral"), ("input_tokens", "511")])
def test_what_is_set_must_not_contradict_the_file(tmp_path: Path, key: str, value: str) -> None:
    path = write(tmp_path, as_json(VLLM))
    only_fault(lambda: read_measurements([path], given={key: value}), "measurement-contradiction", f"file.json {key}")


def test_another_gpu_than_the_file_says(tmp_path: Path) -> None:
    path = write(tmp_path, as_json(MLENERGY_V2))
    assert read_measurements([path], given={"gpu": "h100"}).rows[0].gpu == "h100"
    only_fault(
        lambda: read_measurements([path], given={"gpu": "h200"}), "measurement-contradiction", "gpu", "A short form"
    )


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("tensor", "4", "measurement-set"),
        ("tp", "", "measurement-set"),
        ("tp", "four", "table-not-a-number"),
        ("tp", "1.5", "measurement-count"),
        ("dtype", "bf8", "profile-dtype"),
        ("provenance", "guessed", "profile-provenance"),
        ("start", "yesterday", "measurement-time"),
        ("power_w", "-5", "measurement-negative"),
    ],
)
def test_what_cannot_be_set(key: str, value: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_measurements([], given={key: value})
    assert [fault.code for fault in caught.value.faults] == [code]


def test_bf8_gets_a_suggestion(tmp_path: Path) -> None:
    path = write(tmp_path, as_csv([SILICON[0] | {"gemm_quant_mode": "bf8"}]), "a.csv")
    only_fault(lambda: read_measurements([path]), "profile-dtype", "a.csv:2 gemm_quant_mode", "bf16 or fp8_e5m2")


@pytest.mark.parametrize(
    ("changes", "code", "key"),
    [
        ({"mean_ttft_ms": "61,5"}, "table-decimal-comma", "mean_ttft_ms"),
        ({"mean_ttft_ms": float("nan")}, "table-not-finite", "mean_ttft_ms"),
        ({"duration": 1e15}, "table-too-large", "duration"),
        ({"duration": [20.0]}, "table-not-a-number", "duration"),
        ({"duration": True}, "table-not-a-number", "duration"),
        ({"request_throughput": -1.0}, "measurement-negative", "request_throughput"),
        ({"completed": 98.5}, "measurement-count", "completed"),
        ({"completed": 0}, "measurement-zero", "completed"),
        ({"model_id": ["a"]}, "measurement-shape", "model_id"),
        ({"model_id": "a\nb"}, "measurement-shape", "model_id"),
        ({"model_id": "\ud800"}, "measurement-shape", "model_id"),
        ({"dtype": "fp3"}, "profile-dtype", "dtype"),
        ({"start": "2026-04-19T02:24:28"}, "measurement-time", "start"),
        ({"gpu_clock_mhz": 1.4}, "unit-frequency", "frequency_mhz"),
        ({"power_w": 0.9}, "unit-power", "power_w"),
        ({"power_w": 0, "energy_j": 0}, "measurement-zero", "power_w"),
        ({"median_tpot_ms": 20.0}, "measurement-percentiles", "tbt"),
        ({"mean_ttft_ms": 61000.0}, "unit-latency", "ttft"),
    ],
)
def test_a_field_that_is_wrong(tmp_path: Path, changes: dict[str, object], code: str, key: str) -> None:
    path = write(tmp_path, as_json(VLLM | changes))
    only_fault(lambda: read_measurements([path]), code, f"file.json {key}")


def test_latencies_in_seconds_under_a_name_in_ms(tmp_path: Path) -> None:
    seconds = {key: value / 1000 for key, value in VLLM.items() if key.endswith("_ms") and isinstance(value, float)}
    path = write(tmp_path, as_json(VLLM | seconds))
    only_fault(lambda: read_measurements([path]), "unit-latency", "file.json ttft", "0.14 ms", "looks like seconds")


def test_wrong_shapes_name_the_key_path(tmp_path: Path) -> None:
    path = write(tmp_path, as_json(GUIDELLM | {"benchmarks": [{"config": {"strategy": 7}}, "x"]}))
    places = [fault.where.removeprefix(str(tmp_path)) for fault in faults_of(lambda: read_measurements([path]))]
    assert places == ["/file.json benchmarks[0].config.strategy", "/file.json benchmarks[1]"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (as_json(VLLM)[:-30], "ends in the middle"),
        (as_json(VLLM).replace(b'"duration": 20.0', b'"duration": 20,0'), "not JSON"),
        (as_json(VLLM).replace(b'"vllm"', b'"\xff"'), "byte 0xff is not UTF-8"),
        (as_json(VLLM).replace(b"20.0", b"9" * 5000), "not JSON"),
        (b'{"model_id": "request_rate", "num_prompts": 1, "request_rate": ' + b"[" * 100_000, "not JSON"),
    ],
)
def test_json_that_is_none(tmp_path: Path, content: bytes, words: str) -> None:
    path = write(tmp_path, content)
    only_fault(lambda: read_measurements([path], format="vllm"), "measurement-json", "", "file.json:", words)


def test_a_row_of_a_table_that_is_wrong_is_left_out_alone(tmp_path: Path) -> None:
    lines = as_csv(CLOCK_SWEEP).splitlines(keepends=True)
    lines[2] = lines[2].replace(b"150.0", b"150,0")
    lines[3] = lines[3].replace(b"150.0", b"-150.0")
    path = write(tmp_path, b"".join(lines), "a.csv")
    assert [fault.code for fault in faults_of(lambda: read_measurements([path]))] == [
        "table-row-width",
        "measurement-negative",
    ]
    found = read_measurements([path], keep_going=True)
    assert [row.where[-2:] for row in found.rows] == [":2", ":5"]
    assert [entry.where[-2:] for entry in found.rejected] == [":3", ":4"]


def test_many_rows_with_the_same_fault_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, as_csv([CLOCK_SWEEP[0] | {"power": 1, "avg_power_w": -1}] * 50), "a.csv")
    faults = faults_of(lambda: read_measurements([path]))
    assert (len(faults), faults[-1].what) == (21, "... and 30 more of these")


def test_a_damaged_gzip(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(as_json(VLLM))[:-20], "a.json.gz")
    only_fault(lambda: read_measurements([path]), "measurement-gzip", "a.json.gz", "damaged")


def test_a_gzip_bomb(tmp_path: Path) -> None:
    content = as_json(VLLM)[:-2] + b" " * (32 << 20) + b"}"
    path = write(tmp_path, gzip.compress(content), "a.json.gz")
    only_fault(lambda: read_measurements([path]), "measurement-gzip", "a.json.gz", "inflates more than 250 fold")


def test_a_file_of_two_gib_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path, as_json(VLLM)[:-2])
    os.truncate(path, int(2 * BYTES_PER_GIB))
    fault = only_fault(lambda: read_measurements([path]), "measurement-too-large", "file.json", "256 MiB")
    assert "without the details of each request" in fault.mend


def test_a_file_that_is_read_by_lines_may_be_larger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "MOST_DOCUMENT_BYTES", 2000)
    path = write(tmp_path, as_lines(*[SGLANG] * 10), "a.jsonl")
    assert path.stat().st_size > opened.MOST_DOCUMENT_BYTES
    assert len(read_measurements([path]).rows) == 10
