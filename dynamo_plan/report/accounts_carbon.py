"""Carbon of a plan: operational at the average and at the marginal intensity, embodied, and the software carbon intensity.

SCI of ISO/IEC 21031:2024: (E x I + M) per R, with the energy E [kWh], its location-based intensity I [g/kWh], the embodied emissions M
that fall on the horizon and the functional unit R. M = embodied kg x horizon / life, for all servers that the plan keeps: the same
fleet as in the owned cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dynamo_plan.report.accounts_cost import load_rps, owned_servers
from dynamo_plan.schema.accounts import AccountsSpec, Unit
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.scenario import Scenario
from dynamo_plan.units import GRAMS_PER_KILOGRAM, HOURS_PER_YEAR, SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class CarbonIntensity:
    """Software carbon intensity with its parts.

    Attributes
    ----------
    operational_kg, embodied_kg : float
        E x I and M [kg CO2e].
    units : float
        R over the horizon.
    per : Unit
    """

    operational_kg: float
    embodied_kg: float
    units: float
    per: Unit

    @property
    def g_per_unit(self) -> float:
        """(E x I + M) / R [g CO2e per unit]; NaN for no units."""
        total_g = (self.operational_kg + self.embodied_kg) * GRAMS_PER_KILOGRAM
        return total_g / self.units if self.units else math.nan


def embodied_kg(plan: Plan, scenario: Scenario, spec: AccountsSpec) -> float | None:
    """Embodied emissions that fall on the horizon [kg CO2e]; None where they are not given for every GPU type of the plan."""
    years = plan.windows * plan.window_s / SECONDS_PER_HOUR / HOURS_PER_YEAR
    sites = {site.name: site for site in scenario.sites}
    parts = []
    for servers in plan.servers:
        owned = spec.owned.get(servers.gpu)
        if owned is None or owned.embodied_kg is None:
            return None
        count = owned_servers(servers, sites[servers.site].gpus[servers.gpu])
        parts.append(count * owned.embodied_kg * years / owned.server.life_years)
    return math.fsum(parts)


def carbon_intensity(plan: Plan, embodied: float, per: Unit) -> CarbonIntensity:
    """SCI of a plan at the average intensity, per request or GPU-hour."""
    operational = math.fsum(carbon for site in plan.sites for carbon in site.carbon_kg)
    requests = math.fsum(load_rps(plan)) * plan.window_s
    return CarbonIntensity(operational, embodied, requests if per is Unit.REQUEST else plan.totals.gpu_hours, per)
