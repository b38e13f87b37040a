"""`profile error`, `fit`, `compose` and `design`, as a user calls them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.ingest.builders import changed, profile_rows, write_csv, write_tiny_scenario

RECIPE = """\
version: 1
baseline: {profile: profile.csv, of: {tp: 4}}
ratios:
  - {axis: dtype, base: bf16, to: [fp8_e4m3], source: a paper, table: [{value: fp8_e4m3, rate: 1.4, idle_power: 1}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_scenario(tmp_path / "tiny").parent


def test_error_names_quantities_and_worst_lines(call: Call, folder: Path) -> None:
    answer = call("profile", "error", folder / "profile.csv", "-o", "json")
    assert answer.code == 0
    rows = json.loads(answer.out)
    assert {row["quantity"] for row in rows} == {"rate", "ttft", "tbt", "power"}
    assert {row["left_out"] for row in rows} == {"load", "clock"}
    assert all(0.0 <= row["median_percent"] <= row["worst_percent"] for row in rows)
    assert all(row["worst_line"] > 1 for row in rows)


def test_error_of_a_single_point_says_why_there_is_none(call: Call, folder: Path) -> None:
    write_csv(folder / "one.csv", profile_rows()[1:2])
    answer = call("profile", "error", folder / "one.csv")
    assert (answer.code, answer.out) == (0, "")
    assert "three clocks of a kind" in answer.err


@pytest.mark.slow
def test_fit_writes_clocks_that_solve_can_use(call: Call, folder: Path) -> None:
    fitted = folder / "fitted.csv"
    answer = call(
        "profile", "fit", folder / "profile.csv", "-o", fitted, "--clocks", "1000,1400,2100", "--guard", "0.9"
    )
    assert answer.code == 0
    assert "2100 MHz lie outside 800 to 1980 MHz; their rows are tagged modelled" in answer.err
    rows = list(csv.DictReader(io.StringIO(fitted.read_text())))
    assert {row["frequency_mhz"] for row in rows} == {"1000", "1400", "2100"}
    assert all(float(row["power_error"]) > 0 for row in rows)
    assert call("profile", "fit", folder / "profile.csv", "-o", fitted).code == 5  # it exists
    assert call("profile", "check", fitted).code == 0
    run = folder / "run"
    assert call("solve", folder / "scenario.yaml", "--set", "services.chat.profile=fitted.csv",
                "--set", "services.chat.mixing=null", "-d", run).code == 0  # fmt: skip
    plan = json.loads((run / "plan.json").read_text())
    (recorded,) = [line for line in plan["assumptions"] if "by its own record" in line]
    assert recorded.startswith("chat: ")
    assert {one["quantity"] for one in plan["prediction_errors"]} == {"rate", "ttft", "tbt", "power"}
    assert all(0.0 <= one["mean"] <= one["worst"] for one in plan["prediction_errors"])


def test_fit_takes_lengths_and_clocks_of_a_scenario(call: Call, folder: Path) -> None:
    scenario = (folder / "scenario.yaml").read_text()
    finer = scenario.replace("input: [256, 1024]", "input: [256, 512, 1024]").replace(
        "reserve_quantile", "frequencies_mhz: [1200]\n    reserve_quantile"
    )
    (folder / "finer.yaml").write_text(finer.replace("S: 400, L: 900", "S: 400, M: 600, L: 900"))
    answer = call("profile", "fit", folder / "profile.csv", "-o", folder / "f.csv", "--scenario", folder / "finer.yaml")
    assert answer.code == 0
    rows = list(csv.DictReader(io.StringIO((folder / "f.csv").read_text())))
    assert {row["frequency_mhz"] for row in rows} == {"1200"}
    assert {row["input_tokens"] for row in rows} == {"160", "362", "600"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--clocks", "fast"), "'fast' is no positive number"),
        (("--clocks", "-5"), "'-5' is no positive number"),
        (("--lengths", "100"), "is no pair"),
        (("--guard", "1.5"), "is no quantile"),
    ],
)
def test_fit_refuses_options_that_make_no_sense(call: Call, folder: Path, options: tuple[str, str], said: str) -> None:
    answer = call("profile", "fit", folder / "profile.csv", "-o", folder / "f.csv", *options)
    assert answer.code == 2
    assert said in answer.err
    assert not (folder / "f.csv").exists()


def test_compose_writes_and_refuses(call: Call, folder: Path) -> None:
    (folder / "recipe.yaml").write_text(RECIPE)
    answer = call("profile", "compose", folder / "recipe.yaml", "-o", folder / "c.parquet")
    assert answer.code == 0
    assert "30 of them composed" in answer.err
    assert "fp8_e4m3" in call("profile", "check", folder / "c.parquet", "-o", "csv").out
    (folder / "recipe.yaml").write_text(RECIPE.replace("to: [fp8_e4m3]", "to: [int8]"))
    refused = call("profile", "compose", folder / "recipe.yaml", "-o", folder / "d.parquet")
    assert refused.code == 5
    assert "[compose-range]" in refused.err
    assert not (folder / "d.parquet").exists()


def test_design_writes_a_script_or_a_list(call: Call, folder: Path) -> None:
    answer = call("profile", "design", folder / "scenario.yaml", "-n", "6", "-o", folder / "design.sh")
    assert answer.code == 0
    assert "2 points of 3 rates" in answer.err
    assert (folder / "design.sh").read_text().startswith("#!/bin/sh")
    assert call("profile", "design", folder / "scenario.yaml", "-n", "6", "-o", folder / "design.yaml").code == 0
    assert call("profile", "design", folder / "scenario.yaml", "-n", "6", "-o", folder / "design.txt").code == 2
    assert call("profile", "design", folder / "scenario.yaml", "-n", "2", "-o", folder / "d.sh").code == 2


def test_design_weighs_by_a_plan(call: Call, scenario: Path, solved: Path, tmp_path: Path) -> None:
    target = tmp_path / "design.yaml"
    assert call("profile", "design", scenario, "-n", "9", "-o", target, "--run", solved).code == 0
    assert "order: 3" in target.read_text()


def test_check_names_kinds_that_cannot_be(call: Call, folder: Path) -> None:
    rows = [row | {"dtype": "nvfp4"} for row in profile_rows()]
    write_csv(folder / "fp4.csv", rows)
    answer = call("profile", "check", folder / "fp4.csv")
    assert answer.code == 0
    assert "refused: llama-2-70b h100-tp2-nvfp4: Hopper GPUs do not compute in nvfp4" in answer.err
    judged = call("profile", "check", folder / "fp4.csv", "--scenario", folder / "scenario.yaml")
    assert "refused: kind h100-tp2-nvfp4 at site-a: Hopper" in judged.err


def test_bf8_is_refused_with_a_suggestion(call: Call, folder: Path) -> None:
    write_csv(folder / "bf8.csv", changed(profile_rows(), 0, dtype="BF8"))
    answer = call("profile", "check", folder / "bf8.csv")
    assert answer.code == 5
    assert "Did you mean bf16 or fp8_e5m2?" in answer.err


@pytest.mark.slow
def test_show_writes_a_page(call: Call, folder: Path) -> None:
    page = folder / "page.html"
    options = ("--ttft", "S=400", "--ttft", "M=900", "--ttft", "L=2000", "--tbt", "100", "--html", page)
    assert call("profile", "show", folder / "profile.csv", *options).code == 0
    assert "h100-tp4-bf16: capacity at the SLO" in page.read_text()
    assert call("profile", "show", folder / "profile.csv", *options).code == 5  # it exists
    assert call("profile", "show", folder / "profile.csv", *options, "--force").code == 0
