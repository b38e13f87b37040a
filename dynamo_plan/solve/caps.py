"""Which windows cannot hold their caps, and the problem with these caps raised just enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.problem import Problem, SiteProblem
from dynamo_plan.schema.plan import Violation
from dynamo_plan.solve.coupling import Meter
from dynamo_plan.solve.feasibility import CAP_TOLERANCE, Combination, best_combination, gpus_by_type, least_power, mend
from dynamo_plan.solve.states import StateSpace
from dynamo_plan.units import WATTS_PER_KILOWATT


def mended(problem: Problem, spaces: list[StateSpace]) -> tuple[Problem, tuple[Violation, ...]]:
    """The problem itself and no violations where every cap can be held; else with the least relaxation that makes it feasible."""
    sites: list[SiteProblem] = []
    violations: list[Violation] = []
    for home, site in enumerate(problem.sites):
        own = [space for space in spaces if space.pool.site == site.name]
        if not _has_caps(site):
            sites.append(site)
            continue
        cheapest = [least_power(space) for space in own]
        short: dict[int, Combination] = {}
        for t in _suspicious_windows(problem, home, own, cheapest):
            found = best_combination(problem, site, own, cheapest, int(t))
            over_stock = any(found.gpus[gpu] > limit[t] for gpu, limit in site.stock.items())
            if over_stock or found.power_kw > site.power_cap_kw[t] * (1 + CAP_TOLERANCE):
                short[int(t)] = found
        mended_site, broken = mend(site, short)
        sites.append(mended_site)
        violations += broken
    return replace(problem, sites=tuple(sites)), tuple(violations)


def _has_caps(site: SiteProblem) -> bool:
    return bool(np.isfinite(site.power_cap_kw).any() or any(np.isfinite(stock).any() for stock in site.stock.values()))


def _suspicious_windows(
    problem: Problem, home: int, spaces: list[StateSpace], cheapest: list[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Windows in which each pool's state of least power does not already hold every cap."""
    site = problem.sites[home]
    types = list(site.gpu_types())
    windows = np.arange(len(problem.windows))
    used = np.zeros((windows.size, len(types)))
    power = np.zeros(windows.size)
    for space, counts in zip(spaces, cheapest, strict=True):
        used += gpus_by_type(space, counts, types)
        power += space.power_w(windows, counts)
    in_use = {gpu: used[:, index] for index, gpu in enumerate(types)}
    facility = site.pue * (power + Meter(problem, home).overhead_w(in_use)) / WATTS_PER_KILOWATT
    over = facility > site.power_cap_kw
    for gpu, limit in site.stock.items():
        over |= in_use[gpu] > limit
    return np.flatnonzero(over)
