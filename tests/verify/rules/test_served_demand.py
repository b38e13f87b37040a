"""Served demand against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.schema.plan import PlanStatus, Violation
from tests.verify.changes import with_group
from tests.verify.hand import findings_of, two_pools


def test_a_missing_instance_leaves_its_rate_unserved() -> None:
    plan, inputs = two_pools()
    # Window 1, SA: 3 x 1.0 + 1 x 1.5 = 4.5 requests/s asked for; with 2 x 1.0 + 1.5 = 3.5 one request/s is left.
    (finding,) = findings_of("served_demand", with_group(plan, 4, instances=2), inputs)
    assert finding.where == "chat/SA window 1"
    assert finding.found == pytest.approx(1.0)


def test_more_than_demand_is_refused_too() -> None:
    plan, inputs = two_pools()
    # Window 0, LA: 3 x 0.3 = 0.9 of 0.6 requests/s.
    (finding,) = findings_of("served_demand", with_group(plan, 0, instances=3), inputs)
    assert finding.where == "chat/LA window 0"
    assert finding.found == pytest.approx(0.3)


def test_load_where_nothing_runs_is_seen() -> None:
    plan, inputs = two_pools()
    idle = replace(plan, groups=plan.groups[1:])
    (finding,) = findings_of("served_demand", idle, inputs)
    assert finding.found == pytest.approx(0.6)


def test_what_a_best_effort_plan_lists_is_let_pass() -> None:
    plan, inputs = two_pools()
    violation = Violation("served_demand", "chat/SA", (1,), (1.0,), "1/s", "add one instance")
    short = replace(with_group(plan, 4, instances=2), status=PlanStatus.INFEASIBLE, violations=(violation,))
    assert findings_of("served_demand", short, inputs) == []
    assert findings_of("violations", short, inputs) == []
    # One request/s for 1800 s.
    (unserved,) = (f for f in findings_of("totals", short, inputs) if f.what == "unserved requests")
    assert unserved.expected == pytest.approx(1800.0)
