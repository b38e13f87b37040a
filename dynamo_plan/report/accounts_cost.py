"""What a plan costs whoever rents the GPUs, and whoever owns the servers; recomputed from the plan and the grid's prices.

Owned, over a horizon of a part of a year (8760 h):

    cost = years x [servers x (sum of yearly cost of assets + maintenance)] + energy + cooling

The yearly cost of an asset is its price over its life (straight line), or its price times the capital recovery factor
i (1 + i)^n / ((1 + i)^n - 1) with interest i over n years.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dynamo_plan.schema.accounts import AccountsSpec, Amortisation, Asset, OwnedServer
from dynamo_plan.schema.plan import Plan, ServerPlan
from dynamo_plan.schema.scenario import GpuSpec, Scenario
from dynamo_plan.units import HOURS_PER_YEAR, KWH_PER_MWH, SECONDS_PER_HOUR

ELECTRICITY, RENT, STARTS = "electricity", "GPU-hours of running instances", "starts, their GPU-hours included"
ENERGY, COOLING, MAINTENANCE = "energy", "cooling and losses", "maintenance"
ASSETS = {
    "server": "server",
    "rack": "rack",
    "power": "power provisioning",
    "cooling": "cooling provisioning",
    "facility": "facility",
    "network": "network",
}
"""Fields of `OwnedServer` that are bought, and what they are called in the accounts."""


def capital_recovery_factor(interest: float, years: float) -> float:
    """Yearly payment per unit borrowed [1/year], at an interest per year [1] over a number of years; without interest 1 / years."""
    if interest == 0:
        return 1.0 / years
    growth: float = (1.0 + interest) ** years
    return interest * growth / (growth - 1.0)


def yearly_usd(price_usd: float, life_years: float, spec: AccountsSpec) -> float:
    """What an asset costs per year of its life [USD/year]."""
    if spec.amortisation is Amortisation.STRAIGHT_LINE:
        return price_usd / life_years
    return price_usd * capital_recovery_factor(spec.interest, life_years)


def standing_usd(owned: OwnedServer, servers: float, years: float, spec: AccountsSpec) -> dict[str, float]:
    """What owning servers costs whether they run or not [USD], by asset, over a part of a year [years]."""
    parts = {}
    for field, name in ASSETS.items():
        asset: Asset = getattr(owned, field)
        price_usd = asset.usd_per_server + asset.usd_per_kw * owned.rated_kw
        parts[name] = servers * years * yearly_usd(price_usd, asset.life_years, spec)
    parts[MAINTENANCE] = servers * years * owned.maintenance_usd_per_year
    return parts


def owned_servers(servers: ServerPlan, spec: GpuSpec) -> int:
    """Servers that the owner of the plan has: the stock; without one, as many as are ever on."""
    return max(servers.servers_on, default=0) if spec.count is None else spec.count // spec.per_server


def owned_usd(
    plan: Plan, scenario: Scenario, price_usd_per_mwh: Mapping[str, Sequence[float]], spec: AccountsSpec
) -> dict[str, float]:
    """What the plan costs whoever owns the servers [USD], by term.

    Parameters
    ----------
    price_usd_per_mwh : mapping of str to sequence of float
        Electricity price by site, per window.
    spec : AccountsSpec
        Has every GPU type of the plan.
    """
    years = plan.windows * plan.window_s / SECONDS_PER_HOUR / HOURS_PER_YEAR
    sites = {site.name: site for site in scenario.sites}
    terms = dict.fromkeys((*ASSETS.values(), MAINTENANCE, ENERGY, COOLING), 0.0)
    for servers in plan.servers:
        count = owned_servers(servers, sites[servers.site].gpus[servers.gpu])
        for name, usd in standing_usd(spec.owned[servers.gpu], count, years, spec).items():
            terms[name] += usd
    for site in plan.sites:
        prices = price_usd_per_mwh[site.site]
        terms[ENERGY] += _priced(site.it_energy_kwh, prices)
        terms[COOLING] += _priced(site.energy_kwh, prices) - _priced(site.it_energy_kwh, prices)
    return terms


def owned_gpu_hours(plan: Plan, scenario: Scenario) -> float:
    """GPU-hours that the owner has over the horizon, used or not."""
    sites = {site.name: site for site in scenario.sites}
    gpus = 0
    for servers in plan.servers:
        spec = sites[servers.site].gpus[servers.gpu]
        gpus += owned_servers(servers, spec) * spec.per_server
    return gpus * plan.windows * plan.window_s / SECONDS_PER_HOUR


def rented_usd(
    plan: Plan, scenario: Scenario, price_usd_per_mwh: Mapping[str, Sequence[float]]
) -> dict[str, dict[str, float]]:
    """What the plan costs whoever pays per GPU-hour and kWh [USD], by site and term; what is left of the verified sum are starts."""
    hours = plan.window_s / SECONDS_PER_HOUR
    specs = {site.name: site for site in scenario.sites}
    found = {}
    for site in plan.sites:
        own = [servers for servers in plan.servers if servers.site == site.site]
        rent = math.fsum(
            specs[site.site].gpus[servers.gpu].price_usd_per_gpu_h * hours * sum(servers.gpus_in_use) for servers in own
        )
        electricity = _priced(site.energy_kwh, price_usd_per_mwh[site.site])
        starts = max(0.0, math.fsum(site.cost_usd) - rent - electricity)
        found[site.site] = {ELECTRICITY: electricity, RENT: rent, STARTS: starts}
    return found


def scaling_bound(load: Sequence[float]) -> float:
    """The most that following the load can save against holding what its peak needs: 1 - mean/peak [1]; 0 where there is no load.

    A saving above it has another source as well, such as other kinds of instances or clocks.
    """
    peak = max(load, default=0.0)
    return 1.0 - math.fsum(load) / len(load) / peak if peak > 0 else 0.0


def load_rps(plan: Plan) -> list[float]:
    """Requests that the plan serves in each window [1/s], all services together."""
    parts: list[list[float]] = [[] for _ in range(plan.windows)]
    for group in plan.groups:
        parts[group.window].append(group.instances * group.rate_rps)
    return [math.fsum(rates) for rates in parts]


def _priced(energy_kwh: Sequence[float], price_usd_per_mwh: Sequence[float]) -> float:
    pairs = zip(energy_kwh, price_usd_per_mwh, strict=True)
    return math.fsum(energy * price for energy, price in pairs) / KWH_PER_MWH
