r"""Electricity bill: facility energy at the grid's price.

.. math:: \sum_{s,t} \text{PUE}_s \, E^{IT}_{s,t} \, \pi_{s,t} / 1000

with the price :math:`\pi` [USD/MWh], which may be negative. Objective `cost` [USD].
"""

from __future__ import annotations

from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.units import KWH_PER_MWH

NAME = "electricity"


def not_applicable(problem: Problem) -> str | None:
    """Applies where a grid signal states a price above or below 0."""
    return None if any(site.grid.price_usd_per_mwh.any() for site in problem.sites) else "every electricity price is 0"


def add(model: SiteModel) -> None:
    """One term per site and window."""
    sites = [model.problem.site(name) for name in site_axes(model.problem).sites]
    model.terms.setdefault(ObjectiveName.COST, []).extend(
        (variable, sites[home].pue * float(sites[home].grid.price_usd_per_mwh[t]) / KWH_PER_MWH)
        for (home, t), variable in model.it_energy_kwh.items()
    )
