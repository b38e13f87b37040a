"""Limits on starts against figures worked on paper: one start, in window 1."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import PlanStatus, Violation
from tests.verify.hand import findings_of, two_pools


def limited(inputs: Inputs, most: int) -> Inputs:
    transitions = inputs.scenario.transitions.model_copy(update={"max_starts_per_window": most})
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"transitions": transitions}))


def test_one_start_is_within_a_limit_of_one() -> None:
    plan, inputs = two_pools()
    assert findings_of("start_limit", plan, inputs) == []
    assert findings_of("start_limit", plan, limited(inputs, 1)) == []


def test_a_start_too_many_is_refused_unless_a_best_effort_lists_it() -> None:
    plan, inputs = two_pools()
    (finding,) = findings_of("start_limit", plan, limited(inputs, 0))
    assert (finding.where, finding.expected, finding.found) == ("hall window 1", 0.0, 1.0)
    listed = replace(
        plan,
        status=PlanStatus.INFEASIBLE,
        violations=(Violation("start_limit", "hall", (1,), (1.0,), "starts", "with max_starts_per_window: 1"),),
    )
    assert findings_of("start_limit", listed, limited(inputs, 0)) == []
    assert findings_of("violations", listed, limited(inputs, 0)) == []
