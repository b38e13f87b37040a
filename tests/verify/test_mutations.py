"""A correct plan verifies; a spoiled one is refused by the rule that its fault belongs to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify import verify
from dynamo_plan.verify.rules import load_rules
from tests.verify.changes import Mutation
from tests.verify.hand import mixed_pool, two_pools
from tests.verify.hand_routed import routed_pool
from tests.verify.mutations import MUTATIONS
from tests.verify.spoiled_claims import capped, listed

type Maker = Callable[[], tuple[Plan, Inputs]]


@pytest.mark.parametrize("make", [two_pools, mixed_pool, routed_pool])
def test_a_plan_worked_on_paper_verifies(make: Maker) -> None:
    assert verify(*make()) == ()


@pytest.mark.parametrize("make", [two_pools, mixed_pool, routed_pool])
@pytest.mark.parametrize(("name", "rule", "mutate"), MUTATIONS, ids=[name for name, _, _ in MUTATIONS])
def test_a_spoiled_plan_is_refused_by_the_rule(name: str, rule: str, mutate: Mutation, make: Maker) -> None:
    findings = verify(*mutate(*make()))
    assert rule in {finding.rule for finding in findings}, name


def test_every_rule_has_a_mutation() -> None:
    assert {rule.NAME for rule in load_rules()} == {rule for _, rule, _ in MUTATIONS}


def test_a_best_effort_plan_that_owns_up_verifies() -> None:
    plan, inputs = two_pools()
    inputs, violation = capped(plan, inputs)
    assert verify(listed(plan, violation), inputs) == ()


def test_findings_are_the_same_every_time() -> None:
    plan, inputs = two_pools()
    spoiled = MUTATIONS[0][2](plan, inputs)
    assert verify(*spoiled) == verify(*spoiled)
