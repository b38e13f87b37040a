r"""What a plan owns up to breaking is exactly what it breaks, and only a plan called infeasible breaks anything.

.. math:: \text{status} = \text{infeasible} \iff V \ne \emptyset, \qquad v_{c,w,t} = (\text{left} - \text{right})^+ > 0

V violations listed, v shortfall of constraint c at place w in window t, in the constraint's unit. What is broken and not
listed is found by the constraint's own rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan, PlanStatus, Violation
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import RATE_FLOOR_RPS, Finding, agrees
from dynamo_plan.verify.rules import Relaxable, Shortfall, Shortfalls, load_rules

NAME = "violations"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield statuses and violations that the schedule contradicts."""
    if (plan.status is PlanStatus.INFEASIBLE) != bool(plan.violations):
        count = f"{len(plan.violations)} violations"
        yield Finding(
            NAME, "status", "status", "infeasible exactly if violations are listed", f"{plan.status}, {count}"
        )
    rules = {rule.NAME: rule for rule in load_rules() if isinstance(rule, Relaxable)}
    broken = {name: rule.shortfalls(plan, inputs, evidence) for name, rule in rules.items()}
    seen: set[tuple[str, str, int]] = set()
    for violation in plan.violations:
        if violation.constraint not in broken:
            what, allowed = "constraint that may be listed", "one of " + ", ".join(broken)
            yield Finding(NAME, violation.where, what, allowed, violation.constraint)
        else:
            yield from compare(violation, broken[violation.constraint], seen)


def compare(violation: Violation, broken: Shortfalls, seen: set[tuple[str, str, int]]) -> Iterator[Finding]:
    """Yield windows whose listed shortfall is not the recomputed one; `seen` collects what was listed before."""
    place = f"{violation.constraint} {violation.where}"
    if len(violation.windows) != len(violation.shortfall) or not violation.windows:
        what = f"{len(violation.windows)} windows, {len(violation.shortfall)} shortfalls"
        yield Finding(NAME, place, "one shortfall per window, at least one", "as many", what)
        return
    for window, shortfall in zip(violation.windows, violation.shortfall, strict=True):
        where = f"{place} window {window}"
        key = (violation.constraint, violation.where, window)
        if key in seen:
            yield Finding(NAME, where, "times listed", 1, "more than once")
        seen.add(key)
        real = broken.get((violation.where, window), Shortfall(0.0, 0.0))
        if real.amount == 0 or not agrees(real.amount, shortfall, RATE_FLOOR_RPS, real.limit):
            yield Finding(NAME, where, f"shortfall [{violation.unit}]", real.amount, shortfall)
