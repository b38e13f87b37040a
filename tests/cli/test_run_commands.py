"""Commands that read a run folder: verify, emit, explain."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import WINDOWS, Call


def edit_plan(run_folder: Path, change: str) -> None:
    path = run_folder / "plan.json"
    plan: dict[str, Any] = json.loads(path.read_text())
    if change == "one instance fewer":
        plan["groups"][0]["instances"] += 1
    elif change == "energy":
        plan["sites"][0]["energy_kwh"][0] *= 1.01
    path.write_text(json.dumps(plan))


def test_a_solved_plan_verifies(call: Call, solved: Path) -> None:
    answer = call("verify", solved, "-o", "csv")
    assert answer.code == 0
    assert answer.err == f"{solved}: verified.\n"
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert {row["result"] for row in rows} == {"holds"}
    assert {"run_files", "inputs", "energy", "reserve"} <= {row["rule"] for row in rows}


@pytest.mark.parametrize(("change", "rule"), [("one instance fewer", "served_demand"), ("energy", "energy")])
def test_an_edited_plan_is_6_with_the_rule(call: Call, run_copy: Path, change: str, rule: str) -> None:
    edit_plan(run_copy, change)
    answer = call("verify", run_copy, "-o", "json")
    assert answer.code == 6
    broken = {finding["rule"] for finding in json.loads(answer.out)["findings"]}
    assert {"run_files", rule} <= broken
    assert json.loads((run_copy / "verification.json").read_text()) == json.loads(answer.out)


def test_a_changed_input_is_6(call: Call, run_copy: Path) -> None:
    grid = next(run_copy.parents[1].glob("scenario*/small/grid.csv"))
    lines = grid.read_text().splitlines()
    start, price, carbon = lines[1].split(",")
    lines[1] = f"{start},{float(price) + 1},{carbon}"
    grid.write_text("\n".join(lines) + "\n")
    answer = call("verify", run_copy)
    assert answer.code == 6
    assert "inputs: grid:caiso grid.csv" in answer.err
    assert call("emit", run_copy, "-d", run_copy.parent / "out").code == 6


def test_a_relaxed_scenario_in_the_run_folder_is_6(call: Call, run_copy: Path) -> None:
    path = run_copy / "scenario.resolved.yaml"
    path.write_text(path.read_text().replace("tbt_p99_ms: 100.0", "tbt_p99_ms: 500.0"))
    answer = call("verify", run_copy)
    assert answer.code == 6
    assert "run_files: scenario.resolved.yaml" in answer.err


def test_missing_inputs_are_5(call: Call, run_copy: Path) -> None:
    next(run_copy.parents[1].glob("scenario*/small/grid.csv")).unlink()
    answer = call("verify", run_copy)
    assert answer.code == 5
    assert "grid.csv" in answer.err


def test_a_repaired_folder_verifies_again(call: Call, run_copy: Path) -> None:
    whole = (run_copy / "plan.json").read_bytes()
    edit_plan(run_copy, "energy")
    assert call("verify", run_copy).code == 6
    assert call("emit", run_copy, "-d", run_copy.parent / "out").code == 6
    (run_copy / "plan.json").write_bytes(whole)
    assert call("verify", run_copy).code == 0
    assert call("emit", run_copy, "-d", run_copy.parent / "out").code == 0


def test_emit_writes_one_file_per_window(call: Call, solved: Path, tmp_path: Path) -> None:
    answer = call("emit", solved, "--target", "files", "-d", tmp_path / "out")
    assert answer.code == 0
    assert len(list((tmp_path / "out").glob("*.yaml"))) == WINDOWS
    assert call("emit", solved, "-d", tmp_path / "out").code == 5
    assert call("emit", solved, "-d", tmp_path / "out", "--force").code == 0
    assert call("emit", solved, "-d", tmp_path / "other", "--target", "slrum").code == 2


def test_explain_tells_what_was_assumed_and_left_out(call: Call, solved: Path) -> None:
    answer = call("explain", solved)
    assert answer.code == 0
    for title in ("What binds", "Assumed", "Left out", "Compared with"):
        assert f"\n{title}" in answer.out
    assert "power_cap: no site states power_cap_kw" in answer.out
    assert "\n  reserve at chat/" in answer.out
    assert ": no instance to spare in " in answer.out


def test_explain_says_what_it_could_not_examine(call: Call, run_copy: Path) -> None:
    load = next(run_copy.parents[1].glob("scenario*/small/load-chat.csv"))
    whole = load.read_text()
    load.write_text(whole.replace("chat,SS,", "chat,SS,1", 1))
    changed = call("explain", run_copy)
    assert changed.code == 0
    assert "reserve: not examined, because inputs have changed since the plan was made: forecast:chat\n" in changed.out
    load.unlink()
    missing = call("explain", run_copy)
    assert missing.code == 0
    assert "reserve: not examined, because an input cannot be read again: " in missing.out
    assert "reserve at" not in missing.out
    assert (
        "Runners-up: other kinds of instances\n  not examined, because an input cannot be read again: " in missing.out
    )
    record = json.loads(call("explain", run_copy, "-o", "json").out)
    assert record["not_examined"].startswith("because an input cannot be read again: ")
    assert record["runners_up"] == []


def test_explain_names_a_limit_that_binds(call: Call, scenario: Path, tmp_path: Path) -> None:
    gpus = ("--set", "sites.caiso.gpus.h100.count=24")
    assert call("solve", scenario, "-d", tmp_path / "run", *gpus).code == 0
    answer = call("explain", tmp_path / "run", "gpu_stock")
    assert f"gpu_stock at caiso/h100: all 24 GPUs powered in 1 of {WINDOWS} windows" in answer.out
    assert "gpu_stock (constraint)" in answer.out


def test_explain_shows_runners_up(call: Call, solved: Path) -> None:
    answer = call("explain", solved)
    assert "\nWhat one more would save (times in UTC)\n  nothing: " in answer.out
    assert "\nRunners-up: other kinds of instances\n  chat/" in answer.out
    assert "; only h100-tp2-bf16 " in answer.out
    assert "chat, one kind for all pools: only " in answer.out


def test_explain_for_scripts(call: Call, solved: Path) -> None:
    record = json.loads(call("explain", solved, "power_cap", "-o", "json").out)
    assert (record["status"], record["objective_unit"], record["not_examined"]) == ("optimal", "kWh", None)
    assert {one["constraint"] for one in record["binding"]} >= {"reserve"}
    assert record["pages"]["power_cap"].startswith("power_cap (constraint)")
    regrets = [one["regret"] for one in record["runners_up"] if one["regret"] is not None]
    assert min(regrets) >= 0 < max(regrets)
    rows = list(csv.DictReader(io.StringIO(call("explain", solved, "-o", "csv").out)))
    assert {row["finding"] for row in rows} == {"binding", "runner-up"}
    assert [float(row["value"]) for row in rows if row["finding"] == "runner-up" and row["value"]] == regrets
    starts = {row["window_start"] for row in csv.DictReader(io.StringIO((solved / "schedule.csv").read_text()))}
    assert {row["window_start"] for row in rows if row["finding"] == "binding"} <= starts
    assert "\nrunners_up:\n" in call("explain", solved, "-o", "yaml").out


def test_explain_shows_what_one_more_would_save(call: Call, run_copy: Path) -> None:
    """The wording of a plan with prices; whether prices are right is asked of the solver."""
    path = run_copy / "plan.json"
    plan: dict[str, Any] = json.loads(path.read_text())
    assert plan["shadow_prices"] == []
    stock = {"constraint": "gpu_stock", "where": "caiso/h100", "unit": "GPU", "windows": [1], "saving": [1.9]}
    start = stock | {"constraint": "start_limit", "where": "caiso", "unit": "start", "saving": [0.2]}
    path.write_text(json.dumps(plan | {"shadow_prices": [start, stock]}))
    found = call("explain", run_copy)
    head, _, after = found.out.partition("\n  gpu_stock at caiso/h100: one more GPU would save up to 1.90 kWh at ")
    assert head.endswith("\nWhat one more would save (times in UTC)")
    assert "\n  start_limit at caiso: one more start would save up to 0.2000 kWh at " in after
    rows = list(csv.DictReader(io.StringIO(call("explain", run_copy, "-o", "csv").out)))
    assert [(row["subject"], row["value"], row["unit"]) for row in rows if row["finding"] == "shadow price"] == [
        ("start_limit", "0.2", "kWh/start"),
        ("gpu_stock", "1.9", "kWh/GPU"),
    ]
    plan["omissions"].append({"piece": "shadow prices", "reason": "no time"})
    path.write_text(json.dumps(plan))
    assert "\nWhat one more would save (times in UTC)\n  not known: no time\n" in call("explain", run_copy).out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("power_cap", "Facility power stays under the site's cap"),
        ("energy", "(cost)"),
        ("inputs", "(verifier rule)"),
        ("profile-power", "Every value is above 0"),
        ("run-folder-missing", "A run folder is what"),
    ],
)
def test_explain_shows_a_page(call: Call, name: str, text: str) -> None:
    answer = call("explain", name)
    assert answer.code == 0
    assert text in answer.out
    assert text in json.loads(call("explain", name, "-o", "json").out)["page"]
    (row,) = csv.DictReader(io.StringIO(call("explain", name, "-o", "csv").out))
    assert row["name"] == name


def test_explain_knows_what_was_meant(call: Call) -> None:
    answer = call("explain", "gpu_stok")
    assert answer.code == 2
    assert answer.err.endswith("Did you mean gpu_stock? [page-unknown]\n")


@pytest.mark.parametrize("name", ["reserv", "no-such-code", "runs/none"])
def test_explain_of_nothing_says_what_there_is(call: Call, name: str) -> None:
    answer = call("explain", name)
    assert answer.code in (2, 5)
    assert "reserve" in answer.err or "no plan.json" in answer.err
