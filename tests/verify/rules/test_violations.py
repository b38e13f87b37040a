"""What a best-effort plan owns up to against what it breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan, PlanStatus, Violation
from tests.verify.changes import with_sites
from tests.verify.hand import findings_of, two_pools


def broken(*violations: Violation) -> tuple[Plan, Inputs]:
    """A cap of 2 kW: windows 0, 1, 2 draw 2.64, 4.362, 1.08 kW and pass it by 0.64 and 2.362 kW."""
    plan, inputs = two_pools()
    return replace(plan, status=PlanStatus.INFEASIBLE, violations=violations), with_sites(inputs, power_cap_kw=2.0)


def cap(windows: tuple[int, ...], shortfall: tuple[float, ...]) -> Violation:
    return Violation("power_cap", "hall", windows, shortfall, "kW", "raise it")


def test_exact_shortfalls_are_believed() -> None:
    assert findings_of("violations", *broken(cap((0, 1), (0.64, 2.362)))) == []
    assert findings_of("violations", *broken(cap((0,), (0.64,)), cap((1,), (2.362,)))) == []


@pytest.mark.parametrize(
    ("violation", "expected", "found"),
    [
        (cap((0, 1), (0.64, 2.0)), 2.362, 2.0),
        (cap((0, 1), (0.7, 2.362)), 0.64, 0.7),
        (cap((0, 1, 2), (0.64, 2.362, 0.5)), 0.0, 0.5),
        (cap((0, 1, 2), (0.64, 2.362, 0.0)), 0.0, 0.0),
    ],
)
def test_wrong_shortfalls_are_not(violation: Violation, expected: float, found: float) -> None:
    (finding,) = findings_of("violations", *broken(violation))
    assert finding.expected == pytest.approx(expected)
    assert finding.found == found


def test_a_shortfall_is_listed_once() -> None:
    (finding,) = findings_of("violations", *broken(cap((0, 1), (0.64, 2.362)), cap((1,), (2.362,))))
    assert (finding.expected, finding.found) == (1, "more than once")


def test_windows_and_shortfalls_come_in_pairs() -> None:
    (finding,) = findings_of("violations", *broken(cap((0, 1), (0.64,))))
    assert finding.found == "2 windows, 1 shortfalls"


def test_the_status_follows_from_the_list() -> None:
    plan, inputs = broken()
    (finding,) = findings_of("violations", plan, inputs)
    assert finding.found == "infeasible, 0 violations"
    optimal = replace(broken(cap((0, 1), (0.64, 2.362)))[0], status=PlanStatus.OPTIMAL)
    (finding,) = findings_of("violations", optimal, inputs)
    assert finding.found == "optimal, 1 violations"
