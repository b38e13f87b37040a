r"""The shares of a load that go to several sites are whole parts and add up to one, in every window.

.. math:: \sum_{s} \sigma_{l,s,t} = 1, \qquad n \sigma_{l,s,t} \in \{0, \ldots, n\}

with the share sigma of load l at site s [1] and n the service's `share_steps` [1]. A pool of a service with one site states no share.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import AGREEMENT, Finding

NAME = "split_load"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield shares that are missing, out of place, no whole parts, or do not add up."""
    services = {service.name: service for service in inputs.scenario.services}
    windows = len(inputs.windows)
    together: dict[tuple[str, frozenset[str]], np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    for pool in plan.pools:
        service = services.get(pool.service)
        if service is None:
            continue
        expected = 0 if service.sites is None else windows
        if len(pool.share) != expected:
            yield Finding(NAME, pool.name, "windows with a share", expected, len(pool.share))
        elif expected:
            parts = np.array(pool.share) * service.share_steps
            sound = (parts >= -AGREEMENT) & (np.abs(parts - np.rint(parts)) <= AGREEMENT * service.share_steps)
            for window in np.flatnonzero(~sound).tolist():
                whole = f"a whole number of {service.share_steps} parts"
                yield Finding(NAME, f"{pool.name} window {window}", "share", whole, pool.share[window])
            load = (pool.service, frozenset(pool.buckets))
            together[load] = together.get(load, np.zeros(windows)) + np.array(pool.share)
    for (name, buckets), total in together.items():
        for window in np.flatnonzero(~(np.abs(total - 1.0) <= AGREEMENT)).tolist():
            where = f"{name}/{'+'.join(sorted(buckets))} window {window}"
            yield Finding(NAME, where, "sum of the shares", 1.0, float(total[window]))
