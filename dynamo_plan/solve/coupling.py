"""What a site makes of its pools' use: the exact cost of fixed amounts, and a fast meter of the same for repairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.constraints.servers_on import released_draw_w
from dynamo_plan.model.quantities import SiteVector, site_axes
from dynamo_plan.model.site import build_site, link
from dynamo_plan.problem import Problem
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.solve.highs import Outcome, run
from dynamo_plan.units import GRAMS_PER_KILOGRAM, KWH_PER_MWH, WATTS_PER_KILOWATT


def settle(problem: Problem, amounts: SiteVector) -> Outcome:
    """The site model with the pools' use fixed: its value is the plan's objective, infeasible if a cap is broken."""
    model = build_site(problem)
    link(model, amounts)
    return run(model.prob)


def energy_price(problem: Problem) -> NDArray[np.float64]:
    """What one kWh of IT energy adds to the objective, shape (site, window)."""
    rows = []
    for site in problem.sites:
        price = problem.weight(ObjectiveName.COST) * site.grid.price_usd_per_mwh / KWH_PER_MWH
        carbon = problem.weight(ObjectiveName.CARBON) * site.grid.carbon_g_per_kwh / GRAMS_PER_KILOGRAM
        rows.append(site.pue * (problem.weight(ObjectiveName.ENERGY) + price + carbon))
    return np.array(rows)


def direct_prices(problem: Problem) -> SiteVector:
    """Objective per unit of each site quantity, without what whole servers and caps add."""
    axes = site_axes(problem)
    prices = axes.zeros()
    prices.instance_energy_kwh[:] = energy_price(problem)
    weight = problem.weight(ObjectiveName.COST)
    for row, (site, gpu) in enumerate(axes.stocks):
        prices.gpu_hours[row] = weight * problem.site(site).gpus[gpu].price_usd_per_gpu_h
    prices.instance_starts[:] = weight * problem.transitions.instance_start_usd
    return prices


def linear_prices(problem: Problem) -> SiteVector:
    """Direct prices with whole servers at their convex envelope: a GPU in use bears its share of a server."""
    prices = direct_prices(problem)
    axes = site_axes(problem)
    for row, (name, gpu) in enumerate(axes.stocks):
        spec = problem.site(name).gpus[gpu]
        share_kw = (spec.server_idle_w - spec.released_server_w) / spec.per_server / WATTS_PER_KILOWATT
        prices.gpus_in_use[row] += energy_price(problem)[axes.sites.index(name)] * share_kw * problem.windows.hours
    return prices


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads one site's draw besides its instances, and the excess over its caps, from GPUs in use and instance energy.

    It repeats in numbers what `model.constraints` states in rows, for repairs, the window bound and the feasibility of caps. The
    objective of a plan always comes from `settle`; the oracle tests hold the bound against enumeration and the compact model.
    """

    problem: Problem
    site: int

    def overhead_w(self, gpus_in_use: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Draw of powered hosts and unused GPUs less that of the servers they keep from release [W]; arrays of any one shape."""
        site = self.problem.sites[self.site]
        total: NDArray[np.float64] = np.zeros(())
        for gpu, used in gpus_in_use.items():
            spec = site.gpus[gpu]
            servers = np.ceil(used / spec.per_server)
            per_server = spec.server_idle_w + spec.unused_gpu_w * spec.per_server - spec.released_server_w
            total = total + servers * per_server - used * spec.unused_gpu_w
        return total

    def released_w(self) -> NDArray[np.float64]:
        """Draw of all servers if none were powered (window,) [W]."""
        site = self.problem.sites[self.site]
        return sum((released_draw_w(site, gpu) for gpu in site.gpus), start=np.zeros(len(self.problem.windows)))

    def excess(
        self,
        window: NDArray[np.int64],
        gpus_in_use: dict[str, NDArray[np.float64]],
        instance_energy_kwh: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Relative excess over stock and power cap, 0 where both hold; all arrays of one shape."""
        site = self.problem.sites[self.site]
        total = np.zeros(window.shape)
        for gpu, used in gpus_in_use.items():
            stock = site.stock[gpu][window]
            total += np.where(np.isfinite(stock), np.maximum(used - stock, 0.0) / np.maximum(stock, 1.0), 0.0)
        cap = site.power_cap_kw[window]
        instances_kw = instance_energy_kwh / self.problem.windows.hours
        besides_w = self.overhead_w(gpus_in_use) + self.released_w()[window]
        power = site.pue * (instances_kw + besides_w / WATTS_PER_KILOWATT)
        return total + np.where(np.isfinite(cap), np.maximum(power - cap, 0.0) / cap, 0.0)
