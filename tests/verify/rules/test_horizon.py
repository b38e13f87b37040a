"""Windows, entries and numbers of a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.verify.changes import with_group
from tests.verify.hand import findings_of, two_pools


def test_the_same_instant_may_be_written_otherwise() -> None:
    plan, inputs = two_pools()
    assert findings_of("horizon", replace(plan, first_window_start="2024-05-12T02:00:00+02:00"), inputs) == []
    for wrong in ("2024-05-12T00:00:00", "2024-05-12T00:30:00Z", "yesterday"):
        (finding,) = findings_of("horizon", replace(plan, first_window_start=wrong), inputs)
        assert finding.what == "first window start (UTC)"


def test_every_site_and_gpu_type_appears_once() -> None:
    plan, inputs = two_pools()
    findings = findings_of("horizon", replace(plan, sites=plan.sites * 2, servers=plan.servers[:1]), inputs)
    assert [(f.where, f.expected, f.found) for f in findings] == [("hall", 1, 2), ("hall/h100", 1, 0)]


def test_two_loads_at_one_clock_are_two_groups() -> None:
    plan, inputs = two_pools()
    # Three instances at 1.0 are one group, and not 2 + 1; two at 0.9 and one at 1.2 are two.
    parts = (replace(plan.groups[4], instances=2), replace(plan.groups[4], instances=1))
    (finding,) = findings_of("horizon", replace(plan, groups=(*plan.groups[:4], *parts)), inputs)
    assert finding.where == "chat/SA window 1"
    apart = (replace(parts[0], rate_rps=0.9), replace(parts[1], rate_rps=1.2))
    assert findings_of("horizon", replace(plan, groups=(*plan.groups[:4], *apart)), inputs) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_are_finite(value: float) -> None:
    plan, inputs = two_pools()
    (finding,) = findings_of("horizon", with_group(plan, 3, utilisation=value), inputs)
    assert finding.where == "plan.groups[3].utilisation"


@pytest.mark.parametrize(("field", "value"), [("instances", 0), ("window", -1), ("window", 3)])
def test_groups_have_instances_in_the_horizon(field: str, value: int) -> None:
    plan, inputs = two_pools()
    changes: dict[str, Any] = {field: value}
    spoiled = replace(plan, groups=(replace(plan.groups[0], **changes), *plan.groups[1:]))
    (finding,) = findings_of("horizon", spoiled, inputs)
    assert (finding.what, finding.found) == (field, value)
