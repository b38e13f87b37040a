r"""Facility energy: IT energy times PUE.

.. math:: \sum_{s,t} \text{PUE}_s \, E^{IT}_{s,t}

Objective `energy` [kWh].
"""

from __future__ import annotations

from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem
from dynamo_plan.schema.scenario import ObjectiveName

NAME = "energy"


def not_applicable(problem: Problem) -> str | None:
    """Always applies."""
    del problem
    return None


def add(model: SiteModel) -> None:
    """One term per site and window."""
    sites = site_axes(model.problem).sites
    model.terms.setdefault(ObjectiveName.ENERGY, []).extend(
        (variable, model.problem.site(sites[home]).pue) for (home, _), variable in model.it_energy_kwh.items()
    )
