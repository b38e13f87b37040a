r"""A load that several sites share is served as a whole: the shares that its pools take add up to one.

.. math:: served_{l,t} = \sum_{p \in l} \sigma_{p,t} = 1, \qquad \sigma_{p,t} \in \{0, 1/n, \ldots, 1\}

with the share :math:`\sigma` of load :math:`l` (all requests of a pool's buckets) that goes to the pool at one site [1], a whole
number of :math:`n` parts: what a router with weights can carry out. A pool with share :math:`\sigma` serves
:math:`\sigma \lambda` and keeps :math:`\sigma \lambda^q` in reserve, at the load's own mix of buckets.

Why: price and carbon of electricity differ between sites and hours, so requests go where serving them is cheapest, within
what each site has. Source: geographical load balancing (Liu et al., SIGMETRICS 2011); we split in whole parts and count instances.
"""

from __future__ import annotations

from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem

NAME = "split_load"


def not_applicable(problem: Problem) -> str | None:
    """Why no row is needed, or None."""
    shared = problem.loads() or any(pool.share is not None for pool in problem.pools)
    return None if shared else "every service runs at one site"


def add(model: SiteModel) -> None:
    """One row per shared load and window."""
    for (load, t), served in model.quantities["served"].items():
        model.prob.addConstraint(served == 1.0, f"{NAME}_{load}_{t}")
