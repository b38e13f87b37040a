r"""GPUs in use are as stated and within the stock, per site, GPU type and window.

.. math:: G_{s,g,t} = \sum_{p \in s} \sum_{k \in g} g_k N_{p,k,t} \le \bar G_{s,g}

g_k GPUs of one instance, N instances. A best-effort plan may exceed the stock where it lists so (place: ``site/gpu``;
shortfall in GPUs).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import COUNT_FLOOR, Finding, compare_windows
from dynamo_plan.verify.rules import Shortfall, Shortfalls, unlisted

NAME = "gpu_stock"


def shortfalls(plan: Plan, inputs: Inputs, evidence: Evidence) -> Shortfalls:
    """GPUs beyond the stock, by ``site/gpu`` and window."""
    broken: Shortfalls = {}
    for (site, gpu), in_use in evidence.accounts.gpus_in_use.items():
        count = evidence.sites[site].gpus[gpu].count
        if count is not None:
            over = in_use - count
            windows = np.flatnonzero(over > 0).tolist()
            broken |= {(f"{site}/{gpu}", window): Shortfall(float(over[window]), count) for window in windows}
    return broken


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield stated counts that the groups contradict, and unlisted shortfalls."""
    yield from unlisted(NAME, "GPUs beyond the stock", shortfalls(plan, inputs, evidence), evidence)
    for entry in plan.servers:
        in_use = evidence.accounts.gpus_in_use.get((entry.site, entry.gpu))
        if in_use is not None:
            where = f"{entry.site}/{entry.gpu}"
            yield from compare_windows(
                NAME, where, "GPUs in use", in_use.astype(np.float64), entry.gpus_in_use, COUNT_FLOOR
            )
