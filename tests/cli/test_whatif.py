"""`dynamo-plan whatif` as a user calls it: goes on after a kill, and gives the same table wherever it runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Call

SWEEP = """version: 1
scenario: {scenario}
grid: {{demand: [0.5, 1.0], pue: [1.1, 1.4]}}
cases:
  - {{gpu_price_usd_per_h: 4.0}}
  - {{services.chat.frequencies_mhz: [99]}}
"""
RUNS = 7
MOST_SECONDS = 120


@pytest.fixture
def sweep(scenario: Path, tmp_path: Path) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP.format(scenario=json.dumps(str(scenario))), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_study_gives_a_table_and_a_page(call: Call, sweep: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    done = call("whatif", sweep, "-d", folder, "--workers", 1)
    assert (done.code, done.out) == (0, "")
    assert f"{RUNS} of {RUNS} runs done" in done.err
    assert f"1 of {RUNS} runs failed" in done.err
    table = (folder / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 1 + RUNS
    assert [line.split(",")[1] for line in table[1:2]] == ["base"]
    assert "What moves energy" in (folder / "whatif.html").read_text(encoding="utf-8")
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()}
    again = call("whatif", sweep, "-d", folder)
    assert again.code == 0
    assert f"{RUNS} of {RUNS} runs are there already" in again.err
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()} == before
    sweep.write_text(sweep.read_text(encoding="utf-8").replace("4.0", "5.0"), encoding="utf-8")
    other = call("whatif", sweep, "-d", folder)
    assert other.code == 5
    assert "[output-exists]" in other.err


@pytest.mark.slow
def test_killed_in_the_middle_nothing_is_lost_and_nothing_done_twice(sweep: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    command = [sys.executable, "-m", "dynamo_plan", "whatif", str(sweep), "-d", str(folder), "--workers", "1"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    until = time.monotonic() + MOST_SECONDS
    while len(list(folder.glob("runs/*.json"))) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = {path.name: path.read_bytes() for path in folder.glob("runs/*.json")}
    assert 2 <= len(kept) < RUNS
    assert not (folder / "results.csv").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert f"{len(kept)} of {RUNS} runs are there already" in done.stderr
    assert f"{RUNS - len(kept)} of {RUNS - len(kept)} runs done" in done.stderr
    files = {path.name: path.read_bytes() for path in folder.glob("runs/*.json")}
    assert len(files) == RUNS
    assert {name: files[name] for name in kept} == kept
    assert len((folder / "results.csv").read_text(encoding="utf-8").splitlines()) == 1 + RUNS


@pytest.mark.slow
def test_every_engine_gives_the_same_table(sweep: Path, tmp_path: Path) -> None:
    tables = {}
    sweep.write_text(
        sweep.read_text(encoding="utf-8").replace("[0.5, 1.0], pue: [1.1, 1.4]", "[0.5]"), encoding="utf-8"
    )
    for engine in ("local", "ray", "dask"):
        folder = tmp_path / engine
        command = [sys.executable, "-m", "dynamo_plan", "whatif", str(sweep), "-d", str(folder), "--engine", engine]
        done = subprocess.run([*command, "--workers", "2"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        tables[engine] = (folder / "results.csv").read_bytes(), (folder / "results.parquet").read_bytes()
    assert tables["ray"] == tables["local"]
    assert tables["dask"] == tables["local"]


def test_every_impossible_change_is_named_before_any_run(call: Call, scenario: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep.yaml"
    text = f"version: 1\nscenario: {scenario}\ngrid: {{pue: [1.1, 0.5], site.pue: [1], puee: [1, 2]}}\ncases: [{{demand: 0}}]\n"
    sweep.write_text(text, encoding="utf-8")
    done = call("whatif", sweep, "-d", tmp_path / "study")
    assert done.code == 5
    assert f"{sweep} pue: 0.5: 0.5 does not fit. pue must be 1 or more." in done.err
    assert f"{sweep} site.pue: 1: there is no key 'site'" in done.err
    assert f"{sweep} puee: there is no key 'puee'" in done.err
    assert "Did you mean pue?" in done.err
    assert "demand is a number above 0" in done.err
    assert "4 faults." in done.err
    assert not (tmp_path / "study").exists()


def test_a_cluster_that_does_not_answer_is_said_plainly(call: Call, sweep: Path, tmp_path: Path) -> None:
    done = call("whatif", sweep, "-d", tmp_path / "study", "--engine", "dask", "--address", "tcp://127.0.0.1:9")
    assert done.code == 5
    assert "cannot be reached" in done.err
