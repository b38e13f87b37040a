"""SinglePool: what operators run today. Per service one static pool of the largest kind at its highest clock, sized for the peak.

Two sizings, because the choice moves every saving: *mixing free* lets all classes share instances at no loss, so utilisation may reach 1;
*strict* keeps every class within its own SLO, so utilisation may reach 1 - derate of the full mix. Servers stay on all the time.
Source: the baseline of DynamoLLM (arXiv 2408.00741, section V).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from dynamo_plan.model.quantities import SiteVector, site_axes
from dynamo_plan.problem import Problem, ReferencePool
from dynamo_plan.schema.plan import Baseline, Omission
from dynamo_plan.schema.profile import clock_name
from dynamo_plan.solve.ledger import ledger
from dynamo_plan.units import WH_PER_KWH

MIXING_FREE = "single_pool"
STRICT = "single_pool_strict"


MOST_DERATE = 0.9
"""Share of its capacity that an instance may lose by serving all classes before the strict sizing is left out [1]: the table's derate is
that of one instance by itself, and behind a router a pool of many loses less. Ten times the instances would be no baseline of anyone."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """A name, what it means, and whether the mixing derate counts."""

    name: str
    meaning: str
    strict: bool


SIZINGS = (
    Sizing(MIXING_FREE, "mixing costs no capacity", strict=False),
    Sizing(STRICT, "every class within its own SLO", strict=True),
)


def single_pool(problem: Problem) -> tuple[tuple[Baseline, ...], tuple[Omission, ...]]:
    """Both sizings; one that cannot be computed is left out with the reason."""
    found: list[Baseline] = []
    omitted: list[Omission] = []
    # What is on all the time starts nothing, whatever ran before.
    always_on = replace(problem, sites=tuple(replace(site, servers_before=None) for site in problem.sites))
    for sizing in SIZINGS:
        total = site_axes(problem).zeros()
        reason = None
        kinds = set()
        for pool in problem.references:
            if isinstance(pool, Omission):
                reason = pool.reason
                break
            derate = pool.strict_derate if sizing.strict else 0.0
            if derate is None or derate > MOST_DERATE:
                reason = f"service {pool.service}: " + (
                    "no mixing derate for the full mix of classes"
                    if derate is None
                    else f"serving all classes together leaves an instance {1.0 - derate:.0%} of its capacity"
                )
                break
            total = total + _use(problem, pool, derate)
            kinds.add(f"{pool.kind} at {clock_name(pool.frequency_mhz)}")
        if reason is None:
            text = f"static single pool per service, {', '.join(sorted(kinds))}, sized for the peak reserve load; {sizing.meaning}"
            found.append(Baseline(sizing.name, text, ledger(always_on, total).totals))
        else:
            omitted.append(Omission(f"baseline {sizing.name}", reason))
    return tuple(found), tuple(omitted)


def _use(problem: Problem, pool: ReferencePool, derate: float) -> SiteVector:
    """Site quantities of one service's static pool."""
    axes = site_axes(problem)
    per_rate = np.array([1.0 / curve.capacity_rps for curve in pool.curves])
    count = max(1, math.ceil(float((pool.reserve_rate_rps @ per_rate).max()) / (1.0 - derate) - 1e-9))
    part = pool.rate_rps * per_rate / count
    level = part.sum(axis=1)
    # Power at utilisation u: the buckets' own powers at u, weighted by the part of u that each causes.
    own = np.stack(
        [np.interp(level * curve.capacity_rps, curve.rate_rps, curve.power_w) for curve in pool.curves], axis=1
    )
    weight = np.where(level[:, None] > 0, part / np.where(level > 0, level, 1.0)[:, None], 1.0 / part.shape[1])
    power = count * (weight * own).sum(axis=1)
    use = axes.zeros()
    stock = axes.stocks.index((pool.site, pool.kind.gpu))
    hours = problem.windows.hours
    use.gpus_in_use[stock] += count * pool.kind.gpus
    use.gpu_hours[stock] += count * pool.kind.gpus * hours
    use.instance_energy_kwh[axes.sites.index(pool.site)] += power * hours / WH_PER_KWH
    return use
