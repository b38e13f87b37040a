"""Every way to spoil a plan, on plans that were really solved: each is refused by the rule its fault belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.ingest import read_inputs
from dynamo_plan.planner import plan_scenario
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify import verify
from tests.ingest.builders import SCENARIO, write_tiny_scenario
from tests.verify.changes import Mutation
from tests.verify.mutations import MUTATIONS

SCENARIOS = {
    "a pool per bucket": SCENARIO,
    "one mixed pool": SCENARIO.replace("pools: per-bucket", "pools: single\n    min_instances: 1"),
    "routed freely": SCENARIO.replace("pools: per-bucket", "pools: single\n    routing: free\n    min_instances: 1"),
    "for cost": SCENARIO.replace("objective: {energy: 1.0}", "objective: {cost: 1.0, carbon: 0.1}"),
}

type Solved = tuple[Plan, Inputs]


@pytest.fixture(scope="module", params=list(SCENARIOS))
def solved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Solved:
    text = SCENARIOS[request.param].replace("released_server_w: 0", "released_server_w: 40")
    inputs = read_inputs(write_tiny_scenario(tmp_path_factory.mktemp("solved"), text))
    run = plan_scenario(inputs)
    assert run.findings == ()
    return run.plan, inputs


@pytest.fixture(scope="module")
def first_plan(root: Path) -> Solved:
    inputs = read_inputs(root / "examples/first-plan/scenario.yaml")
    run = plan_scenario(inputs)
    assert run.findings == ()
    return run.plan, inputs


@pytest.mark.parametrize(("name", "rule", "mutate"), MUTATIONS, ids=[name for name, _, _ in MUTATIONS])
def test_a_spoiled_plan_is_refused(solved: Solved, name: str, rule: str, mutate: Mutation) -> None:
    findings = verify(*mutate(*solved))
    assert rule in {finding.rule for finding in findings}, name


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rule", "mutate"), MUTATIONS, ids=[name for name, _, _ in MUTATIONS])
def test_a_spoiled_first_plan_is_refused(first_plan: Solved, name: str, rule: str, mutate: Mutation) -> None:
    findings = verify(*mutate(*first_plan))
    assert rule in {finding.rule for finding in findings}, name


def test_there_are_at_least_twenty_kinds() -> None:
    assert len({name for name, _, _ in MUTATIONS}) >= 20
