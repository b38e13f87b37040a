r"""Every pool keeps its service's least number of instances running, in every window.

.. math:: \sum_k N_{p,k,t} \ge N^{\min}
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding

NAME = "min_instances"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield pools and windows with fewer instances than the service keeps up."""
    for name, load in evidence.pools.items():
        running = np.zeros(len(inputs.windows), dtype=np.int64)
        for (pool, _), count in evidence.accounts.instances.items():
            if pool == name:
                running += count
        least = load.service.min_instances
        for window in np.flatnonzero(running < least).tolist():
            yield Finding(NAME, f"{name} window {window}", "instances", least, int(running[window]))
