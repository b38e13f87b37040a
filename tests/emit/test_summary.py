"""`summary.json` keeps the keys that scripts read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dynamo_plan.emit.summary import Summary, summarise, summary_json
from tests.emit.sample import best_effort_plan, sample_plan

CONTRACT = {
    "version",
    "status",
    "objective",
    "best_bound",
    "gap",
    "energy_kwh",
    "carbon_kg",
    "cost_usd",
    "gpu_hours",
    "peak_power_kw",
    "peak_gpus",
    "unserved_requests",
    "windows",
    "instance_starts",
    "baseline",
    "phases_s",
    "solver",
    "provenance",
    "diagnosis",
}
SOLVER = {"name": "HiGHS", "version": "1", "method": "compact"}


def test_keys_are_the_contract() -> None:
    record = json.loads(summary_json(summarise(sample_plan(), {"solve": 1.5}, SOLVER, ())))
    assert record.keys() >= CONTRACT
    assert record["baseline"]["single_pool"].keys() >= {"energy_kwh", "carbon_kg", "cost_usd", "gpu_hours"}
    assert record["baseline"].keys() == {"single_pool", "single_pool_strict"}
    assert record["provenance"]["measured"] == 0.0
    assert record["provenance"]["composed"] == 1.0
    assert record["solver"] == SOLVER
    assert record["phases_s"] == {"solve": 1.5}
    assert (record["version"], record["status"], record["windows"]) == (1, "optimal", 4)
    assert record["energy_kwh"] == 24.0


def test_it_reads_back() -> None:
    summary = summarise(best_effort_plan(), {"solve": 1.5}, SOLVER, ("power_cap at site-a",))
    assert Summary.model_validate_json(summary_json(summary)) == summary
    assert summary.diagnosis == ["power_cap at site-a"]


@pytest.mark.parametrize("unknown", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_proven_is_null(unknown: float) -> None:
    plan = sample_plan()
    unproven = replace(plan, certificate=replace(plan.certificate, best_bound=unknown, gap=unknown))
    record = json.loads(summary_json(summarise(unproven, {}, SOLVER, ())))
    assert record["best_bound"] is None
    assert record["gap"] is None
