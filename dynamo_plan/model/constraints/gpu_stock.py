r"""Running instances use no more GPUs than the site has of each type.

.. math:: \text{gpus\_in\_use}_{s,g,t} \le \text{count}_{s,g}

[GPUs]. Why: the stock is bought or leased. Source: the budget row of DynamoLLM's MILP (arXiv 2408.00741, section IV).
"""

from __future__ import annotations

import numpy as np

from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem

NAME = "gpu_stock"


def not_applicable(problem: Problem) -> str | None:
    """Without a count anywhere this is a sizing question and the row does not exist."""
    finite = any(np.isfinite(stock).any() for site in problem.sites for stock in site.stock.values())
    return None if finite else "no site states a GPU count: as many as needed"


def add(model: SiteModel) -> None:
    """One row per site, GPU type and window with a finite stock."""
    for row, (site, gpu) in enumerate(site_axes(model.problem).stocks):
        for t, stock in enumerate(model.problem.site(site).stock[gpu]):
            if np.isfinite(stock):
                used = model.quantities["gpus_in_use"][row, t]
                model.prob.addConstraint(used <= float(stock), f"{NAME}_{row}_{t}")
