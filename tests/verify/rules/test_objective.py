"""The certificate against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.schema.plan import Certificate, PlanStatus
from tests.verify.hand import findings_of, two_pools


@pytest.mark.parametrize(
    ("objective", "bound", "gap", "status", "faults"),
    [
        # 4.041 + 0.5 x 18.03095 + 2 x 1.0131 = 15.082675
        (15.082675, 15.082675, 0.0, PlanStatus.OPTIMAL, []),
        (15.0827, 15.0827, 0.0, PlanStatus.OPTIMAL, ["objective"]),
        (15.082675, 15.1, (15.082675 - 15.1) / 15.1, PlanStatus.OPTIMAL, ["best bound, at most the objective"]),
        # a gap of 1 %, where 0.1 % was asked for
        (15.082675, 14.93184825, 0.01, PlanStatus.FEASIBLE, []),
        (15.082675, 14.93184825, 0.01, PlanStatus.OPTIMAL, ["gap of a plan called optimal"]),
        (15.082675, 14.93184825, 0.0005, PlanStatus.FEASIBLE, ["gap"]),
        (15.082675, 14.93184825, 0.0005, PlanStatus.OPTIMAL, ["gap", "gap of a plan called optimal"]),
        (15.082675, float("nan"), 0.0, PlanStatus.FEASIBLE, ["best bound, at most the objective", "gap"]),
        (15.082675, 15.082675, 0.0, PlanStatus.ERROR, ["status"]),
    ],
)
def test_figures_must_fit_together(
    objective: float, bound: float, gap: float, status: PlanStatus, faults: list[str]
) -> None:
    plan, inputs = two_pools()
    claimed = replace(plan, certificate=Certificate(objective, bound, gap, "compact", "said"), status=status)
    assert [finding.what for finding in findings_of("objective", claimed, inputs)] == faults
