r"""The re-shards that the plan states are those of the schedule.

.. math:: \sum_{k} g_k r_{p,k,t} \le \sum_k g_k (N_{p,k,t-1} - N_{p,k,t})^+, \qquad r_{p,k,t} \le (N_{p,k,t} - N_{p,k,t-1})^+

over kinds of one GPU type and number format: new instances take over GPUs that others of their pool leave at the same edge, one by
one, the smallest first, as long as they fit. None where the scenario gives no `reshard_wh`. What they draw, take and cost is checked by
`energy`, `totals` and `cost`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding

NAME = "resharding"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield windows, pools and kinds whose stated number is not the schedule's."""
    expected: Counter[tuple[int, str, Kind]] = Counter()
    for (pool, kind), counts in evidence.accounts.reshards.items():
        for window, count in enumerate(counts.tolist()):
            expected[window, pool, kind] += count
    stated: Counter[tuple[int, str, Kind]] = Counter()
    for one in plan.reshards:
        stated[one.window, one.pool, one.kind] += one.instances
    for key in sorted({*expected, *stated}):
        if expected[key] != stated[key]:
            window, pool, kind = key
            yield Finding(NAME, f"{pool} {kind} window {window}", "instances re-sharded", expected[key], stated[key])
