"""init, schema, doctor, formats, profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dynamo_plan import shipped
from dynamo_plan.cli import doctor
from dynamo_plan.emit.targets import find_targets
from dynamo_plan.errors import UsageError
from dynamo_plan.ingest import read_inputs
from dynamo_plan.shipped import example_folder, example_names
from tests.cli.conftest import Call

CLASSES = ("--ttft", "S=250", "--ttft", "M=400", "--ttft", "L=2000")


@pytest.mark.parametrize("name", example_names())
def test_init_makes_every_example_runnable_on_its_own(call: Call, tmp_path: Path, name: str) -> None:
    answer = call("init", tmp_path / "mine", "--template", name)
    assert answer.code == 0
    assert f"dynamo-plan solve {tmp_path / 'mine/scenario.yaml'}" in answer.err
    theirs, ours = (read_inputs(folder / "scenario.yaml") for folder in (example_folder(name), tmp_path / "mine"))
    assert {file.role: file.sha256 for file in theirs.files[1:]} == {file.role: file.sha256 for file in ours.files[1:]}
    assert all(".." not in file.path for file in ours.files)
    before, after = (
        (folder / "scenario.yaml").read_text().splitlines() for folder in (example_folder(name), tmp_path / "mine")
    )
    assert [new for old, new in zip(before, after, strict=True) if old != new and "profiles/" not in new] == []


def test_init_takes_no_occupied_folder(call: Call, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    answer = call("init", tmp_path)
    assert answer.code == 2
    assert "not an empty folder" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_init_names_the_known_examples(call: Call, tmp_path: Path) -> None:
    answer = call("init", tmp_path / "mine", "--template", "fist-plan")
    assert answer.code == 2
    assert "first-plan" in answer.err
    assert not (tmp_path / "mine").exists()


def test_shipped_files_are_looked_for_in_the_package_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site/dynamo_plan"
    package.mkdir(parents=True)
    monkeypatch.setattr(shipped, "__file__", str(package / "shipped.py"))
    with pytest.raises(UsageError, match="Install dynamo-plan again"):
        shipped.shipped_folder()
    for top in ("examples", "profiles"):
        (package / "_shipped" / top).mkdir(parents=True)
    assert shipped.shipped_folder() == package / "_shipped"


@pytest.mark.parametrize(
    ("name", "required"), [("scenario", "services"), ("plan", "certificate"), ("summary", "best_bound")]
)
def test_schemas(call: Call, name: str, required: str) -> None:
    assert name in call("schema").out
    described = json.loads(call("schema", name).out)
    assert required in described["required"]
    assert described["type"] == "object"


def test_an_unknown_schema_is_2(call: Call) -> None:
    answer = call("schema", "plna")
    assert answer.code == 2
    assert "Known: scenario, " in answer.err


def test_doctor_finds_this_machine_ready(call: Call) -> None:
    answer = call("doctor", "-o", "json")
    assert answer.code == 0
    found = {row["check"]: row for row in json.loads(answer.out)}
    assert {row["ready"] for row in found.values()} == {"yes"}
    assert "HiGHS" in found["solver"]["found"]
    assert "first-plan" in found["examples"]["found"]


def test_doctor_says_what_is_broken(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    answer = call("doctor", "-o", "json")
    assert answer.code == 1
    broken = [row for row in json.loads(answer.out) if row["ready"] == "no"]
    assert [row["check"] for row in broken] == ["package no-such-package"]


def test_formats_lists_every_target(call: Call) -> None:
    answer = call("formats", "-o", "json")
    assert answer.code == 0
    written = [row["name"] for row in json.loads(answer.out) if row["direction"] == "emit --target"]
    assert written == list(find_targets())


def test_profile_check_shows_coverage(call: Call, scenario: Path) -> None:
    profile = scenario.parent / "profiles/llama-2-70b-h100.parquet"
    answer = call("profile", "check", profile, "-o", "json")
    assert answer.code == 0
    kinds = {row["kind"]: row for row in json.loads(answer.out)}
    assert list(kinds) == ["h100-tp2-bf16", "h100-tp4-bf16", "h100-tp8-bf16"]
    assert kinds["h100-tp8-bf16"]["from_mhz"] == 800.0
    assert kinds["h100-tp8-bf16"]["to_mhz"] == 1980.0


def test_profile_check_names_faults(call: Call, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("model,gpu\nm,h100\n")
    answer = call("profile", "check", tmp_path / "p.csv")
    assert answer.code == 5
    assert "power_w" in answer.err


def test_profile_show_agrees_with_the_scenario_it_takes_its_slo_from(call: Call, scenario: Path) -> None:
    profile = scenario.parent / "profiles/llama-2-70b-h100.parquet"
    by_scenario = call("profile", "show", profile, "--scenario", scenario, "-o", "json")
    by_options = call("profile", "show", profile, *CLASSES, "--tbt", "100", "-o", "json")
    assert by_scenario.code == by_options.code == 0
    rows = json.loads(by_scenario.out)
    assert rows == json.loads(by_options.out)
    assert all(row["capacity_rps"] > 0 and row["power_w"] > row["idle_w"] for row in rows)


@pytest.mark.parametrize(
    "options",
    [
        (),
        CLASSES,
        (*CLASSES[:4], "--tbt", "100"),
        (*CLASSES, "--tbt", "-1"),
        ("--ttft", "S", *CLASSES, "--tbt", "100"),
    ],
)
def test_profile_show_needs_a_whole_slo(call: Call, scenario: Path, options: tuple[str, ...]) -> None:
    answer = call("profile", "show", scenario.parent / "profiles/llama-2-70b-h100.parquet", *options)
    assert answer.code == 2
    assert "--ttft S=250" in answer.err


def test_profile_show_knows_its_services(call: Call, scenario: Path) -> None:
    profile = scenario.parent / "profiles/llama-2-70b-h100.parquet"
    answer = call("profile", "show", profile, "--scenario", scenario, "--service", "chatt")
    assert answer.code == 2
    assert "Known: chat" in answer.err


def test_profile_show_of_one_bucket(call: Call, scenario: Path) -> None:
    profile = scenario.parent / "profiles/llama-2-70b-h100.parquet"
    answer = call("profile", "show", profile, "--scenario", scenario, "--bucket", "SM", "-o", "json")
    assert {row["bucket"] for row in json.loads(answer.out)} == {"SM"}
    wrong = call("profile", "show", profile, "--scenario", scenario, "--bucket", "XX")
    assert wrong.code == 2
    assert "XX is no bucket" in wrong.err


def test_profile_show_of_a_table_without_latencies_keeps_no_slo(call: Call, tmp_path: Path) -> None:
    rows = [
        f"m,h100,4,1,bf16,1400,500,200,{rate},{rate},,,{300 + 100 * rate},measured,by hand" for rate in (1.0, 2.0, 4.0)
    ]
    columns = "model,gpu,tp,pp,dtype,frequency_mhz,input_tokens,output_tokens,request_rate_rps,throughput_rps,ttft_p99_ms,tbt_p99_ms"
    (tmp_path / "p.csv").write_text("\n".join([f"{columns},power_w,provenance,source", *rows]) + "\n")
    for options in ((), (*CLASSES, "--tbt", "100")):
        answer = call("profile", "show", tmp_path / "p.csv", *options, "-o", "json")
        assert [row["capacity_rps"] for row in json.loads(answer.out)] == [4.0]
        assert "whatever the SLO" in answer.err
