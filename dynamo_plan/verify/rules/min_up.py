r"""An instance that begins stays up for at least `min_up_s`.

.. math:: \sum_{\tau = t - U + 1}^{t} (N_{p,k,\tau} - N_{p,k,\tau-1})^+ \le N_{p,k,t}, \qquad U = \lceil \text{min\_up\_s} / \Delta t \rceil

N instances. Those of before the first window may stop at any time. A best-effort plan may break it where it lists so (place: pool and
kind; shortfall in instances).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding
from dynamo_plan.verify.rules import Shortfall, Shortfalls, unlisted
from dynamo_plan.verify.transitions import instances_before

NAME = "min_up"


def shortfalls(plan: Plan, inputs: Inputs, evidence: Evidence) -> Shortfalls:
    """Instances gone too soon, by ``pool kind`` and window."""
    least = ceil(inputs.scenario.transitions.min_up_s / inputs.windows.window_s)
    if least <= 1:
        return {}
    before = instances_before(inputs, evidence)
    broken: Shortfalls = {}
    for (pool, kind), counts in evidence.accounts.instances.items():
        running = counts.tolist()
        first = running[0] if before is None else before.get((pool, kind), 0)
        begun = [max(0, now - then) for then, now in zip([first, *running], running, strict=False)]
        for window, now in enumerate(running):
            gone = sum(begun[max(0, window - least + 1) : window + 1]) - now
            if gone > 0:
                broken[f"{pool} {kind}", window] = Shortfall(float(gone), max(1.0, float(now)))
    return broken


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield unlisted shortfalls."""
    yield from unlisted(NAME, "instances that stop too soon", shortfalls(plan, inputs, evidence), evidence)
