"""Re-shards against figures worked on paper: SA runs three TP1 and starts one TP2 in window 1."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Reshard
from dynamo_plan.verify.transitions import taking_over
from tests.verify.changes import with_group
from tests.verify.hand import TP1, TP2, findings_of, two_pools


def with_reshards(inputs: Inputs) -> Inputs:
    transitions = inputs.scenario.transitions.model_copy(update={"reshard_wh": 10.0, "reshard_s": 36.0})
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"transitions": transitions}))


def test_a_start_next_to_instances_that_stay_is_no_reshard() -> None:
    plan, inputs = two_pools()
    assert findings_of("resharding", plan, with_reshards(inputs)) == []
    assert findings_of("instance_starts", plan, with_reshards(inputs)) == []


def test_an_instance_on_freed_gpus_is_a_reshard_and_no_start() -> None:
    plan, inputs = two_pools()
    # One TP1 is left of three in window 1: its two GPUs go to the TP2.
    fewer = with_group(plan, 4, instances=1)
    assert findings_of("resharding", fewer, inputs) == []
    (finding,) = findings_of("resharding", fewer, with_reshards(inputs))
    assert (finding.where, finding.expected, finding.found) == ("chat/SA h100-tp2-bf16 window 1", 1, 0)
    (starts,) = findings_of("instance_starts", fewer, with_reshards(inputs))
    assert (starts.expected, starts.found) == (0, 1)
    stated = replace(fewer, reshards=(Reshard(1, "chat/SA", TP2, 1),))
    assert findings_of("resharding", stated, with_reshards(inputs)) == []


def test_the_smallest_take_over_first() -> None:
    moved = taking_over([TP2, TP1, TP1], {TP1: 0, TP2: 3}, {TP1: 2, TP2: 2})
    assert moved == {TP1: 2}
