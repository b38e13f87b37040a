"""GPU stock against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.schema.plan import PlanStatus, Violation
from tests.verify.changes import with_gpus, with_group
from tests.verify.hand import findings_of, two_pools


def test_gpus_beyond_the_stock_are_counted() -> None:
    plan, inputs = two_pools()
    # GPUs in use 7, 9, 1; a stock of 8 is short by 1 in window 1.
    (finding,) = findings_of("gpu_stock", plan, with_gpus(inputs, count=8))
    assert (finding.where, finding.found) == ("hall/h100 window 1", 1.0)


def test_a_listed_shortfall_is_let_pass_in_its_windows_only() -> None:
    plan, inputs = two_pools()
    # A stock of 4 is short by 3 in window 0 and by 5 in window 1.
    inputs = with_gpus(inputs, count=4)
    violation = Violation("gpu_stock", "hall/h100", (1,), (5.0,), "GPU", "buy five")
    plan = replace(plan, status=PlanStatus.INFEASIBLE, violations=(violation,))
    (finding,) = findings_of("gpu_stock", plan, inputs)
    assert (finding.where, finding.found) == ("hall/h100 window 0", 3.0)
    assert findings_of("violations", plan, inputs) == []
    # Three servers on of the one that there is: let pass where the stock is listed, refused in window 0.
    assert [f.where for f in findings_of("servers_on", plan, inputs)] == ["hall/h100 window 0"]


def test_without_a_count_any_number_is_in_stock() -> None:
    plan, inputs = two_pools()
    assert findings_of("gpu_stock", plan, with_gpus(inputs, count=None)) == []


def test_gpus_of_an_instance_are_tp_times_pp() -> None:
    plan, inputs = two_pools()
    # One TP2 more in window 0: 9 GPUs, 7 stated.
    (finding,) = findings_of("gpu_stock", with_group(plan, 0, instances=3), inputs)
    assert (finding.expected, finding.found) == (9.0, 7.0)
