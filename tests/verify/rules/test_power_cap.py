"""Power caps against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.schema.plan import PlanStatus, Violation
from tests.verify.changes import with_sites
from tests.verify.hand import findings_of, two_pools


def test_power_beyond_the_cap_is_the_window_mean() -> None:
    plan, inputs = two_pools()
    # 2.181 kWh in half an hour are 4.362 kW: 0.362 kW beyond 4 kW. Windows 0 and 2 draw 2.64 and 1.08 kW.
    (finding,) = findings_of("power_cap", plan, with_sites(inputs, power_cap_kw=4.0))
    assert finding.where == "hall window 1"
    assert finding.found == pytest.approx(0.362)


def test_a_listed_shortfall_is_let_pass() -> None:
    plan, inputs = two_pools()
    violation = Violation("power_cap", "hall", (1,), (0.362,), "kW", "a cap of 4.362 kW")
    plan = replace(plan, status=PlanStatus.INFEASIBLE, violations=(violation,))
    inputs = with_sites(inputs, power_cap_kw=4.0)
    assert findings_of("power_cap", plan, inputs) == []
    assert findings_of("violations", plan, inputs) == []


def test_the_cap_itself_may_be_drawn() -> None:
    plan, inputs = two_pools()
    assert findings_of("power_cap", plan, with_sites(inputs, power_cap_kw=4.362)) == []
