r"""Wear and work of starting instances.

.. math:: \sum_{s,t} \text{instance\_starts}_{s,t} \, \sigma

with :math:`\sigma` = `instance_start_usd` [USD per start]. Objective `cost` [USD]. Energy and GPU-hours of a start
are counted in their own terms.
"""

from __future__ import annotations

from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem
from dynamo_plan.schema.scenario import ObjectiveName

NAME = "starts"


def not_applicable(problem: Problem) -> str | None:
    """Applies where a start has a price."""
    return None if problem.transitions.instance_start_usd > 0 else "instance_start_usd is 0"


def add(model: SiteModel) -> None:
    """One term per site and window."""
    price = model.problem.transitions.instance_start_usd
    model.terms.setdefault(ObjectiveName.COST, []).extend(
        (variable, price) for variable in model.quantities["instance_starts"].values()
    )
