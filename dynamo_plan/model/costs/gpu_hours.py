r"""Rent of GPUs: hours in use, time to start included.

.. math:: \sum_{s,g,t} \text{gpu\_hours}_{s,g,t} \, \rho_{s,g}

with the price :math:`\rho` [USD per GPU-hour]. Objective `cost` [USD].
"""

from __future__ import annotations

from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem
from dynamo_plan.schema.scenario import ObjectiveName

NAME = "gpu_hours"


def not_applicable(problem: Problem) -> str | None:
    """Applies where a site states a price of GPU-hours."""
    priced = any(gpu.price_usd_per_gpu_h > 0 for site in problem.sites for gpu in site.gpus.values())
    return None if priced else "every price_usd_per_gpu_h is 0"


def add(model: SiteModel) -> None:
    """One term per site, GPU type and window."""
    prices = [model.problem.site(site).gpus[gpu].price_usd_per_gpu_h for site, gpu in site_axes(model.problem).stocks]
    model.terms.setdefault(ObjectiveName.COST, []).extend(
        (variable, prices[row]) for (row, _), variable in model.quantities["gpu_hours"].items()
    )
