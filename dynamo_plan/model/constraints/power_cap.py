r"""Facility power stays under the site's cap in every window's mean.

.. math:: \text{PUE}_s \, E^{IT}_{s,t} / \Delta \le P^{cap}_s

[kW], with IT energy :math:`E^{IT}` [kWh] and window length :math:`\Delta` [h].

Why: the grid connection or a demand-response contract. It caps the mean of a window, not a peak within it.
"""

from __future__ import annotations

import numpy as np

from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem

NAME = "power_cap"


def not_applicable(problem: Problem) -> str | None:
    """Applies where a site states a cap."""
    finite = any(np.isfinite(site.power_cap_kw).any() for site in problem.sites)
    return None if finite else "no site states power_cap_kw"


def add(model: SiteModel) -> None:
    """One row per site and window with a finite cap."""
    hours = model.problem.windows.hours
    for home, name in enumerate(site_axes(model.problem).sites):
        site = model.problem.site(name)
        for t, cap_kw in enumerate(site.power_cap_kw):
            if np.isfinite(cap_kw):
                energy = model.it_energy_kwh[home, t]
                model.prob.addConstraint(energy * (site.pue / hours) <= float(cap_kw), f"{NAME}_{home}_{t}")
