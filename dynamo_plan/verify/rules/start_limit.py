r"""No more instances start at a site in a window than the scenario allows.

.. math:: \sum_{p \in s, k} (N_{p,k,t} - N_{p,k,t-1})^+ \le \bar Y

N instances, Y-bar `max_starts_per_window`; in the last window the starts that the ending owes count as well. A best-effort plan may
exceed it where it lists so (place: the site; shortfall in starts).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding
from dynamo_plan.verify.rules import Shortfall, Shortfalls, unlisted

NAME = "start_limit"


def shortfalls(plan: Plan, inputs: Inputs, evidence: Evidence) -> Shortfalls:
    """Starts beyond the limit, by site and window."""
    most = inputs.scenario.transitions.max_starts_per_window
    if most is None:
        return {}
    total = {site: np.zeros(len(inputs.windows), dtype=np.int64) for site in evidence.sites}
    for (pool, _), count in evidence.accounts.starts.items():
        total[evidence.pools[pool].site.name] += count
    return {
        (site, window): Shortfall(float(count - most), most)
        for site, counts in total.items()
        for window, count in enumerate(counts.tolist())
        if count > most
    }


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield unlisted shortfalls."""
    yield from unlisted(NAME, "instances started beyond the limit", shortfalls(plan, inputs, evidence), evidence)
