r"""The stated number of instance starts is that of the schedule.

.. math:: \sum_{p,k} \sum_{t} (N_{p,k,t} - N_{p,k,t-1})^+

N instances. The state before the first window is the scenario's `initial`; without one it is free and t begins at 1. Where the
ending is `as-started` the sum has one more term, from the last window back to the initial state. Instances that are re-sharded are
not started (`resharding`). What starts draw, take and cost is checked by `energy`, `totals` and `cost`.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding

NAME = "instance_starts"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield the stated count where the groups contradict it."""
    starts = sum(int(count.sum()) for count in evidence.accounts.starts.values())
    if starts != plan.totals.instance_starts:
        yield Finding(NAME, "totals", "instance starts", starts, plan.totals.instance_starts)
