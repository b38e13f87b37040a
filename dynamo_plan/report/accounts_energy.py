"""Where a plan's energy goes, recomputed from its groups, servers and scenario.

Facility energy of a site = PUE x (instances + powered servers + unused GPUs + released servers + starts). The first four follow from
counts and draws, window by window; starts, re-shards and booting servers are what is left of the verified sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from dynamo_plan.schema.plan import Group, Plan, ServerPlan
from dynamo_plan.schema.scenario import GpuSpec, Scenario
from dynamo_plan.units import SECONDS_PER_HOUR, WATTS_PER_KILOWATT

INSTANCES = "instances"
SERVERS = "powered servers"
UNUSED = "unused GPUs in them"
RELEASED = "servers switched off"
STARTS = "starts and boots"
OVERHEAD = "cooling and losses (PUE)"


def pue_of(it_kwh: float, pue: float) -> float:
    """Facility energy of an IT energy at a PUE, both in one unit."""
    return it_kwh * pue


def it_of(facility_kwh: float, pue: float) -> float:
    """IT energy within a facility energy at a PUE, both in one unit."""
    return facility_kwh / pue


def energy_parts_kwh(plan: Plan, scenario: Scenario) -> dict[str, dict[str, float]]:
    """Facility energy of each site by what draws it [kWh]; the parts of a site add up to its energy."""
    hours = plan.window_s / SECONDS_PER_HOUR
    specs = {site.name: site for site in scenario.sites}
    site_of = {pool.name: pool.site for pool in plan.pools}
    found = {}
    for site in plan.sites:
        groups_w = math.fsum(group.power_w for group in plan.groups if site_of[group.pool] == site.site)
        parts = {INSTANCES: groups_w}
        for name, draw in ((SERVERS, _servers_w), (UNUSED, _unused_w), (RELEASED, _released_w)):
            own = [servers for servers in plan.servers if servers.site == site.site]
            parts[name] = math.fsum(draw(servers, specs[site.site].gpus[servers.gpu]) for servers in own)
        parts = {name: watts / WATTS_PER_KILOWATT * hours for name, watts in parts.items()}
        it_kwh = math.fsum(site.it_energy_kwh)
        parts[STARTS] = max(0.0, it_kwh - math.fsum(parts.values()))
        parts[OVERHEAD] = math.fsum(site.energy_kwh) - it_kwh
        found[site.site] = parts
    return found


def _servers_w(servers: ServerPlan, spec: GpuSpec) -> float:
    return spec.server_idle_w * sum(servers.servers_on)


def _unused_w(servers: ServerPlan, spec: GpuSpec) -> float:
    return spec.unused_gpu_w * (spec.per_server * sum(servers.servers_on) - sum(servers.gpus_in_use))


def _released_w(servers: ServerPlan, spec: GpuSpec) -> float:
    if spec.count is None:
        return 0.0
    return spec.released_server_w * sum(max(0, spec.count // spec.per_server - on) for on in servers.servers_on)


@dataclass(frozen=True, slots=True)
class Bearing:
    """What one part of the load bears of its site's totals.

    Attributes
    ----------
    instances_kwh : float
        IT energy of its instances [kWh].
    energy_kwh, carbon_kg, cost_usd : float
        Its part of facility energy [kWh], operational carbon [kg CO2e] and cost [USD], in each window in proportion to that.
    """

    instances_kwh: float
    energy_kwh: float
    carbon_kg: float
    cost_usd: float


def borne_by[Key](plan: Plan, key: Callable[[Group], Key]) -> dict[Key, Bearing]:
    """Totals of the sites laid on their instances, summed by any property of the groups, in order of appearance.

    A window in which nothing runs at a site has nobody to bear what idle servers draw; so the parts may add up to less than the sites.
    """
    site_of = {pool.name: pool.site for pool in plan.pools}
    sites = {site.site: site for site in plan.sites}
    drawn: dict[tuple[str, int], list[float]] = {}
    for group in plan.groups:
        drawn.setdefault((site_of[group.pool], group.window), []).append(group.power_w)
    whole = {place: math.fsum(powers) for place, powers in drawn.items()}
    hours = plan.window_s / SECONDS_PER_HOUR
    parts: dict[Key, list[tuple[float, float, float, float]]] = {}
    for group in plan.groups:
        name, window = site_of[group.pool], group.window
        part = group.power_w / whole[name, window] if whole[name, window] else 0.0
        site = sites[name]
        parts.setdefault(key(group), []).append(
            (
                group.power_w / WATTS_PER_KILOWATT * hours,
                part * site.energy_kwh[window],
                part * site.carbon_kg[window],
                part * site.cost_usd[window],
            )
        )
    return {name: Bearing(*map(math.fsum, zip(*rows, strict=True))) for name, rows in parts.items()}
