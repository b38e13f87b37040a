"""Independent check of everything a plan claims, from the raw profile rows, the forecast and the schedule.

Shares the nouns (schema) and the unit factors with the solver and no arithmetic: rows are read, interpolated and summed here
a second time. One rule per constraint or claim, found in the folder `rules`; a plan is verified when no rule finds anything.

What it cannot check: the proof behind `Certificate.best_bound` (only that the numbers fit together) and the baselines' totals
(a plan carries no schedule of theirs).
"""

from __future__ import annotations

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.finding import Finding

__all__ = ["Finding", "verify"]


def verify(plan: Plan, inputs: Inputs) -> tuple[Finding, ...]:
    """Check a plan against the inputs it was made from.

    Parameters
    ----------
    plan : Plan
    inputs : Inputs
        Read anew from the scenario, not handed on by the solver.

    Returns
    -------
    tuple of Finding
        In the order of the rules' names; empty means verified.
    """
    from dynamo_plan.verify.evidence import Evidence
    from dynamo_plan.verify.rules import load_rules

    evidence = Evidence(plan, inputs)
    return tuple(finding for rule in load_rules() for finding in rule.check(plan, inputs, evidence))
