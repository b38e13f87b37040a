"""Least up times against figures worked on paper: LA runs 2, 2, 0 instances, SA 3, 3, 1 of TP1 and 0, 1, 0 of TP2."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import PlanStatus, Violation
from tests.verify.hand import findings_of, two_pools


def up(inputs: Inputs, min_up_s: float) -> Inputs:
    transitions = inputs.scenario.transitions.model_copy(update={"min_up_s": min_up_s})
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"transitions": transitions}))


@pytest.mark.parametrize("min_up_s", [0.0, 600.0, 1800.0])
def test_one_window_is_always_held(min_up_s: float) -> None:
    plan, inputs = two_pools()
    assert findings_of("min_up", plan, up(inputs, min_up_s)) == []


def test_an_instance_that_stops_after_one_of_two_windows_is_refused() -> None:
    plan, inputs = two_pools()
    (finding,) = findings_of("min_up", plan, up(inputs, 1801.0))
    assert (finding.where, finding.found) == ("chat/SA h100-tp2-bf16 window 2", 1.0)
    listed = replace(
        plan,
        status=PlanStatus.INFEASIBLE,
        violations=(Violation("min_up", "chat/SA h100-tp2-bf16", (2,), (1.0,), "instances", "more stock"),),
    )
    assert findings_of("min_up", listed, up(inputs, 1801.0)) == []
    assert findings_of("violations", listed, up(inputs, 1801.0)) == []
