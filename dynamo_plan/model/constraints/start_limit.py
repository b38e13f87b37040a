r"""No more instances start at a site within a window than its people and networks can take.

.. math:: \text{instance\_starts}_{s,t} \le \text{max\_starts\_per\_window}

[instances], at each site by itself. Starts that the ending owes count in the last window. Where a re-shard is told from a start
(`instance_starts`), only starts count: a re-shard loads no weights from outside the server.

Why: starts share what loads weights (registry, network, disks), and somebody watches them. Source: ramping and start-up
limits of unit commitment.
"""

from __future__ import annotations

import numpy as np

from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem

NAME = "start_limit"


def not_applicable(problem: Problem) -> str | None:
    """Applies where the scenario limits starts."""
    limited = any(site.start_limit is not None for site in problem.sites)
    return None if limited else "transitions.max_starts_per_window is not given"


def add(model: SiteModel) -> None:
    """One row per site and window."""
    for home, name in enumerate(site_axes(model.problem).sites):
        limit = model.problem.site(name).start_limit
        if limit is None:
            continue
        for t, most in enumerate(limit):
            if np.isfinite(most):
                started = model.quantities["instance_starts"][home, t]
                model.prob.addConstraint(started <= float(most), f"{NAME}_{home}_{t}")
