"""The best plan that can be put together from courses at hand: one binary per course, caps only where they can bind."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.model.constraints import gpu_stock, power_cap
from dynamo_plan.model.quantities import SiteVector, contribution, site_axes
from dynamo_plan.problem import Problem
from dynamo_plan.solve.coupling import Meter, applicable, direct_prices, draws
from dynamo_plan.solve.courses import Course
from dynamo_plan.solve.highs import run
from dynamo_plan.units import WATTS_PER_KILOWATT


def choosable(problem: Problem) -> bool:
    """Whether stocks and power caps are what ties the pools together, and servers draw nothing themselves."""
    return bool({gpu_stock.NAME, power_cap.NAME} & set(applicable(problem))) and not draws(problem)


def best_courses(problem: Problem, columns: list[list[Course]], time_limit_s: float, gap: float) -> list[Course] | None:
    """One course per pool, cheapest together within all caps; None where nothing was found in time.

    Parameters
    ----------
    columns : list of list of Course
        Courses at hand by pool.
    """
    use = [
        [contribution(problem, pool, course.counts, course.power_w) for course in own]
        for pool, own in zip(problem.pools, columns, strict=True)
    ]
    prices = direct_prices(problem)
    model = pulp.LpProblem("choice", pulp.LpMinimize)
    picks = [
        [model.add_variable(f"course_{pool}_{number}", cat="Binary") for number in range(len(own))]
        for pool, own in enumerate(columns)
    ]
    for pool, own in enumerate(picks):
        model.addConstraint(pulp.lpSum_vars(own) == 1.0, f"one_course_{pool}")
    flat = [pick for own in picks for pick in own]
    starts = [0, *accumulate(len(own) for own in columns)]
    rows = 0
    for amounts, limit in _rows(problem, use):
        most = np.maximum.reduceat(amounts, starts[:-1], axis=0).sum(axis=0)
        for t in np.flatnonzero(most > limit):
            terms = [(pick, float(amount)) for pick, amount in zip(flat, amounts[:, t], strict=True) if amount]
            model.addConstraint(pulp.lpSum_vars_coefs(terms) <= float(limit[t]), f"cap_{rows}")
            rows += 1
    costs = [prices.dot(amounts) for own in use for amounts in own]
    model.setObjective(pulp.lpSum_vars_coefs(list(zip(flat, costs, strict=True))))
    outcome = run(model, gap=gap, time_limit_s=time_limit_s)
    if outcome.values.size == 0:
        return None
    order = {variable.name: index for index, variable in enumerate(model.exported_variables())}
    return [
        own[int(np.argmax([outcome.values[order[pick.name]] for pick in chosen]))]
        for own, chosen in zip(columns, picks, strict=True)
    ]


def _rows(problem: Problem, use: list[list[SiteVector]]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Use of every capped quantity by every course (course, window), and the cap (window,)."""
    axes, found = site_axes(problem), []
    flat = [amounts for own in use for amounts in own]
    for row, (name, gpu) in enumerate(axes.stocks):
        stock = problem.site(name).stock[gpu]
        if np.isfinite(stock).any():
            found.append((np.array([amounts.gpus_in_use[row] for amounts in flat]), stock))
    for home, site in enumerate(problem.sites):
        if np.isfinite(site.power_cap_kw).any():
            hours = problem.windows.hours
            released_kwh = Meter(problem, home).released_w() * hours / WATTS_PER_KILOWATT
            cap_kwh = site.power_cap_kw * hours / site.pue - released_kwh
            found.append((np.array([amounts.instance_energy_kwh[home] for amounts in flat]), cap_kwh))
    return found
