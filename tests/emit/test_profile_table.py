"""Measurements as a canonical profile, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.emit.atomic import write_new_file
from dynamo_plan.emit.profile_table import COLUMNS, ProfileRow, profile_bytes
from dynamo_plan.errors import InputError, UsageError
from dynamo_plan.ingest import read_profile
from dynamo_plan.ingest.measurements import read_measurements
from dynamo_plan.schema.measurement import Latency, Measurement

LOADED = Measurement(
    where="run.json",
    format="vllm",
    model="llama",
    gpu="h100",
    tp=2,
    pp=1,
    dtype="bf16",
    frequency_mhz=1400.0,
    input_tokens=512.0,
    output_tokens=128.0,
    offered_rps=4.0,
    throughput_rps=3.9,
    ttft=Latency(61.0, 55.0, p99_ms=140.0),
    tbt=Latency(11.0, 10.5, p99_ms=16.0),
    power_w=900.0,
    duration_s=60.0,
    source='vllm bench serve, "run".json',
)


@pytest.mark.parametrize("name", ["profile.csv", "profile.parquet"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_new_file(path, profile_bytes(path, [ProfileRow(LOADED, "clean", "clock held")], with_p99=True))
    table = read_profile(path)
    assert (table.rate_rps[0], table.ttft_p99_ms[0], table.tbt_p99_ms[0]) == (4.0, 140.0, 16.0)
    assert (table.power_w[0], table.frequency_mhz[0], table.source[0]) == (900.0, 1400.0, LOADED.source)
    (again,) = read_measurements([path]).rows
    assert (again.ttft, again.throughput_rps, again.duration_s) == (LOADED.ttft, 3.9, 60.0)


def test_verdicts_and_all_columns_are_in_the_file(tmp_path: Path) -> None:
    content = profile_bytes(tmp_path / "a.csv", [ProfileRow(LOADED, "suspect", "warm")], with_p99=True).decode()
    header, row = content.splitlines()
    assert header.replace('"', "").split(",") == list(COLUMNS)
    assert row.endswith('"suspect","warm"')


def test_without_99th_percentiles_of_all_rows_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_new_file(path, profile_bytes(path, [ProfileRow(LOADED)], with_p99=False))
    assert not read_profile(path).states_latency


def test_another_suffix_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        profile_bytes(Path("a.xlsx"), [ProfileRow(LOADED)], with_p99=True)
    assert caught.value.faults[0].code == "output-suffix"


def test_a_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.csv"
    write_new_file(path, b"1")
    with pytest.raises(InputError, match="exists already"):
        write_new_file(path, b"2")
    assert path.read_bytes() == b"1"
    write_new_file(path, b"2", force=True)
    assert path.read_bytes() == b"2"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this is a folder"):
        write_new_file(tmp_path, b"", force=True)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        write_new_file(tmp_path / "file" / "a.csv", b"")
    assert caught.value.faults[0].code == "output-unwritable"
