r"""Where routing is free every group says what it serves of each bucket, and together they serve each bucket's mean rate.

.. math::
    x_{g,b} \ge 0, \qquad \sum_b x_{g,b} = \lambda_g, \qquad \sum_{g \in p,t} n_g \, x_{g,b} = \lambda_{b,t}

x rate of a bucket at each of a group's n instances [1/s]. Where routing is even no group says so: all take the pool's mix.
`served_demand` has the sum over buckets, `operating_points` the capacity and the power of each group's own mix.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.scenario import Routing
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import AGREEMENT, RATE_FLOOR_RPS, Finding, agrees

NAME = "routing"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield groups whose rates per bucket are missing, negative or do not add up, and buckets served too little or too much."""
    served = {
        name: np.zeros_like(load.rate_rps)
        for name, load in evidence.pools.items()
        if load.service.routing is Routing.FREE
    }
    for group in evidence.groups:
        where = f"{group.pool} window {group.window} {group.kind} {group.frequency_mhz:g} MHz"
        given, expected = len(group.bucket_rates_rps), 0
        if group.pool in served:
            expected = len(evidence.pools[group.pool].buckets)
        if given != expected:
            yield Finding(NAME, where, "rates per bucket", expected, given)
        elif expected:
            rates = np.array(group.bucket_rates_rps)
            if not (rates >= 0).all():  # written so that NaN counts as wrong
                yield Finding(NAME, where, "least rate of a bucket [1/s]", "0 or more", float(rates.min()))
            if not agrees(float(rates.sum()), group.rate_rps, RATE_FLOOR_RPS):
                yield Finding(NAME, where, "rate, the sum over buckets [1/s]", float(rates.sum()), group.rate_rps)
            served[group.pool][group.window] += group.instances * rates
    for name, found in served.items():
        load = evidence.pools[name]
        within = np.abs(found - load.rate_rps) <= np.maximum(RATE_FLOOR_RPS, AGREEMENT * load.rate_rps)
        for window, b in np.argwhere(~within).tolist():
            where = f"{name} window {window} bucket {load.buckets[b].name}"
            yield Finding(NAME, where, "rate served [1/s]", float(load.rate_rps[window, b]), float(found[window, b]))
