r"""Every bucket of a service is in exactly one of its pools, as the scenario groups them, at the service's site.

With `pools: auto` any grouping will do.

.. math:: \bigcup_{p \in m} B_p = B_m, \qquad B_p \cap B_q = \emptyset \; (p \ne q)

B_p buckets of a pool, B_m of a service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dynamo_plan.schema.bucket import bucket_grid
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.scenario import PoolRule, ServiceSpec
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding

NAME = "pool_partition"


def asked_for(service: ServiceSpec, found: list[frozenset[str]]) -> list[frozenset[str]]:
    """The pools that the scenario asks for, as sets of buckets; where it leaves them open, the pools `found` and what they lack."""
    names = [bucket.name for bucket in bucket_grid(tuple(service.buckets.input), tuple(service.buckets.output))]
    match service.pools:
        case PoolRule.AUTO:
            lacking = frozenset(names).difference(*found)
            known = [pool for pool in found if pool and pool <= frozenset(names)]
            return known + ([lacking] if lacking else [])
        case PoolRule.PER_BUCKET:
            return [frozenset({name}) for name in names]
        case PoolRule.SINGLE:
            return [frozenset(names)]
        case pools:
            return [frozenset(pool) for pool in pools]


def show(pools: list[frozenset[str]]) -> str:
    """Pools as text, in a fixed order."""
    return "; ".join(sorted("+".join(sorted(pool)) for pool in pools))


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield services whose pools are not the ones asked for, and pools or groups out of place."""
    services = {service.name: service for service in inputs.scenario.services}
    for name, service in services.items():
        for site in [None] if service.sites is None else service.sites:
            here = [pool for pool in plan.pools if pool.service == name and site in (None, pool.site)]
            found = [frozenset(pool.buckets) for pool in here]
            asked = asked_for(service, found)
            placed = [bucket for pool in here for bucket in pool.buckets]
            if Counter(found) != Counter(asked) or max(Counter(placed).values(), default=0) > 1:
                where = name if site is None else f"{name} at {site}"
                yield Finding(NAME, where, "buckets of its pools", show(asked), show(found))
    names = Counter(pool.name for pool in plan.pools)
    for pool in plan.pools:
        owner = services.get(pool.service)
        if owner is None:
            yield Finding(NAME, pool.name, "service", "one of " + ", ".join(services), pool.service)
            continue
        sites = owner.sites or [owner.site or inputs.scenario.sites[0].name]
        if pool.site not in sites:
            yield Finding(NAME, pool.name, "site", " or ".join(sites), pool.site)
        if not pool.name.startswith(f"{pool.service}/") or names[pool.name] > 1:
            yield Finding(NAME, pool.name, "name", f"{pool.service}/..., once", f"{names[pool.name]} times")
    for stranger in sorted({group.pool for group in plan.groups} - set(names)):
        yield Finding(NAME, stranger, "pool of a group", "one of " + ", ".join(names), stranger)
