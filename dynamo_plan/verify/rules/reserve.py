r"""The instances that run can serve the reserve rate at their best clocks, in every pool and window.

.. math:: \sum_{k} N_{p,k,t} \max_f \mu_{k,f}(s^q_{p,t}) \ge \sum_{b \in p} \lambda^q_{b,t}

N instances, mu capacity at the SLO [1/s] for the reserve's shares s^q of the buckets, lambda^q the reserve rate [1/s]: the
forecast's quantile, and at least the mean. A window without reserve rate has the shares of the horizon's sums. Where routing is
free the instances must be able to serve every bucket's reserve rate under some routing and at some clocks.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.scenario import Routing
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import AGREEMENT, RATE_FLOOR_RPS, Finding
from dynamo_plan.verify.routes import reserve_served

NAME = "reserve"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield pools and windows whose instances could not serve the reserve rate."""
    for name, load in evidence.pools.items():
        running = [(kind, n) for (pool, kind), n in evidence.accounts.instances.items() if pool == name]
        for window, needed in enumerate(load.reserve_rate_rps.sum(axis=1).tolist()):
            counts = {kind: int(n[window]) for kind, n in running if n[window]}
            if load.service.routing is Routing.FREE:
                held = needed * reserve_served(evidence, name, window, counts) if needed > 0 else 0.0
            else:
                held = sum(n * evidence.reserve_capacity_rps(name, kind, window) for kind, n in counts.items())
            if held < needed - max(RATE_FLOOR_RPS, AGREEMENT * needed):
                yield Finding(NAME, f"{name} window {window}", "capacity for the reserve [1/s]", needed, held)
