"""Which runs a sweep has, what identifies them, what is kept of them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from dynamo_plan.emit.sweep_folder import keep_outcome, open_study, study_columns
from dynamo_plan.errors import InputError
from dynamo_plan.ingest import read_inputs
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.sweep_yaml import check_changes, read_sweep
from dynamo_plan.schema.sweep import Outcome, SweepSpec
from dynamo_plan.whatif.changes import overrides_of
from dynamo_plan.whatif.page import study_page
from dynamo_plan.whatif.study import FAILED, RunTask, changes_of, changes_to_check, run_task, slo_slack, tasks_of
from tests.emit.sample import sample_plan

GRID = SweepSpec(
    version=1, scenario="s.yaml", grid={"pue": [1.1, 1.2], "demand": [1, 2]}, cases=[{"stock": 8}, {"pue": 1.1}, {}]
)


def test_runs_of_a_sweep() -> None:
    assert changes_of(GRID) == [
        {},
        {"pue": 1.1, "demand": 1},
        {"pue": 1.1, "demand": 2},
        {"pue": 1.2, "demand": 1},
        {"pue": 1.2, "demand": 2},
        {"stock": 8},
        {"pue": 1.1},
    ]
    assert {"pue": 1.2} in changes_to_check(GRID)


def test_ids_follow_from_change_inputs_and_program(root: Path, tmp_path: Path) -> None:
    scenario = root / "examples/first-plan/scenario.yaml"
    base = read_inputs(scenario)

    def ids(program: str, other_inputs: bool = False) -> list[str]:
        used = read_inputs(scenario, [("sites.0.pue", "1.3")]) if other_inputs else base
        return [task.run_id for task in tasks_of(changes_of(GRID), used, scenario, tmp_path, program)]

    assert ids("1") == ids("1")
    assert len(set(ids("1"))) == 7
    assert not set(ids("1")) & set(ids("2"))
    for text in ("a", "b"):
        (tmp_path / "g.csv").write_text(text)
        (task,) = tasks_of([{"grid_file": "g.csv"}], base, scenario, tmp_path, "1")
        (tmp_path / f"id-{text}").write_text(task.run_id)
    assert (tmp_path / "id-a").read_text() != (tmp_path / "id-b").read_text()


def test_a_run_that_fails_says_why() -> None:
    found = run_task(RunTask("id", "gone.yaml", {"pue": 2}, ()))
    assert (found.run_id, found.status) == ("id", FAILED)
    assert "gone.yaml" in found.error
    assert math.isnan(found.energy_kwh)


def test_slack_is_what_is_left_of_the_capacity() -> None:
    groups = sample_plan().groups
    used = sum(group.instances * group.kind.gpus * group.utilisation for group in groups)
    assert slo_slack(sample_plan()) == pytest.approx(1 - used / (4 + 2 + 8 + 6 + 2 + 16 + 16))


def test_a_study_goes_on_where_it_was(tmp_path: Path) -> None:
    ids, done = ["a", "b"], Outcome("a", {"pue": 1.1}, "optimal", energy_kwh=1.5)
    assert open_study(tmp_path / "s", ids, force=False) == {}
    keep_outcome(tmp_path / "s", done)
    (tmp_path / "s" / "runs" / "b.json").write_text('{"run_id": "b", "cha', encoding="utf-8")  # torn by hand
    found = open_study(tmp_path / "s", ids, force=False)
    assert list(found) == ["a"]
    assert (found["a"].change, found["a"].energy_kwh) == ({"pue": 1.1}, 1.5)
    assert math.isnan(found["a"].cost_usd)


def test_another_study_is_replaced_only_when_forced(tmp_path: Path) -> None:
    open_study(tmp_path / "s", ["a"], force=False)
    keep_outcome(tmp_path / "s", Outcome("a", {}, "optimal"))
    with pytest.raises(InputError, match="another study"):
        open_study(tmp_path / "s", ["b"], force=False)
    assert open_study(tmp_path / "s", ["b"], force=True) == {}
    assert list((tmp_path / "s" / "runs").iterdir()) == []


def test_a_folder_of_others_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    for force in (False, True):
        with pytest.raises(InputError, match=r"holds no sweep\.json"):
            open_study(tmp_path, ["a"], force=force)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "x"


def test_columns_of_the_table() -> None:
    outcomes = [Outcome("a", {}, "optimal", energy_kwh=1.0), Outcome("b", {"pue": 1.4, "x": [1]}, FAILED, error="=1+1")]
    columns = study_columns(outcomes, {"a": True, "b": False})
    assert columns["name"] == ["base", "pue 1.4, x [1]"]
    assert columns["change.pue"] == [None, 1.4]
    assert columns["change.x"] == [None, "[1]"]
    assert columns["energy_kwh"] == [1.0, None]
    assert columns["pareto"] == [True, False]
    assert columns["error"] == [None, "=1+1"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("version: 1\nscenario: s.yaml\n", "scenario-value"),
        ("version: 1\nscenario: s.yaml\ngrid: {pue: []}\n", "scenario-value"),
        ("version: 1\nscenario: s.yaml\ngird: {pue: [1]}\n", "scenario-unknown-key"),
        ("version: 2\nscenario: s.yaml\ngrid: {pue: [1]}\n", "scenario-version"),
        ("version: 1\ngrid: {pue: [1]}\n", "scenario-missing-key"),
    ],
)
def test_faulty_sweeps(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "sweep.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_sweep(tmp_path / "sweep.yaml")
    assert code in [fault.code for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [("sites.caiso.puee", 1.1, "override-key"), ("pue", 0.5, "scenario-value"), ("demnd", 1, "override-key")],
)
def test_changes_that_cannot_be(root: Path, key: str, value: float, code: str) -> None:
    scenario, faults = root / "examples/first-plan/scenario.yaml", Faults()
    base = read_inputs(scenario).scenario
    check_changes(scenario, [{key: value}], lambda change: overrides_of(change, base, Path()), "sweep.yaml", faults)
    assert [fault.code for fault in faults] == [code]
    assert next(iter(faults)).where == f"sweep.yaml {key}: {value}"


def test_a_page_of_a_study() -> None:
    nan = Outcome("f", {"stock": 1}, FAILED, error="<b>why</b>")
    runs = [
        Outcome(f"{x}", {"pue": x} if x else {}, "optimal", x, 0, x, x, x, x, x, x, x, 0.1) for x in (0.0, 1.0, 2.0)
    ]
    page = study_page("sweep", [*runs, nan], {})
    assert [section.title for section in page.sections] == [
        "Overview",
        "Sensitivity",
        "Fronts",
        "All runs",
        "Runs that failed",
    ]
    assert page.sections[1].charts[0].title == "What moves energy"
    assert page.sections[2].tables[0].rows == (("base", 0.0, 0.0, 0.0, 0.0, 0.1),)
    only_failed = study_page("sweep", [nan], {})
    assert only_failed.sections[1].charts == ()
