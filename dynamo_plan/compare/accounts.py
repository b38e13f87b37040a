"""What a system's run took, by one rule for all: the engine's energy of instances, and the plan's ledger for all besides.

GPUs that a system holds and does not use are on and unused, in servers that are powered for them; all others are released, as in a plan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.system import Decision
from dynamo_plan.model.quantities import (
    SiteVector,
    changes_between,
    reshard_energy_kwh,
    reshard_hours,
    site_axes,
    start_energy_kwh,
    start_hours,
)
from dynamo_plan.replay.accounts import Energies, SiteLedger, energies_of, replayed_account
from dynamo_plan.replay.run import Ran
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.replay import Account
from dynamo_plan.solve.ledger import ledger
from dynamo_plan.units import KWH_PER_MWH, WATTS_PER_KILOWATT


@dataclass(frozen=True, slots=True, eq=False)
class Books:
    """Accounts of a run.

    Attributes
    ----------
    gpus : array of int, shape (window,)
        GPUs held, all sites.
    """

    account: Account
    energies: Energies
    reshards: int
    gpus: NDArray[np.int64]


def books_of(case: Case, decision: Decision, ran: Ran) -> Books:
    """Energy, carbon and cost of a run, and what it held."""
    problem, windows = case.problem, case.windows
    use, reshards = _besides(case, decision)
    rest = ledger(problem, use)
    ledgers = tuple(
        SiteLedger(
            site=site.name,
            rest_it_kwh=rest.it_energy_kwh[row],
            rest_cost_usd=rest.cost_usd[row] - rest.energy_kwh[row] * site.grid.price_usd_per_mwh / KWH_PER_MWH,
            price_usd_per_mwh=site.grid.price_usd_per_mwh,
            carbon_g_per_kwh=site.grid.carbon_g_per_kwh,
            pue=site.pue,
        )
        for row, site in enumerate(problem.sites)
    )
    energies = energies_of(ran, ledgers)
    starts = round(float(use.instance_starts.sum()))
    account = replayed_account(energies, ledgers, float(use.gpu_hours.sum()), starts, windows.window_s)
    return Books(account, energies, reshards, use.gpus_in_use.sum(axis=0).astype(np.int64))


def _besides(case: Case, decision: Decision) -> tuple[SiteVector, int]:
    """Site quantities without the energy of running instances, and how many instances were re-sharded."""
    problem = case.problem
    axes = site_axes(problem)
    use = axes.zeros()
    in_use = np.zeros_like(use.gpus_in_use)
    sites = {pool.name: pool.site for pool in decision.schedule.pools}
    reshards = 0
    for pool, kinds in decision.schedule.kinds().items():
        counts = _counts(decision.schedule, pool, kinds)
        new = changes_between(problem, kinds, np.concatenate([counts[:1], counts[:-1]]), counts)
        row = axes.sites.index(sites[pool])
        use.instance_starts[row] += new.started.sum(axis=1)
        use.instance_energy_kwh[row] += new.started.sum(axis=1) * start_energy_kwh(problem)
        use.instance_energy_kwh[row] += new.resharded.sum(axis=1) * reshard_energy_kwh(problem)
        reshards += int(new.resharded.sum())
        early_h = new.started * start_hours(problem) + new.resharded * reshard_hours(problem)
        for column, kind in enumerate(kinds):
            stock = axes.stocks.index((sites[pool], kind.gpu))
            in_use[stock] += counts[:, column] * kind.gpus
            use.gpu_hours[stock] += early_h[:, column] * kind.gpus
    for row, (site, gpu) in enumerate(axes.stocks):
        held = np.maximum(decision.held_gpus.get((site, gpu), 0), in_use[row])
        use.gpus_in_use[row] += held
        use.gpu_hours[row] += held * problem.windows.hours
        unused_w = (held - in_use[row]) * problem.site(site).gpus[gpu].unused_gpu_w
        use.instance_energy_kwh[axes.sites.index(site)] += unused_w * problem.windows.hours / WATTS_PER_KILOWATT
    return use, reshards


def _counts(schedule: Schedule, pool: str, kinds: tuple[Kind, ...]) -> NDArray[np.int64]:
    """Instances of a pool, shape (window, kind)."""
    counts = np.zeros((len(schedule.groups), len(kinds)), dtype=np.int64)
    for window, groups in enumerate(schedule.groups):
        for group in groups:
            if group.pool == pool:
                counts[window, kinds.index(group.kind)] += group.instances
    return counts
