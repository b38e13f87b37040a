"""SinglePool: what operators run today. Per service one static pool of nodes for the peak, sized as if mixing cost no capacity.

Source: the baseline of DynamoLLM (arXiv 2408.00741, section V). How its pool was sized is not said there; the other reading of it is
`single_pool_strict`.
"""

from __future__ import annotations

import numpy as np

from dynamo_plan.baselines.single_pool import MOST_DERATE
from dynamo_plan.compare.case import Case
from dynamo_plan.compare.system import CannotRunError, Decision, Layout, Service, services_of, whole_nodes

NAME = "single-pool"
MEANING = "One static pool per service, the largest kind at its highest clock, sized for the peak as if mixing classes cost nothing"


def decide(case: Case) -> Decision:
    """One pool per service."""
    return one_pool(case, strict=False)


def one_pool(case: Case, *, strict: bool) -> Decision:
    """A static pool of all buckets per service; strict: less by what mixing costs.

    Raises
    ------
    CannotRunError
        No node can serve all buckets, or strictly not together.
    """
    layout = Layout(case)
    for service in services_of(case):
        peak = service.load.sum(axis=1).max() / (1.0 - (_derate(service) if strict else 0.0))
        count = max(int(whole_nodes(np.array(peak))), 1, service.assembly.service.min_instances)
        pool = layout.pool(service, service.buckets)
        layout.nodes(service, pool, np.full(len(case.windows), count))
    return Decision(layout.schedule(), layout.held_gpus)


def _derate(service: Service) -> float:
    """Share of a node's capacity that serving all buckets with load together costs [1]."""
    loaded = [bucket for bucket, own in zip(service.assembly.buckets, service.load.T, strict=True) if own.any()]
    derate = service.assembly.derate(service.kind, service.frequency_mhz, loaded)
    if derate is None:
        raise CannotRunError(f"the mixing table has no derate of {service.kind} for all classes of {service.name}")
    if derate > MOST_DERATE:
        left = (
            f"serving all classes of {service.name} together leaves {service.kind} {1.0 - derate:.0%} of its capacity"
        )
        raise CannotRunError(left)
    return derate
