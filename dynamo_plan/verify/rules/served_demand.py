r"""Every pool's groups serve exactly the mean arrival rate of its buckets, in every window.

.. math:: \sum_{g \in p,t} n_g \lambda_g = \sum_{b \in p} \lambda_{b,t}

n instances of a group, lambda their rate each [1/s]. A best-effort plan may serve less where it lists so (place: the pool;
shortfall in 1/s), never more.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import AGREEMENT, RATE_FLOOR_RPS, Finding
from dynamo_plan.verify.rules import Shortfall, Shortfalls, unlisted

NAME = "served_demand"


def unserved_rps(plan: Plan, inputs: Inputs, evidence: Evidence) -> dict[str, NDArray[np.float64]]:
    """Demand less service by pool, shape (window,) [1/s]; exactly 0 within the tolerance."""
    served = {name: np.zeros(len(inputs.windows)) for name in evidence.pools}
    for group in evidence.groups:
        served[group.pool][group.window] += group.instances * group.rate_rps
    missing: dict[str, NDArray[np.float64]] = {}
    for name, load in evidence.pools.items():
        demand = load.rate_rps.sum(axis=1)
        difference = demand - served[name]
        within = np.abs(difference) <= np.maximum(RATE_FLOOR_RPS, AGREEMENT * demand)
        missing[name] = np.where(within, 0.0, difference)
    return missing


def shortfalls(plan: Plan, inputs: Inputs, evidence: Evidence) -> Shortfalls:
    """Rate that is not served [1/s], by pool and window."""
    return {
        (name, window): Shortfall(float(missing[window]), float(evidence.pools[name].rate_rps[window].sum()))
        for name, missing in unserved_rps(plan, inputs, evidence).items()
        for window in np.flatnonzero(missing > 0).tolist()
    }


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield pools and windows that serve less than asked without saying so, or more."""
    yield from unlisted(NAME, "rate not served [1/s]", shortfalls(plan, inputs, evidence), evidence)
    for name, missing in unserved_rps(plan, inputs, evidence).items():
        for window in np.flatnonzero(~(missing >= 0)).tolist():  # written so that NaN counts as wrong
            yield Finding(
                NAME, f"{name} window {window}", "rate served beyond demand [1/s]", 0.0, -float(missing[window])
            )
