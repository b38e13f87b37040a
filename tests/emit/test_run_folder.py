"""The run folder is whole or absent, reads back as written, and notices edits."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dynamo_plan.emit import run_folder
from dynamo_plan.emit.run_folder import (
    changed_files,
    plan_from_json,
    plan_json,
    read_plan,
    read_run_scenario,
    read_summary,
    read_trusted_plan,
    write_run,
    write_verification,
)
from dynamo_plan.errors import ExitCode, InputError, VerificationError
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group
from tests.emit.sample import sample_plan, sample_record, sample_scenario

FILES = {
    "plan.json",
    "schedule.parquet",
    "schedule.csv",
    "summary.json",
    "scenario.resolved.yaml",
    "inputs.json",
    "solver.log",
    "verification.json",
}
FINITE = st.floats(allow_nan=False, allow_infinity=False)
KINDS = st.builds(Kind, st.text(), st.integers(1, 8), st.integers(1, 4), st.text())
RANDOM_GROUPS = st.lists(
    st.builds(Group, st.integers(0, 9), st.text(), KINDS, st.integers(1, 99), FINITE, FINITE, FINITE, FINITE)
)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_run_folder_holds_what_the_contract_says(tmp_path: Path) -> None:
    summary = write_run(tmp_path / "run", sample_record(tmp_path))
    assert names(tmp_path) == {"run"}
    assert names(tmp_path / "run") == FILES
    assert read_plan(tmp_path / "run") == sample_plan()
    assert read_summary(tmp_path / "run") == summary
    assert summary.phases_s.keys() == {"read", "assemble", "solve", "dispatch", "verify", "write"}
    assert json.loads((tmp_path / "run/verification.json").read_text()) == {
        "version": 1,
        "verified": True,
        "findings": [],
    }


@given(RANDOM_GROUPS)
def test_writing_and_reading_a_plan_is_identity(groups: list[Group]) -> None:
    plan = replace(sample_plan(), groups=tuple(groups))
    assert plan_from_json(plan_json(plan), "plan.json") == plan


def test_an_unproven_bound_survives() -> None:
    plan = sample_plan()
    unproven = replace(plan, certificate=replace(plan.certificate, best_bound=float("-inf"), gap=float("inf")))
    assert plan_from_json(plan_json(unproven), "plan.json") == unproven


def test_equal_plans_are_equal_bytes_wherever_they_are_written(tmp_path: Path) -> None:
    write_run(tmp_path / "a", sample_record(tmp_path))
    write_run(tmp_path / "deep/er/b", sample_record(tmp_path / "elsewhere"))
    assert (tmp_path / "a/plan.json").read_bytes() == (tmp_path / "deep/er/b/plan.json").read_bytes()


def test_the_resolved_scenario_names_the_same_files_from_the_run_folder(tmp_path: Path) -> None:
    run = tmp_path / "runs/today"
    write_run(run, sample_record(tmp_path / "scenarios"))
    service = read_run_scenario(run).services[0]
    assert (run / service.profile).resolve() == tmp_path / "scenarios/profiles/p.csv"
    assert (run / (service.mixing or "")).resolve() == tmp_path / "scenarios/profiles/mixing.csv"
    assert (run / read_run_scenario(run).sites[0].grid).resolve() == tmp_path / "scenarios/grid.csv"
    listed = json.loads((run / "inputs.json").read_text())["inputs"]
    assert [(run / entry["path"]).resolve() for entry in listed] == [
        tmp_path / "scenarios/scenario.yaml",
        tmp_path / "scenarios/profiles/p.csv",
    ]
    assert listed[1] | {"path": ""} == {"role": "profile:chat", "path": "", "size_bytes": 20, "sha256": "1" * 64}


def test_the_resolved_scenario_spells_out_every_default(tmp_path: Path) -> None:
    write_run(tmp_path / "run", sample_record(tmp_path))
    written = YAML(typ="safe", pure=True).load((tmp_path / "run/scenario.resolved.yaml").read_text())
    assert written["services"][0]["reserve_quantile"] == 0.95
    assert written["solver"] == {"gap": 1e-3, "time_limit_s": 60.0}
    there = read_run_scenario(tmp_path / "run")
    assert there.sites == [sample_scenario().sites[0].model_copy(update={"grid": "../grid.csv"})]


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    record = sample_record(tmp_path)
    site = record.scenario.sites[0].model_copy(update={"grid": str(tmp_path / "grid.csv")})
    scenario = record.scenario.model_copy(update={"sites": [site]})
    write_run(tmp_path / "run", replace(record, scenario=scenario))
    assert read_run_scenario(tmp_path / "run").sites[0].grid == str(tmp_path / "grid.csv")


def test_the_model_comes_along_if_asked_for(tmp_path: Path) -> None:
    (tmp_path / "model.lp").write_text("Minimize\n")
    write_run(tmp_path / "run", replace(sample_record(tmp_path), model_lp=tmp_path / "model.lp"))
    assert (tmp_path / "run/model.lp").read_text() == "Minimize\n"


def test_an_earlier_run_is_replaced_only_by_force(tmp_path: Path) -> None:
    write_run(tmp_path / "run", sample_record(tmp_path))
    (tmp_path / "run/approval.json").write_text("{}")
    with pytest.raises(InputError, match="--force") as refused:
        write_run(tmp_path / "run", sample_record(tmp_path))
    assert refused.value.exit_code == ExitCode.BAD_INPUT
    other = replace(sample_plan(), name="other")
    write_run(tmp_path / "run", sample_record(tmp_path, other), force=True)
    assert read_plan(tmp_path / "run") == other
    assert names(tmp_path / "run") == FILES
    assert names(tmp_path) == {"run"}


def test_force_never_replaces_what_is_not_a_run_folder(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="did not write it"):
        write_run(tmp_path / "home", sample_record(tmp_path), force=True)
    with pytest.raises(InputError, match="this is a file"):
        write_run(tmp_path / "home/thesis.tex", sample_record(tmp_path), force=True)
    assert (tmp_path / "home/thesis.tex").read_text() == "years of work"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write_run(tmp_path / "run", sample_record(tmp_path))
    assert names(tmp_path / "run") == FILES


def disk_full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("failure", "seen"), [(disk_full, InputError), (interrupted, KeyboardInterrupt)])
@pytest.mark.parametrize("step", ["write_parquet", "write_csv", "summarise"])
def test_a_failure_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, failure: Callable[..., None], seen: type[BaseException]
) -> None:
    monkeypatch.setattr(run_folder, step, failure)
    with pytest.raises(seen):
        write_run(tmp_path / "run", sample_record(tmp_path))
    assert names(tmp_path) == set()


def test_a_failure_in_the_middle_keeps_the_earlier_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run", sample_record(tmp_path))
    monkeypatch.setattr(run_folder, "write_csv", disk_full)
    with pytest.raises(InputError, match="No space left on device"):
        write_run(tmp_path / "run", sample_record(tmp_path, replace(sample_plan(), name="other")), force=True)
    assert names(tmp_path) == {"run"}
    assert read_plan(tmp_path / "run") == sample_plan()


def test_a_failing_rename_puts_the_earlier_run_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run", sample_record(tmp_path))
    rename = Path.rename

    def refuse_draft(self: Path, target: Path) -> Path:
        if self.name.endswith(".draft"):
            raise OSError(errno.EACCES, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_draft)
    with pytest.raises(InputError, match="Permission denied"):
        write_run(tmp_path / "run", sample_record(tmp_path, replace(sample_plan(), name="other")), force=True)
    assert names(tmp_path) == {"run"}
    assert read_plan(tmp_path / "run") == sample_plan()


def test_no_run_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no plan\.json here"):
        read_plan(tmp_path / "nowhere")


def test_a_half_copied_folder_names_every_missing_file(tmp_path: Path) -> None:
    write_run(tmp_path / "run", sample_record(tmp_path))
    for name in ("schedule.csv", "inputs.json"):
        (tmp_path / "run" / name).unlink()
    with pytest.raises(InputError) as caught:
        read_plan(tmp_path / "run")
    assert [Path(fault.where).name for fault in caught.value.faults] == ["schedule.csv", "inputs.json"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text[:100], "EOF"),
        (lambda text: text.replace('"instances": 2', '"instances": "two"', 1), r"plan.json groups\.0\.instances"),
        (lambda text: text.replace('"version": 1', '"version": 99', 1), "99 is not known here"),
        (lambda text: text.replace('"status": "optimal"', '"status": "splendid"', 1), "status"),
    ],
)
def test_a_plan_that_cannot_be_read_says_where(tmp_path: Path, edit: Callable[[str], str], message: str) -> None:
    write_run(tmp_path / "run", sample_record(tmp_path))
    path = tmp_path / "run/plan.json"
    path.write_text(edit(path.read_text()))
    with pytest.raises(InputError, match=message):
        read_plan(tmp_path / "run")


@pytest.mark.parametrize("name", ["plan.json", "schedule.csv", "schedule.parquet", "scenario.resolved.yaml"])
def test_an_edit_is_noticed(tmp_path: Path, name: str) -> None:
    write_run(tmp_path / "run", sample_record(tmp_path))
    assert changed_files(tmp_path / "run") == []
    assert read_trusted_plan(tmp_path / "run") == sample_plan()
    path = tmp_path / "run" / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert [changed for changed, _, _ in changed_files(tmp_path / "run")] == [name]
    with pytest.raises(VerificationError, match="differs from what the solve wrote"):
        read_trusted_plan(tmp_path / "run")


def test_a_plan_with_findings_is_not_trusted(tmp_path: Path) -> None:
    write_run(tmp_path / "run", sample_record(tmp_path))
    write_verification(tmp_path / "run", [{"rule": "energy", "where": "site-a"}])
    assert json.loads((tmp_path / "run/verification.json").read_text())["verified"] is False
    with pytest.raises(VerificationError, match="had findings"):
        read_trusted_plan(tmp_path / "run")
    assert names(tmp_path / "run") == FILES


@pytest.mark.parametrize(
    ("name", "read"), [("scenario.resolved.yaml", read_run_scenario), ("summary.json", read_summary)]
)
def test_rubbish_in_other_files_is_an_input_error(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    write_run(tmp_path / "run", sample_record(tmp_path))
    (tmp_path / "run" / name).write_text("{]")
    with pytest.raises(InputError, match=name):
        read(tmp_path / "run")


def test_rubbish_in_the_seal_is_an_input_error(tmp_path: Path) -> None:
    write_run(tmp_path / "run", sample_record(tmp_path))
    (tmp_path / "run/inputs.json").write_text("[]")
    with pytest.raises(InputError, match=r"inputs\.json"):
        changed_files(tmp_path / "run")
