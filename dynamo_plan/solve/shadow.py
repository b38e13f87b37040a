r"""Shadow prices: what one more unit of a limit would save, from the prices at which the site quantities were bounded.

At prices :math:`\pi` of site quantities, the site's part of the Lagrangian bound is a linear programme,

.. math:: g(\pi) = \min_q f(q) - \pi q \quad \text{subject to the site's rows, whole servers relaxed,}

and the duals :math:`\mu` of its stock, cap and limit rows are the shadow prices: :math:`\pi` also holds what a GPU adds to powered and
booting servers, which is no price of a limit. With :math:`\delta` units more in a window the bound is at least
:math:`L(\pi) - \mu \delta`: the relaxed problem, in which courses of whole instances are mixed, saves no more than
:math:`\mu \delta`, and a small change saves just that. A plan of whole instances can save more only by the distance between it
and :math:`L(\pi)`.

Source: sensitivity of linear programmes, e.g. Bertsimas and Tsitsiklis, Introduction to Linear Optimization, 1997, chapter 5.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import highspy
import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.model.constraints import gpu_stock, power_cap, start_limit
from dynamo_plan.model.live import load
from dynamo_plan.model.quantities import SiteVector, site_axes
from dynamo_plan.model.site import LINKED, build_site
from dynamo_plan.problem import Problem
from dynamo_plan.schema.plan import Omission, ShadowPrice, Violation
from dynamo_plan.solve.compact import compact_model
from dynamo_plan.solve.coupling import linear_prices
from dynamo_plan.solve.sharpen import LimitPrices, no_prices, quantity_prices, sharpened
from dynamo_plan.solve.states import StateSpace

PIECE = "shadow prices"
"""Name under which a plan says that it has none."""

LIMITS = (gpu_stock, power_cap, start_limit)
"""Constraints whose rows limit a site's use, one row per place and window."""

UNITS = {gpu_stock.NAME: "GPU", power_cap.NAME: "kW", start_limit.NAME: "start"}

NEGLIGIBLE = 1e-6
"""What a whole limit is worth at its price, relative to a mean window of the plan; less is rounding of the duals, and nothing to act on."""

REPRICE_LIMIT = 20_000
"""Binaries up to which a plan of one MILP is priced again by its relaxation; a second or two of work."""

SHARPEN_LIMIT = 2_000
"""Pairs of pool and window up to which the smallest prices are looked for; a second or two of work. With many pools corners are small."""

A_LITTLE = 1e-4
"""By how much limits are raised in the relaxation of one MILP, so that its duals are the slopes towards more [units of the rows]."""


def limited(problem: Problem) -> bool:
    """Whether any limit applies that could have a price."""
    return any(piece.not_applicable(problem) is None for piece in LIMITS)


def limit_prices(problem: Problem, prices: SiteVector) -> LimitPrices | None:
    """What prices of site quantities say about the limits; None where HiGHS finds no optimum at these prices."""
    plain = linear_prices(problem)
    if all(np.array_equal(getattr(prices, name), getattr(plain, name)) for name in LINKED):
        return no_prices(problem)
    model = build_site(problem)
    highs = load(model.prob, pulp.HiGHS(mip=False, msg=False, random_seed=0))
    order = {variable.name: index for index, variable in enumerate(model.prob.exported_variables())}
    cost = np.asarray(highs.getLp().col_cost_, dtype=np.float64)
    for name in LINKED:
        for (row, t), quantity in model.quantities[name].items():
            if quantity.name in order:
                cost[order[quantity.name]] -= float(getattr(prices, name)[row, t])
    return _duals(problem, model.prob, highs, cost)


def _duals(
    problem: Problem, prob: pulp.LpProblem, highs: highspy.Highs, cost: NDArray[np.float64]
) -> LimitPrices | None:
    """Duals of the limits' rows at these costs of the columns (column,)."""
    # HiGHS judges duals by an absolute tolerance, which costs of any size must stand well above.
    scale = float(np.abs(cost).max(initial=0.0)) or 1.0
    highs.changeColsCost(cost.size, np.arange(cost.size, dtype=np.int32), cost / scale)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    dual = np.asarray(highs.getSolution().row_dual) * scale
    found = no_prices(problem)
    for index, row in enumerate(prob.constraints()):
        constraint, _, place = row.name.rpartition("_")[0].rpartition("_")
        if constraint in UNITS:
            getattr(found, constraint)[int(place), int(row.name.rpartition("_")[2])] = max(-float(dual[index]), 0.0)
    return found


def relaxation_prices(problem: Problem, spaces: list[StateSpace]) -> LimitPrices | None:
    """Prices of limits from the relaxation of the compact model; None where it has no solution.

    Raises
    ------
    TooManyStatesError
        A pool has too many states to list.
    """
    prob = compact_model(problem, spaces).prob
    highs = load(prob, pulp.HiGHS(mip=False, msg=False, random_seed=0))
    for index, row in enumerate(prob.constraints()):
        if row.name.startswith(tuple(UNITS)):
            highs.changeRowBounds(index, -highspy.kHighsInf, highs.getRow(index)[2] + A_LITTLE)
    return _duals(problem, prob, highs, np.asarray(highs.getLp().col_cost_, dtype=np.float64))


def shadow_prices(
    problem: Problem,
    spaces: list[StateSpace],
    prices: SiteVector | None,
    objective: float,
    broken: tuple[Violation, ...],
    threads: int | None = None,
) -> tuple[tuple[ShadowPrice, ...], tuple[Omission, ...]]:
    """Prices of the limits that bind, or why there are none.

    Parameters
    ----------
    prices : SiteVector or None
        Of site quantities, at the bound; None: the method has none.
    objective : float
        Of the plan.
    broken : tuple of Violation
        A limit has no price where the plan breaks it: the shortfall says what is needed.
    threads : int, optional
        Threads that price pools; by default as many as there are cores.
    """
    if not limited(problem):
        return (), ()
    if prices is not None:
        found = limit_prices(problem, prices)
        if found is not None and len(spaces) * len(problem.windows) <= SHARPEN_LIMIT:
            found = sharpened(problem, spaces, found, threads or os.cpu_count() or 1)
    elif sum(space.box_size() for space in spaces) + _routed_size(problem) <= REPRICE_LIMIT:
        found = relaxation_prices(problem, spaces)
    else:
        reason = f"the plan comes from one MILP, which has none, and with more than {REPRICE_LIMIT:,} binaries it is not priced again"
        return (), (Omission(PIECE, reason),)
    if found is None:
        return (), (Omission(PIECE, "the relaxed problem has no optimum within the limits as stated"),)
    gaps = {(one.constraint, one.where): set(one.windows) for one in broken}
    floor = NEGLIGIBLE * abs(objective) / max(len(problem.windows), 1)
    kept = []
    for constraint, where, limit, price in _by_place(problem, found):
        worth = price * np.maximum(np.where(np.isfinite(limit), limit, 0.0), 1.0)
        windows = [t for t in np.flatnonzero(worth > floor).tolist() if t not in gaps.get((constraint, where), ())]
        if windows:
            kept.append(
                ShadowPrice(constraint, where, UNITS[constraint], tuple(windows), tuple(price[windows].tolist()))
            )
    return tuple(kept), ()


def prices_with(problem: Problem, shadow: tuple[ShadowPrice, ...]) -> SiteVector:
    """Prices of site quantities at which a pool bears what it uses of the limits that have a price."""
    found = no_prices(problem)
    for constraint, where, _, price in _by_place(problem, found):
        for one in shadow:
            if (one.constraint, one.where) == (constraint, where):
                price[list(one.windows)] = one.saving
    return quantity_prices(problem, found)


def _by_place(
    problem: Problem, prices: LimitPrices
) -> Iterator[tuple[str, str, NDArray[np.float64], NDArray[np.float64]]]:
    """Constraint, place, limit and price of every limit; the arrays (window,) of prices are views."""
    for row, (name, gpu) in enumerate(site_axes(problem).stocks):
        yield gpu_stock.NAME, f"{name}/{gpu}", problem.site(name).stock[gpu], prices.gpu_stock[row]
    for home, site in enumerate(problem.sites):
        yield power_cap.NAME, site.name, site.power_cap_kw, prices.power_cap[home]
        if site.start_limit is not None:
            yield start_limit.NAME, site.name, site.start_limit, prices.start_limit[home]


def _routed_size(problem: Problem) -> int:
    """Columns of the routed pools in the compact model, about."""
    return sum(len(problem.windows) * len(pool.modes) * (1 + len(pool.buckets)) for pool in problem.routed)
