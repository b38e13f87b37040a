"""`--set key=value`."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.ingest import read_inputs
from dynamo_plan.schema.scenario import ObjectiveName, Scenario
from tests.ingest.builders import SCENARIO, write_tiny_scenario
from tests.ingest.faultcase import check, faults_of, only_fault


def scenario(folder: Path, *overrides: tuple[str, str], text: str = SCENARIO) -> Scenario:
    return read_inputs(write_tiny_scenario(folder, text), overrides).scenario


def test_values_are_set_by_index_by_name_and_where_none_stood(tmp_path: Path) -> None:
    made = scenario(
        tmp_path,
        ("services.0.min_instances", "2"),
        ("services.chat.slo.tbt_p99_ms", "80"),
        ("sites.site-a.gpus.h100.count", "null"),
        ("objective", "{cost: 1}"),
        ("objective.carbon", "0.1"),
        ("transitions.reshard_s", "5"),
        ("services.chat.pools", "[[SA, LA]]"),
    )
    assert made.services[0].min_instances == 2
    assert made.services[0].slo is not None
    assert made.services[0].slo.tbt_p99_ms == 80
    assert made.services[0].pools == [["SA", "LA"]]
    assert made.sites[0].gpus["h100"].count is None
    assert made.objective == {ObjectiveName.COST: 1.0, ObjectiveName.CARBON: 0.1}
    assert made.transitions.reshard_s == 5


def test_mappings_that_the_file_leaves_out_can_be_set(tmp_path: Path) -> None:
    text = SCENARIO.replace("solver: {gap: 1.0e-3, time_limit_s: 60}\n", "").replace("objective: {energy: 1.0}\n", "")
    made = scenario(tmp_path, ("solver.gap", "0.5"), ("objective.cost", "1"), text=text)
    assert made.solver.gap == 0.5
    assert made.objective == {ObjectiveName.COST: 1.0}


def test_names_may_hold_dots(tmp_path: Path) -> None:
    text = SCENARIO.replace("- name: chat", "- name: chat.v2")
    path = write_tiny_scenario(tmp_path, text)
    load = tmp_path / "load.csv"
    load.write_text(load.read_text().replace("chat", "chat.v2"))
    assert read_inputs(path, [("services.chat.v2.min_instances", "3")]).scenario.services[0].min_instances == 3


def test_a_later_override_wins(tmp_path: Path) -> None:
    assert scenario(tmp_path, ("solver.gap", "0.5"), ("solver.gap", "0.25")).solver.gap == 0.25


@pytest.mark.parametrize(
    ("key", "value", "code", "parts"),
    [
        ("solver.gpa", "1", "override-key", ["no key 'gpa' in solver", "gap, time_limit_s", "Did you mean gap?"]),
        ("solvr.gap", "1", "override-key", ["no key 'solvr'", "Did you mean solver?"]),
        ("services.chatt.model", "x", "override-key", ["'chatt'", "Possible here: 0, chat", "Did you mean chat?"]),
        ("services.1.model", "x", "override-key", ["'1'"]),
        ("sites.0.gpus.h10.count", "8", "override-key", ["'h10'", "Did you mean h100?"]),
        ("name.first", "x", "override-key", ["nothing below a plain value"]),
        ("", "1", "override-key", ["''"]),
        ("solver.gap", "[1", "override-value", ["not YAML"]),
        ("solver.gap", "\udcff", "override-value", ["The value is YAML"]),
    ],
)
def test_overrides_that_cannot_be(tmp_path: Path, key: str, value: str, code: str, parts: list[str]) -> None:
    fault = faults_of(lambda: scenario(tmp_path, (key, value)))[0]
    check(fault, code, "", *parts)
    assert fault.where.startswith(f"--set {key}=")


def test_a_value_that_does_not_fit_names_the_option(tmp_path: Path) -> None:
    only_fault(
        lambda: scenario(tmp_path, ("services.chat.min_instances", "-1")),
        "scenario-value",
        "--set services.chat.min_instances=-1 services[0].min_instances",
        "-1 does not fit",
        "0 or more",
    )
