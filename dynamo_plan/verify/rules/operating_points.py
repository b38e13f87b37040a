r"""Every group runs at a point that the profile's rows show to hold the SLO, and draws what the rows say.

.. math::
    0 \le \lambda_g \le \mu_{k,f}(s_g), \quad u_g = \lambda_g / \mu_{k,f}(s_g), \quad P_g = n_g w_{k,f}(\lambda_g)

lambda rate of one instance [1/s], mu capacity at the SLO for the shares s of the buckets [1/s], the pool's or, where routing is
free, the group's own; u utilisation, n instances, w power of one instance [W]. The kind has rows and GPUs at the site, the clock
is one that may be locked. A window without load has the shares of the horizon's sums; a pool that never has load equal ones; an
instance without load of a freely routed pool idles at the least draw of its buckets' rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Group, Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import AGREEMENT, RATE_FLOOR_RPS, RATIO_FLOOR, Finding, agrees

NAME = "operating_points"

POWER_FLOOR_W = 1e-6
"""Absolute [W]. Only for an instance that draws nothing on paper."""


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield groups at points that do not exist, break the SLO or are misstated."""
    for group in evidence.groups:
        yield from check_group(group, evidence)


def check_group(group: Group, evidence: Evidence) -> Iterator[Finding]:
    """Yield what is wrong with one group."""
    load = evidence.pools[group.pool]
    where = f"{group.pool} window {group.window} {group.kind} {group.frequency_mhz:g} MHz"
    if group.kind not in evidence.cells[load.service.name]:
        yield Finding(NAME, where, "kind", "one that has profile rows", str(group.kind))
        return
    if group.kind.gpu not in load.site.gpus:
        yield Finding(NAME, where, "GPU type", f"one of site {load.site.name}", group.kind.gpu)
        return
    clocks = evidence.clocks_mhz(load.service, group.kind)
    if group.frequency_mhz not in clocks:
        yield Finding(NAME, where, "clock [MHz]", ", ".join(f"{clock:g}" for clock in clocks), group.frequency_mhz)
        return
    mix = evidence.mix_of(group)
    if mix is None:
        yield Finding(NAME, where, "operating point", "within the SLO of every bucket", "beyond it, or without rows")
        return
    if not -RATE_FLOOR_RPS <= group.rate_rps <= mix.capacity_rps * (1 + AGREEMENT):
        yield Finding(NAME, where, "rate, at most the capacity at the SLO [1/s]", mix.capacity_rps, group.rate_rps)
    utilisation = group.rate_rps / mix.capacity_rps
    if not agrees(utilisation, group.utilisation, RATIO_FLOOR):
        yield Finding(NAME, where, "utilisation", utilisation, group.utilisation)
    power_w = group.instances * mix.watts(group.rate_rps)
    if not agrees(power_w, group.power_w, POWER_FLOOR_W):
        yield Finding(NAME, where, "power [W]", power_w, group.power_w)
