"""`profile ingest` as its users call it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.ingest import read_profile
from tests.cli.conftest import Call
from tests.ingest.measurements.samples import (
    CLOCK_SWEEP,
    FILES,
    SGLANG,
    VLLM,
    as_csv,
    as_json,
    as_lines,
)

KIND = ("--set", "gpu=h100", "--set", "pp=1", "--set", "dtype=bf16")
CLEAN = VLLM | {"num_prompts": 98, "start": "2026-04-19T02:24:28Z"}
SWEEP_KIND = ("--set", "model=m", "--set", "tp=1", *KIND)


def test_one_run_becomes_a_profile(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(as_json(CLEAN))
    target = tmp_path / "profile.parquet"
    answer = call("profile", "ingest", tmp_path / "run.json", "-o", target, *KIND)
    assert answer.code == 0, answer.err
    assert answer.out.split() == ["format", "read", "clean", "written", "vllm", "1", "1", "1"]
    assert "No row states power_w" in answer.err
    assert f"Next: dynamo-plan profile check {target}" in answer.err
    assert call("profile", "check", target).code == 0
    assert read_profile(target).ttft_p99_ms.tolist() == [140.0]


def test_what_is_missing_is_said_with_its_set(call: Call, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_bytes(as_csv(CLOCK_SWEEP))
    target = tmp_path / "profile.csv"
    answer = call("profile", "ingest", tmp_path, "-o", target, "--set", "tp=1")
    assert answer.code == 5
    assert "points.csv:2 model: it is not stated here; so it is with 3 more rows. Add --set model=NAME" in answer.err
    assert "[measurement-incomplete]" in answer.err
    assert "4 faults." in answer.err
    assert not target.exists()


def test_repeats_need_to_be_averaged(call: Call, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_bytes(as_csv(CLOCK_SWEEP))
    target = tmp_path / "profile.csv"
    answer = call("profile", "ingest", tmp_path / "points.csv", "-o", target, *SWEEP_KIND)
    assert answer.code == 5
    assert "--average-repeats" in answer.err
    answer = call("profile", "ingest", tmp_path / "points.csv", "-o", target, *SWEEP_KIND, "--average-repeats")
    assert answer.code == 0, answer.err
    table = read_profile(target)
    assert table.frequency_mhz.tolist() == [750.0, 1300.0]
    assert table.source[0].endswith("mean of 2 runs")
    assert not table.states_latency


def test_faulty_rows_are_left_out_and_listed_when_asked(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(as_lines(SGLANG, SGLANG | {"duration": -1}) + b"{oops\n")
    target = tmp_path / "profile.csv"
    command = ("profile", "ingest", tmp_path / "a.jsonl", "-o", target, "--set", "gpu=h100")
    answer = call(*command)
    assert answer.code == 5
    assert "2 faults." in answer.err
    answer = call(*command, "--keep-going")
    assert answer.code == 0, answer.err
    assert "left out: 2 faulty rows or files:" in answer.err
    assert "a.jsonl:2 duration: '-1' is below 0" in answer.err
    assert "a.jsonl:3:2: not JSON" in answer.err
    assert len(read_profile(target)) == 1


def test_rows_that_lack_something_are_left_out_when_asked(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(as_json(CLEAN))
    (tmp_path / "zeus.csv").write_bytes(FILES["zeus"][1].replace(b"1776565468.5", b"1776560000.0"))
    target = tmp_path / "profile.csv"
    answer = call("profile", "ingest", tmp_path, "-o", target, *KIND)
    assert answer.code == 5
    assert "zeus.csv:2 throughput_rps: it is not stated here. Name the benchmark's own file" in answer.err
    assert "power_w" not in answer.err, "a window without requests makes no other row lack power"
    answer = call("profile", "ingest", tmp_path, "-o", target, *KIND, "--keep-going")
    assert answer.code == 0, answer.err
    assert len(read_profile(target)) == 1


def test_nothing_is_written_where_no_row_is_left(call: Call, tmp_path: Path) -> None:
    (tmp_path / "zeus.csv").write_bytes(FILES["zeus"][1])
    answer = call("profile", "ingest", tmp_path, "-o", tmp_path / "a.csv", *KIND, "--keep-going")
    assert answer.code == 5
    assert "no row is left" in answer.err
    assert not (tmp_path / "a.csv").exists()


def smi_log(clock_mhz: int = 1400) -> bytes:
    """Two GPUs at 450 W, once a second from 8 s before the run to 8 s after it."""
    lines = ["timestamp, index, power.draw [W], clocks.current.sm [MHz]"]
    for second in range(20, 57):
        lines += [f"2026/04/19 02:24:{second:02}.000, {gpu}, 450.00 W, {clock_mhz} MHz" for gpu in (0, 1)]
    return "\n".join(lines).encode()


def test_telemetry_supplies_power_and_evidence(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(as_json(CLEAN))
    (tmp_path / "smi.csv").write_bytes(smi_log())
    target = tmp_path / "profile.csv"
    command = ("profile", "ingest", tmp_path / "run.json", "-o", target, *KIND, "--telemetry", tmp_path / "smi.csv")
    answer = call(*command, "--zone", "UTC")
    assert answer.code == 0, answer.err
    assert read_profile(target).power_w.tolist() == pytest.approx([900.0])
    assert "clock_held: " in target.read_text()
    answer = call(*command, "--force")
    assert answer.code == 5, "local times without their zone"
    assert "telemetry-without-zone" in answer.err


def test_telemetry_among_the_measurements_is_not_said_to_be_left_out(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(as_json(CLEAN))
    (tmp_path / "smi.csv").write_bytes(smi_log())
    (tmp_path / "notes.txt").write_text("mine")
    command = ("profile", "ingest", tmp_path, "-o", tmp_path / "out" / "profile.csv", *KIND, "--zone", "UTC")
    answer = call(*command, "--telemetry", tmp_path / "smi.csv")
    assert answer.code == 0, answer.err
    assert "notes.txt: not a measurement" in answer.err
    assert "notes.txt and 1 more: not a measurement" in call(*command, "--force").err


def test_a_zeus_window_supplies_power(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(as_json(CLEAN))
    (tmp_path / "zeus.csv").write_bytes(FILES["zeus"][1])
    target = tmp_path / "profile.csv"
    answer = call("profile", "ingest", tmp_path, "-o", target, *KIND)
    assert answer.code == 0, answer.err
    assert read_profile(target).power_w.tolist() == [550.0]
    assert "power of " in answer.err


def test_a_run_whose_clock_was_not_held_is_left_out(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(as_json(CLEAN))
    (tmp_path / "smi.csv").write_bytes(smi_log(clock_mhz=1100))
    target = tmp_path / "profile.csv"
    command = ("profile", "ingest", tmp_path / "run.json", "-o", target, *KIND, "--telemetry", tmp_path / "smi.csv")
    answer = call(*command, "--zone", "UTC")
    assert answer.code == 5
    assert "left out for its evidence: " in answer.err
    assert "clock_held: " in answer.err
    answer = call(*command, "--zone", "UTC", "--keep-rejected")
    assert answer.code == 0, answer.err
    assert '"rejected"' in target.read_text()


def test_an_earlier_file_is_kept_unless_forced(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(as_json(CLEAN))
    target = tmp_path / "profile.csv"
    target.write_text("mine")
    command = ("profile", "ingest", tmp_path / "run.json", "-o", target, *KIND)
    assert call(*command).code == 5
    assert target.read_text() == "mine"
    assert call(*command, "--force").code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "nsys"), "nsys is no format"),
        (("--set", "tp"), "'tp' has no ="),
        (("--set", "tp=2", "--set", "tp=4"), "tp is set twice"),
        (("--set", "tensor=4"), "'tensor' cannot be set"),
        (("--zone", "Moon"), "Moon is no time zone"),
    ],
)
def test_wrong_usage(call: Call, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    (tmp_path / "run.json").write_bytes(as_json(CLEAN))
    answer = call("profile", "ingest", tmp_path / "run.json", "-o", tmp_path / "a.csv", *options)
    assert answer.code == 2
    assert words in answer.err


def test_formats_lists_the_readers(call: Call) -> None:
    assert "GuideLLM benchmarks.json" in call("formats").out
