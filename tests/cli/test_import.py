"""`import melange`: from a case to a verified least-cost plan, and what a faulty case says."""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.ingest import read_inputs
from dynamo_plan.solve.routing import solve_routed
from tests.cli.conftest import Call
from tests.melange_cases import CASES, Known

AGREEMENT = 1e-6
MOST_SECONDS = 1.0
"""To build and solve a case takes 0.03 s; a busy machine is forgiven, a lost order of magnitude is not."""

EVERY_CASE = pytest.mark.parametrize("known", CASES, ids=[known.name for known in CASES])


@EVERY_CASE
def test_a_case_reaches_its_proven_least_cost(known: Known, tmp_path: Path, call: Call) -> None:
    folder, run_folder = tmp_path / "scenario", tmp_path / "run"
    assert call("import", "melange", known.write(tmp_path), "-d", folder).code == 0
    answer = call("solve", folder / "scenario.yaml", "-d", run_folder, "-o", "json")
    assert answer.code == 0
    summary = json.loads(answer.out)
    assert summary["status"] == "optimal"
    assert summary["cost_usd"] <= known.least_usd * (1 + AGREEMENT)
    assert summary["gap"] <= AGREEMENT
    assert (summary["energy_kwh"], summary["windows"]) == (0.0, 1)
    with (run_folder / "schedule.csv").open() as file:
        rows = list(csv.DictReader(file))
    gpus: Counter[str] = Counter()
    for row in rows:
        gpus[row["gpu"]] += int(row["gpus"])
        assert (row["frequency_mhz"], row["power_limit_w"]) == ("", "")
    assert gpus == known.gpus
    assert call("verify", run_folder).code == 0


@EVERY_CASE
def test_a_case_is_built_and_solved_at_once(known: Known, tmp_path: Path, call: Call) -> None:
    assert call("import", "melange", known.write(tmp_path), "-d", tmp_path / "scenario").code == 0
    problem = assemble(read_inputs(tmp_path / "scenario" / "scenario.yaml"))
    solve_routed(problem, [])  # the solver's library is loaded once
    begin = time.perf_counter()
    found = solve_routed(problem, [])
    assert time.perf_counter() - begin < MOST_SECONDS
    assert found.solution.objective == pytest.approx(known.least_usd, rel=AGREEMENT)
    assert found.solution.bound == pytest.approx(known.least_usd, rel=AGREEMENT)


@EVERY_CASE
def test_a_published_file_reaches_it_too(
    known: Known, raw_data: Callable[[str], Path], tmp_path: Path, call: Call
) -> None:
    case = raw_data("../cases/melange") / f"{known.name}.json"
    assert call("import", "melange", case, "-d", tmp_path / "scenario").code == 0
    answer = call("solve", tmp_path / "scenario" / "scenario.yaml", "-d", tmp_path / "run", "-o", "json")
    assert answer.code == 0
    assert json.loads(answer.out)["cost_usd"] <= known.least_usd * (1 + AGREEMENT)


def test_what_was_assumed_and_not_used_is_said(tmp_path: Path, call: Call) -> None:
    case = CASES[0].write(tmp_path)
    answer = call("import", "melange", case, "-d", tmp_path / "a", "--model", "llama-2-7b", "--provenance", "measured")
    assert answer.code == 0
    assert answer.out == ""
    assert "Not used: slice_factor" in answer.err
    assert "model llama-2-7b, number format fp16, provenance measured" in answer.err
    assert "llama-2-7b,1,1,fp16,,A100" in (tmp_path / "a" / "profile.csv").read_text()


def test_everything_there_is_to_see_can_be_seen(tmp_path: Path, call: Call) -> None:
    """No command trips over a plan without powers, clocks and latencies."""
    folder, run_folder = tmp_path / "scenario", tmp_path / "run"
    assert call("import", "melange", CASES[3].write(tmp_path), "-d", folder).code == 0
    card = call("solve", folder / "scenario.yaml", "-d", run_folder)
    assert card.code == 0
    assert "profile rows without powers" in card.out
    assert "0 MHz" not in card.out
    explained = call("explain", run_folder)
    assert explained.code == 0
    assert "a router knows the bucket of every request" in explained.out
    assert call("emit", run_folder, "--target", "files", "-d", tmp_path / "out").code == 0
    (window,) = (tmp_path / "out").glob("*.yaml")
    assert "bucket_rates_rps_each" in window.read_text()
    assert "power_limit_w: null" in window.read_text()
    shown = call("profile", "show", folder / "profile.csv", "--scenario", folder / "scenario.yaml", "-o", "csv")
    assert shown.code == 0
    assert shown.out.splitlines()[1].startswith("aibrix_a100v1_uniform_r80_c1,AA,A100-tp1-fp16,,62.4")
    assert call("profile", "check", folder / "profile.csv").code == 0


def test_a_faulty_case_writes_nothing(tmp_path: Path, call: Call) -> None:
    (tmp_path / "case.json").write_text('{"gpu_info": {}}')
    answer = call("import", "melange", tmp_path / "case.json", "-d", tmp_path / "out")
    assert answer.code == 5
    assert "[melange-missing-key]" in answer.err
    assert "[melange-value]" in answer.err
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_unasked(tmp_path: Path, call: Call) -> None:
    case = CASES[0].write(tmp_path)
    assert call("import", "melange", case, "-d", tmp_path / "out").code == 0
    assert call("import", "melange", case, "-d", tmp_path / "out").code == 5
    assert call("import", "melange", case, "-d", tmp_path / "out", "--force").code == 0


@pytest.mark.parametrize(("option", "value"), [("--dtype", "fp17"), ("--provenance", "guessed")])
def test_options_take_known_words(option: str, value: str, tmp_path: Path, call: Call) -> None:
    answer = call("import", "melange", CASES[0].write(tmp_path), "-d", tmp_path / "out", option, value)
    assert answer.code == 2
    assert "[import-option]" in answer.err
