"""What fixed use of the site quantities draws, emits and costs, window by window: the numbers of a plan and of its baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.constraints.server_starts import booting, lead, servers_started
from dynamo_plan.model.constraints.servers_on import powered_server_w
from dynamo_plan.model.quantities import SiteVector, site_axes
from dynamo_plan.problem import Problem, SiteProblem
from dynamo_plan.schema.plan import Totals
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.units import GRAMS_PER_KILOGRAM, KWH_PER_MWH, WATTS_PER_KILOWATT


@dataclass(frozen=True, slots=True)
class Ledger:
    """Arrays (site x gpu type, window) for servers, (site, window) for the rest; units in the names.

    `servers_started` counts the servers that start to boot, one boot time before the window's left edge, to be on in it.
    """

    servers_on: NDArray[np.int64]
    servers_started: NDArray[np.int64]
    it_energy_kwh: NDArray[np.float64]
    energy_kwh: NDArray[np.float64]
    carbon_kg: NDArray[np.float64]
    cost_usd: NDArray[np.float64]
    totals: Totals


def ledger(problem: Problem, amounts: SiteVector) -> Ledger:
    """Everything that follows from these amounts."""
    axes = site_axes(problem)
    hours = problem.windows.hours
    servers = np.zeros((len(axes.stocks), axes.windows), dtype=np.int64)
    started = np.zeros_like(servers)
    energy = np.empty((len(axes.sites), axes.windows))
    rent = np.zeros_like(energy)
    for row, (site_name, gpu) in enumerate(axes.stocks):
        spec = problem.site(site_name).gpus[gpu]
        servers[row] = np.ceil(amounts.gpus_in_use[row] / spec.per_server)
        before = _servers_before(problem.site(site_name), gpu)
        started[row] = servers_started(servers[row], lead(spec, problem.windows.window_s), before)
        rent[axes.sites.index(site_name)] += amounts.gpu_hours[row] * spec.price_usd_per_gpu_h
    for home, site in enumerate(problem.sites):
        used = {gpu: amounts.gpus_in_use[row] for row, (name, gpu) in enumerate(axes.stocks) if name == site.name}
        overhead = _besides_instances_w(site, used) + _booting_w(site, used, problem.windows.window_s)
        energy[home] = amounts.instance_energy_kwh[home] + overhead * hours / WATTS_PER_KILOWATT
    facility = energy * np.array([site.pue for site in problem.sites])[:, None]
    carbon = facility * np.array([site.grid.carbon_g_per_kwh for site in problem.sites]) / GRAMS_PER_KILOGRAM
    bill = facility * np.array([site.grid.price_usd_per_mwh for site in problem.sites]) / KWH_PER_MWH
    cost = bill + rent + amounts.instance_starts * problem.transitions.instance_start_usd
    totals = Totals(
        energy_kwh=float(facility.sum()),
        it_energy_kwh=float(energy.sum()),
        carbon_kg=float(carbon.sum()),
        cost_usd=float(cost.sum()),
        gpu_hours=float(amounts.gpu_hours.sum()),
        peak_power_kw=float(facility.sum(axis=0).max(initial=0.0)) / hours,
        peak_gpus=round(float(amounts.gpus_in_use.sum(axis=0).max(initial=0.0))),
        unserved_requests=0.0,
        instance_starts=round(float(amounts.instance_starts.sum())),
    )
    return Ledger(servers, started, energy, facility, carbon, cost, totals)


def _besides_instances_w(site: SiteProblem, gpus_in_use: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Draw of powered hosts, unused GPUs and released servers (window,) [W]; no server is released where none is left."""
    total = np.zeros(next(iter(gpus_in_use.values())).shape)
    for gpu, used in gpus_in_use.items():
        spec = site.gpus[gpu]
        servers = np.ceil(used / spec.per_server)
        released = 0.0 if spec.count is None else np.maximum(spec.count / spec.per_server - servers, 0.0)
        unused = servers * spec.per_server - used
        total = total + servers * spec.server_idle_w + unused * spec.unused_gpu_w + released * spec.released_server_w
    return total


def _booting_w(site: SiteProblem, gpus_in_use: dict[str, NDArray[np.float64]], window_s: int) -> NDArray[np.float64]:
    """Draw of servers that boot, in each window's mean (window,) [W]."""
    total = np.zeros(next(iter(gpus_in_use.values())).shape)
    for gpu, used in gpus_in_use.items():
        spec = site.gpus[gpu]
        servers = np.ceil(used / spec.per_server).astype(np.int64)
        extra = booting(servers, lead(spec, window_s), _servers_before(site, gpu))
        total = total + extra * powered_server_w(spec)
    return total


def _servers_before(site: SiteProblem, gpu: str) -> int | None:
    """Servers of a type on before the first window; None where that state is free."""
    return None if site.servers_before is None else site.servers_before[gpu]


def objective_value(problem: Problem, totals: Totals) -> float:
    """The blended objective of these totals."""
    return (
        problem.weight(ObjectiveName.ENERGY) * totals.energy_kwh
        + problem.weight(ObjectiveName.COST) * totals.cost_usd
        + problem.weight(ObjectiveName.CARBON) * totals.carbon_kg
    )
