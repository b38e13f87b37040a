"""`solve`: exit codes, what goes where, and nothing half written."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dynamo_plan import planner
from dynamo_plan.emit.run_folder import read_plan
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.verify import Finding
from tests.cli.conftest import WINDOWS, Call


def no_work(*_: object, **__: object) -> None:
    raise AssertionError("the planner must not be reached")


def changed_run(**changes: Any) -> Callable[..., planner.Run]:
    """A planner that solves, then changes fields of its answer; ``status`` is the plan's."""
    real = planner.plan_scenario

    def plan_scenario(*arguments: Any, **options: Any) -> planner.Run:
        made = real(*arguments, **options)
        status = changes.pop("status", made.plan.status)
        return replace(made, plan=replace(made.plan, status=status), **changes)

    return plan_scenario


def test_a_plan_gives_a_card_and_a_run_folder(call: Call, scenario: Path, tmp_path: Path) -> None:
    answer = call("solve", scenario, "-d", tmp_path / "run")
    assert answer.code == 0
    assert "first-plan" in answer.out
    assert "−" in answer.out
    assert "\x1b" not in answer.out
    assert answer.err == f"Wrote {tmp_path / 'run'}\n"
    plan = read_plan(tmp_path / "run")
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.windows == WINDOWS
    assert json.loads((tmp_path / "run/verification.json").read_text())["verified"] is True


def test_same_inputs_same_bytes(call: Call, scenario: Path, solved: Path, tmp_path: Path) -> None:
    assert call("solve", scenario, "-d", tmp_path / "again").code == 0
    assert (tmp_path / "again/plan.json").read_bytes() == (solved / "plan.json").read_bytes()


def test_the_resolved_scenario_gives_the_same_plan(call: Call, solved: Path, tmp_path: Path) -> None:
    assert call("solve", solved / "scenario.resolved.yaml", "-d", tmp_path / "again").code == 0
    again = read_plan(tmp_path / "again")
    assert replace(again, inputs=()) == replace(read_plan(solved), inputs=())


def test_json_is_the_summary_and_nothing_else(call: Call, scenario: Path, tmp_path: Path) -> None:
    answer = call("solve", scenario, "-d", tmp_path / "run", "-o", "json")
    assert json.loads(answer.out) == json.loads((tmp_path / "run/summary.json").read_text())
    phases = json.loads(answer.out)["phases_s"]
    assert phases.keys() == {"read", "assemble", "solve", "dispatch", "verify", "write"}
    assert all(seconds >= 0 for seconds in phases.values())


def test_yaml_is_the_summary(call: Call, scenario: Path, tmp_path: Path) -> None:
    answer = call("solve", scenario, "-d", tmp_path / "run", "-o", "yaml", "--quiet")
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert YAML(typ="safe", pure=True).load(answer.out) == summary
    assert answer.err == ""


def test_csv_is_the_schedule(call: Call, scenario: Path, tmp_path: Path) -> None:
    answer = call("solve", scenario, "-d", tmp_path / "run", "-o", "csv")
    assert answer.out == (tmp_path / "run/schedule.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    plan = read_plan(tmp_path / "run")
    assert sum(int(row["instances"]) for row in rows) == sum(group.instances for group in plan.groups)


def test_without_a_folder_it_takes_the_scenarios_name(
    call: Call, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("solve", scenario).code == 0
    assert (tmp_path / "runs/first-plan/plan.json").is_file()


def test_options_reach_the_resolved_scenario(call: Call, scenario: Path, tmp_path: Path) -> None:
    options = ("--set", "sites.caiso.pue=1.5", "--objective", "carbon", "--gap", "0.01", "--time-limit", "30")
    assert call("solve", scenario, "-d", tmp_path / "run", *options).code == 0
    resolved = YAML(typ="safe", pure=True).load((tmp_path / "run/scenario.resolved.yaml").read_text())
    assert resolved["sites"][0]["pue"] == 1.5
    assert resolved["objective"] == {"carbon": 1.0}
    assert resolved["solver"] == {"gap": 0.01, "time_limit_s": 30.0}
    plan = read_plan(tmp_path / "run")
    assert plan.certificate.objective == pytest.approx(plan.totals.carbon_kg)
    assert call("verify", tmp_path / "run").code == 0


@pytest.mark.slow
def test_save_lp_keeps_the_model(call: Call, scenario: Path, tmp_path: Path) -> None:
    assert call("solve", scenario, "-d", tmp_path / "run", "--save-lp", "--horizon", "60min").code == 0
    assert "Minimize" in (tmp_path / "run/model.lp").read_text()


@pytest.mark.slow
def test_compact_finds_the_same_value(call: Call, scenario: Path, solved: Path, tmp_path: Path) -> None:
    options = ("--method", "compact", "--gap", "1e-6", "--threads", "1", "--time-limit", "600")  # slow machines too
    assert call("solve", scenario, "-d", tmp_path / "run", *options).code == 0
    found, before = read_plan(tmp_path / "run").certificate, read_plan(solved).certificate
    assert found.method == "compact"
    assert found.objective == pytest.approx(before.objective, rel=1e-3)


def test_infeasible_is_3_with_a_diagnosis_and_a_marked_plan(call: Call, scenario: Path, tmp_path: Path) -> None:
    answer = call("solve", scenario, "-d", tmp_path / "run", "--set", "sites.caiso.gpus.h100.count=8")
    assert answer.code == 3
    assert "gpu_stock" in answer.err
    assert "infeasible" in answer.out
    plan = read_plan(tmp_path / "run")
    assert plan.status is PlanStatus.INFEASIBLE
    assert plan.violations
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["status"] == "infeasible"
    assert summary["diagnosis"]
    assert call("verify", tmp_path / "run").code == 0
    explained = call("explain", tmp_path / "run").out
    assert "Broken promises (times in UTC)\n  gpu_stock at caiso/h100: short by up to " in explained
    assert f"GPUs in all {WINDOWS} windows; with " in explained


def test_a_gap_above_target_is_4(call: Call, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "plan_scenario", changed_run(status=PlanStatus.FEASIBLE))
    assert call("solve", scenario, "-d", tmp_path / "run").code == 4
    assert read_plan(tmp_path / "run").status is PlanStatus.FEASIBLE


def test_bad_input_is_5_with_every_fault(call: Call, scenario: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    shutil.copytree(scenario.parent, folder)
    text = (folder / "scenario.yaml").read_text()
    (folder / "scenario.yaml").write_text(text.replace("pue: 1.2", "peu: 1.2").replace("version: 1", "version: 7"))
    answer = call("solve", folder / "scenario.yaml", "-d", tmp_path / "run")
    assert answer.code == 5
    assert answer.out == ""
    assert "peu" in answer.err
    assert "version" in answer.err
    assert "2 faults." in answer.err
    assert not (tmp_path / "run").exists()


def test_a_missing_scenario_is_5(call: Call, tmp_path: Path) -> None:
    answer = call("solve", tmp_path / "none.yaml", "-d", tmp_path / "run")
    assert answer.code == 5
    assert "none.yaml" in answer.err


def test_findings_are_6_and_nothing_is_written(
    call: Call, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Finding("energy", "caiso window 1", "facility energy [kWh]", 2.0, 3.0)
    monkeypatch.setattr(planner, "plan_scenario", changed_run(findings=(found,)))
    answer = call("solve", scenario, "-d", tmp_path / "run")
    assert answer.code == 6
    assert "caiso window 1: facility energy [kWh]: expected 2.0, found 3.0" in answer.err
    assert "rule energy" in answer.err
    assert answer.out == ""
    assert not (tmp_path / "run").exists()


def test_an_existing_run_is_refused_before_the_work(
    call: Call, scenario: Path, run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (run_copy / "summary.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(planner, "plan_scenario", no_work)
        answer = call("solve", scenario, "-d", run_copy)
    assert answer.code == 5
    assert "--force" in answer.err
    assert (run_copy / "summary.json").read_bytes() == before
    assert call("solve", scenario, "-d", run_copy, "--force").code == 0
    assert (run_copy / "summary.json").read_bytes() != before


def test_a_place_that_cannot_be_written_is_5(call: Call, scenario: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = call("solve", scenario, "-d", tmp_path / "file/run")
    assert answer.code == 5
    assert "cannot be written" in answer.err


@pytest.mark.parametrize(
    "options",
    [
        ("--set", "pue"),
        ("--set", "=1"),
        ("--method", "magic"),
        ("--gap", "small"),
        ("--gap", "-1"),
        ("--time-limit", "0"),
        ("--threads", "0"),
        ("--no-such-option",),
        ("another.yaml",),
    ],
)
def test_wrong_usage_is_2(call: Call, scenario: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    answer = call("solve", scenario, "-d", tmp_path / "run", *options)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err


@pytest.mark.parametrize("setting", ["sites.caiso.peu=1.1", "sites.caiso.pue=none", "solver.gap=2"])
def test_a_wrong_setting_is_5(call: Call, scenario: Path, tmp_path: Path, setting: str) -> None:
    answer = call("solve", scenario, "-d", tmp_path / "run", "--set", setting)
    assert answer.code == 5
    assert setting in answer.err


def test_ctrl_c_ends_a_solve_at_once_and_leaves_nothing(scenario: Path, tmp_path: Path) -> None:
    # The signal comes from within, so that it meets the solve and not the start of Python.
    script = f"""
import os, signal, sys
from dynamo_plan import planner
from dynamo_plan.cli import run

solve = planner._solve
def interrupted(*arguments):
    os.kill(os.getpid(), signal.SIGINT)
    return solve(*arguments)

planner._solve = interrupted
sys.exit(run(["solve", {str(scenario)!r}, "-d", {str(tmp_path / "run")!r}]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "Interrupted. Nothing was written: a run folder is whole or absent.\n"
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_pool_that_is_empty_for_a_while_verifies(call: Call, scenario: Path, tmp_path: Path) -> None:
    # A mixed pool that keeps an instance up in a window without load: its idle power depends on the mix that is assumed.
    folder = tmp_path / "quiet"
    shutil.copytree(scenario.parent, folder)
    load = folder / "load-chat.csv"
    with load.open() as file:
        rows = list(csv.DictReader(file))
    middle = sorted({row["window_start"] for row in rows})[1]
    for row in rows:
        if row["window_start"] == middle:
            row |= {"rate_rps": "0", "rate_p95_rps": "0"}
    with load.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    mixed = ("--set", "services.chat.min_instances=1")
    assert call("solve", folder / "scenario.yaml", "-d", tmp_path / "run", *mixed).code == 0
    plan = read_plan(tmp_path / "run")
    assert any(len(pool.buckets) > 1 for pool in plan.pools)
    assert {group.rate_rps for group in plan.groups if group.window == 1} == {0.0}
    assert call("verify", tmp_path / "run").code == 0


def test_an_interrupt_is_130_and_nothing_is_written(
    call: Call, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(planner, "plan_scenario", interrupted)
    answer = call("solve", scenario, "-d", tmp_path / "run")
    assert answer.code == 130
    assert "Nothing was written" in answer.err
    assert list(tmp_path.iterdir()) == []
