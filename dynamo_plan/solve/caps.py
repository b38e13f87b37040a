"""Caps that cannot be held: the least relaxation that makes a plan possible, and what the plan then breaks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.constraints.min_up import too_short, windows_up
from dynamo_plan.model.constraints.servers_on import powered_server_w
from dynamo_plan.model.quantities import SiteVector, changes, site_axes, start_energy_kwh
from dynamo_plan.problem import Problem, SiteProblem
from dynamo_plan.schema.plan import Violation
from dynamo_plan.solve.coupling import Meter
from dynamo_plan.solve.feasibility import best_combination, gpus_by_type, least_power, unused_w
from dynamo_plan.solve.ledger import Ledger
from dynamo_plan.solve.states import StateSpace
from dynamo_plan.units import WATTS_PER_KILOWATT

CAP_TOLERANCE = 1e-9
"""Relative; a cap that is held up to rounding is held."""


HEADROOM = 1e-7
"""Relative; how far above the least feasible power a cap is raised: solvers call a row with less room infeasible now and then."""


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A problem whose caps can be held, and what every plan needs at least.

    Attributes
    ----------
    least_power_kw : dict of str to float
        By site whose cap no plan can hold: the facility power that some window takes whatever is planned [kW].
    """

    problem: Problem
    least_power_kw: dict[str, float]


def relaxed(problem: Problem, spaces: list[StateSpace], *, with_starts: bool, deadline: float = math.inf) -> Relaxed:
    """The problem with its caps raised where no combination of states holds them, just enough that one does.

    Parameters
    ----------
    with_starts : bool
        Also leave room for the energy of starting every instance and booting every server wherever a cap is near: starts tie the
        windows together, so that windows which can be held one by one may not be held in a row.
    deadline : float
        By `time.monotonic`; caps of windows that were not looked at by then stay as they are.
    """
    sites: list[SiteProblem] = []
    least: dict[str, float] = {}
    for home, site in enumerate(problem.sites):
        own = [space for space in spaces if space.pool.site == site.name]
        if not _has_caps(site):
            sites.append(site)
            continue
        likely = [least_power(space, unused_w(site), roughly=True) for space in own]
        suspicious = _suspicious_windows(problem, home, own, likely, with_starts=with_starts)
        cheapest = [least_power(space, unused_w(site), deadline=deadline) for space in own] if suspicious.size else []
        stock = {gpu: limit.copy() for gpu, limit in site.stock.items()}
        cap = site.power_cap_kw.copy()
        for t in suspicious.tolist():
            if monotonic() > deadline:
                break
            found = best_combination(problem, site, own, cheapest, t)
            drawn_kw = found.power_kw
            for gpu, limit in stock.items():
                # Whole servers: a scenario can only state these, and no fraction of one is ever released.
                per_server = site.gpus[gpu].per_server
                if found.gpus[gpu] > limit[t]:
                    raised = math.ceil(found.gpus[gpu] / per_server) * per_server
                    # No server beyond the stock was ever released, so powering it saves no released server's draw.
                    spared_w = (raised - limit[t]) / per_server * site.gpus[gpu].released_server_w
                    drawn_kw += site.pue * spared_w / WATTS_PER_KILOWATT
                    limit[t] = raised
            if drawn_kw > site.power_cap_kw[t] * (1 + CAP_TOLERANCE):
                least[site.name] = max(found.least_kw, least.get(site.name, 0.0))
            needed = drawn_kw + (_start_power_kw(problem, site, own, cheapest, t) if with_starts else 0.0)
            if needed > cap[t] * (1 + CAP_TOLERANCE):
                cap[t] = needed * (1 + HEADROOM)
        sites.append(replace(site, stock=stock, power_cap_kw=cap))
    return Relaxed(replace(problem, sites=tuple(sites)), least)


def same_caps(first: Problem, second: Problem) -> bool:
    """Whether all stocks and power caps of two problems are equal."""
    return all(
        np.array_equal(one.power_cap_kw, other.power_cap_kw)
        and all(np.array_equal(one.stock[gpu], other.stock[gpu]) for gpu in one.stock)
        for one, other in zip(first.sites, second.sites, strict=True)
    )


def _start_power_kw(
    problem: Problem, site: SiteProblem, spaces: list[StateSpace], cheapest: list[NDArray[np.int64]], t: int
) -> float:
    """Facility power of starting every instance of the cheapest states, and its server, within one window [kW].

    In the last window what the ending owes as well.
    """
    starts = sum(int(counts[t].sum()) for counts in cheapest)
    if t == len(problem.windows) - 1:
        starts += sum(int(own.pool.final_counts.sum()) for own in spaces if own.pool.final_counts is not None)
    boots = _boot_power_kw(problem, site, spaces, cheapest, t)
    return site.pue * (starts * start_energy_kwh(problem) / problem.windows.hours + boots)


def _boot_power_kw(
    problem: Problem, site: SiteProblem, spaces: list[StateSpace], cheapest: list[NDArray[np.int64]], t: int
) -> float:
    """IT power of booting, in one window, every server that the cheapest states have on in any [kW]."""
    total = 0.0
    for gpu, spec in site.gpus.items():
        if spec.server_start_s == 0:
            continue
        used = sum(
            counts @ np.array([kind.gpus if kind.gpu == gpu else 0 for kind in space.pool.kinds])
            for space, counts in zip(spaces, cheapest, strict=True)
        )
        servers = math.ceil(int(np.max(used, initial=0)) / spec.per_server)
        ahead = spec.server_start_s / problem.windows.window_s
        # The first window bears what was due before it as well.
        share = min(ahead, 1.0) + (ahead if t == 0 else 0.0)
        total += share * servers * max(powered_server_w(spec), 0.0) / WATTS_PER_KILOWATT
    return total


def violations(
    stated: Problem, amounts: SiteVector, book: Ledger, least_power_kw: dict[str, float] | None = None
) -> tuple[Violation, ...]:
    """What a plan breaks of the caps as stated: windows, shortfalls and the change that mends it.

    For a stock that is the smallest count in whole servers; for a power cap, one that this plan holds, and the one below which no
    plan does (`Relaxed.least_power_kw`).
    """
    axes = site_axes(stated)
    found: list[Violation] = []
    for row, (name, gpu) in enumerate(axes.stocks):
        used, limit = amounts.gpus_in_use[row], stated.site(name).stock[gpu]
        per_server = stated.site(name).gpus[gpu].per_server
        need = math.ceil(float(used.max()) / per_server) * per_server
        mend = f"with count: {need} for {gpu} every window can be served"
        found += _violation("gpu_stock", f"{name}/{gpu}", used, limit, "GPUs", mend)
    for home, site in enumerate(stated.sites):
        power = book.energy_kwh[home] / stated.windows.hours
        mend = "with power_cap_kw: {need:.6g} every window can be served"
        if site.name in (least_power_kw or {}):
            mend += f"; below {(least_power_kw or {})[site.name]:.6g} none can"
        found += _violation("power_cap", site.name, power, site.power_cap_kw, "kW", mend)
        if site.start_limit is not None:
            started = np.rint(amounts.instance_starts[home])
            mend = f"with max_starts_per_window: {int(started.max())} this plan holds it"
            found += _violation("start_limit", site.name, started, site.start_limit, "starts", mend)
    return tuple(found)


def stopped_too_soon(stated: Problem, counts: list[NDArray[np.int64]]) -> tuple[Violation, ...]:
    """Minimum up times that courses of counts (window, kind) break, by pool and kind; one course per pool of a plan."""
    least = windows_up(stated)
    if least == 1:
        return ()
    found: list[Violation] = []
    for pool, own in zip(stated.all_pools(), counts, strict=True):
        # What the ending owes begins after the last window, and is not in it.
        new = changes(stated, replace(pool, final_counts=None), own)
        gone = too_short(new.started + new.resharded, own, least)
        for k, kind in enumerate(pool.kinds):
            windows = np.flatnonzero(gone[:, k])
            if windows.size:
                short = tuple(gone[windows, k].astype(float).tolist())
                mend = "with a shorter min_up_s, more stock, or a start limit or cap that leaves room, they could stay"
                found.append(
                    Violation("min_up", f"{pool.name} {kind}", tuple(windows.tolist()), short, "instances", mend)
                )
    return tuple(found)


def _violation(
    constraint: str, where: str, used: NDArray[np.float64], limit: NDArray[np.float64], unit: str, mend: str
) -> list[Violation]:
    over = np.flatnonzero(used > limit * (1 + 2 * CAP_TOLERANCE))
    if over.size == 0:
        return []
    shortfall = (used - limit)[over]
    # Rounded up in the last digit shown, so that the number can be typed in as it stands.
    need = float(used[over].max()) * (1 + 5e-6 if unit == "kW" else 1.0)
    return [Violation(constraint, where, tuple(over.tolist()), tuple(shortfall.tolist()), unit, mend.format(need=need))]


def _has_caps(site: SiteProblem) -> bool:
    return bool(np.isfinite(site.power_cap_kw).any() or any(np.isfinite(stock).any() for stock in site.stock.values()))


def _suspicious_windows(
    problem: Problem, home: int, spaces: list[StateSpace], likely: list[NDArray[np.int64]], *, with_starts: bool
) -> NDArray[np.int64]:
    """Windows in which the pools' likely states do not already hold every cap."""
    site = problem.sites[home]
    types = list(site.gpu_types())
    windows = np.arange(len(problem.windows))
    used = np.zeros((windows.size, len(types)))
    power = np.zeros(windows.size)
    for space, counts in zip(spaces, likely, strict=True):
        used += gpus_by_type(space, counts, types)
        power += space.power_w(windows, counts)
    in_use = {gpu: used[:, index] for index, gpu in enumerate(types)}
    meter = Meter(problem, home)
    facility = site.pue * (power + meter.overhead_w(in_use) + meter.released_w()) / WATTS_PER_KILOWATT
    if with_starts:
        facility = facility + np.array([_start_power_kw(problem, site, spaces, likely, t) for t in windows.tolist()])
    over = facility > site.power_cap_kw
    for gpu, limit in site.stock.items():
        over |= in_use[gpu] > limit
    return np.flatnonzero(over)
