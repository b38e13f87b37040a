r"""Operational carbon: facility energy at the grid's average carbon intensity.

.. math:: \sum_{s,t} \text{PUE}_s \, E^{IT}_{s,t} \, c_{s,t} / 1000

with the intensity :math:`c` [g CO2e/kWh]. Objective `carbon` [kg CO2e]. Embodied carbon is not in it.
"""

from __future__ import annotations

from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.units import GRAMS_PER_KILOGRAM

NAME = "carbon"


def not_applicable(problem: Problem) -> str | None:
    """Applies where a grid signal states an intensity above 0."""
    return None if any(site.grid.carbon_g_per_kwh.any() for site in problem.sites) else "every carbon intensity is 0"


def add(model: SiteModel) -> None:
    """One term per site and window."""
    sites = [model.problem.site(name) for name in site_axes(model.problem).sites]
    model.terms.setdefault(ObjectiveName.CARBON, []).extend(
        (variable, sites[home].pue * float(sites[home].grid.carbon_g_per_kwh[t]) / GRAMS_PER_KILOGRAM)
        for (home, t), variable in model.it_energy_kwh.items()
    )
