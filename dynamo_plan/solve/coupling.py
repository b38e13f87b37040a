"""What a site makes of its pools' use: the exact cost of fixed amounts, and a fast meter of the same for repairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.model import constraints
from dynamo_plan.model.constraints import servers_on, split_load
from dynamo_plan.model.constraints.server_starts import most_servers
from dynamo_plan.model.constraints.servers_on import released_draw_w
from dynamo_plan.model.live import load
from dynamo_plan.model.quantities import SiteVector, site_axes
from dynamo_plan.model.site import LINKED, build_site, link, pieces
from dynamo_plan.problem import Problem
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.solve.highs import EXACT, Outcome, SolveStatus, finish, run
from dynamo_plan.units import GRAMS_PER_KILOGRAM, KWH_PER_MWH, WATTS_PER_KILOWATT


class Settlement:
    """The site model with the pools' use fixed, built once; its value is a plan's objective.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        model = build_site(problem)
        link(model, site_axes(problem).zeros())
        order = {constraint.name: index for index, constraint in enumerate(model.prob.constraints())}
        self._rows = np.array(
            [order[model.links[name][key].name] for name in LINKED for key in model.links[name]], dtype=np.int32
        )
        self._highs = load(model.prob, pulp.HiGHS(msg=False, gapRel=0.0, gapAbs=0.0, **EXACT))

    def value(self, amounts: SiteVector) -> float:
        """Objective of a plan that uses these amounts; infinite where it breaks a row of the site."""
        fixed = np.concatenate([getattr(amounts, name).ravel() for name in LINKED])
        # The method is there; highspy's type stubs leave it out.
        self._highs.changeRowsBounds(self._rows.size, self._rows, fixed, fixed)  # type: ignore[attr-defined]
        outcome = finish(self._highs, "site model", is_mip=True)
        return outcome.objective if outcome.status is SolveStatus.OPTIMAL else float("inf")


def settle(problem: Problem, amounts: SiteVector) -> Outcome:
    """The same for one plan, with the solver's own status."""
    model = build_site(problem)
    link(model, amounts)
    return run(model.prob)


def applicable(problem: Problem) -> list[str]:
    """Names of the site constraints that apply."""
    return [
        piece.NAME for piece in pieces(constraints) if hasattr(piece, "add") and piece.not_applicable(problem) is None
    ]


def draws(problem: Problem) -> bool:
    """Whether servers draw anything besides the GPUs in use, so that whole servers count."""
    return any(
        spec.server_idle_w or spec.unused_gpu_w or spec.released_server_w
        for site in problem.sites
        for spec in site.gpus.values()
    )


def stands_apart(problem: Problem) -> bool:
    """Whether nothing but linear costs ties the pools together: no site constraint applies and servers draw nothing."""
    tied = set(applicable(problem)) - {servers_on.NAME, *([] if problem.loads() else [split_load.NAME])}
    return not tied and not draws(problem)


def energy_price(problem: Problem) -> NDArray[np.float64]:
    """What one kWh of IT energy adds to the objective, shape (site, window)."""
    rows = []
    for site in problem.sites:
        price = problem.weight(ObjectiveName.COST) * site.grid.price_usd_per_mwh / KWH_PER_MWH
        carbon = problem.weight(ObjectiveName.CARBON) * site.grid.carbon_g_per_kwh / GRAMS_PER_KILOGRAM
        rows.append(site.pue * (problem.weight(ObjectiveName.ENERGY) + price + carbon))
    return np.array(rows)


def least_boot_cost(problem: Problem) -> NDArray[np.float64]:
    """Lower bound on what booting servers adds to the objective (site,): 0 unless their energy is a gain.

    For bounds that do not see boots: they tie windows together, and no window can know them by itself.
    """
    axes = site_axes(problem)
    price = energy_price(problem) * problem.windows.hours / WATTS_PER_KILOWATT
    least = np.zeros(len(axes.sites))
    for row, (name, gpu) in enumerate(axes.stocks):
        spec, home = problem.site(name).gpus[gpu], axes.sites.index(name)
        ahead = spec.server_start_s / problem.windows.window_s
        share = np.full(axes.windows, min(ahead, 1.0))
        share[0] += ahead  # what was due before the horizon
        gain = np.minimum(price[home] * servers_on.powered_server_w(spec), 0.0)
        least[home] += float((gain * share).sum()) * most_servers(problem, row)
    return least


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


def server_share_w(spec: GpuSpec) -> float:
    """What a GPU in use makes its server draw if it is full, besides the GPU itself, less what it would draw released [W]."""
    return (spec.server_idle_w - spec.released_server_w) / spec.per_server


def linear_prices(problem: Problem) -> SiteVector:
    """Direct prices with whole servers at their convex envelope: a GPU in use bears its share of a server."""
    prices = direct_prices(problem)
    axes = site_axes(problem)
    for row, (name, gpu) in enumerate(axes.stocks):
        spec = problem.site(name).gpus[gpu]
        share_kw = server_share_w(spec) / WATTS_PER_KILOWATT
        prices.gpus_in_use[row] += energy_price(problem)[axes.sites.index(name)] * share_kw * problem.windows.hours
    return prices


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads one site's draw besides its instances, and the excess over its caps, from GPUs in use and instance energy.

    It repeats in numbers what `model.constraints` states in rows within one window, for repairs, the window bound and the feasibility of
    caps; servers that boot for a later window are not in it. The objective of a plan always comes from `Settlement`; the oracle tests
    hold the bound against enumeration and the compact model.
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
