r"""The smallest prices of limits that give the same bound: what one unit more saves, where one unit less would cost more.

The value of the relaxed problem is a convex function of every limit, with corners where whole instances just fit. At a corner any
price between the slopes on both sides gives the best bound; one more unit saves the smaller. Each price of each window is bisected
between 0 and where it was: down while the pools' cheapest courses stay within the limit, up where they exceed it. Starts tie windows
together, and so do kinds the GPU types, so all are tried at once, then every other one, and the result counts only where its bound

.. math:: L(\mu) = \sum_p V_p(\mu) - \sum_i \mu_i b_i

with the limits :math:`b` has not suffered; else part of the way back is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.quantities import SiteVector, site_axes
from dynamo_plan.problem import Problem
from dynamo_plan.solve.coupling import Meter, linear_prices, server_share_w
from dynamo_plan.solve.pricing import cheapest_courses
from dynamo_plan.solve.repair import joint
from dynamo_plan.solve.states import StateSpace
from dynamo_plan.units import WATTS_PER_KILOWATT

ROUNDS = 8
"""Halvings of every price: closer than half a per cent of where it was."""

AS_GOOD = 1e-5
"""Relative; a bound that is lower by no more is the same: column generation ends with as much."""

BACK = (1.0, 0.5, 0.25, 0.125)
"""Parts of the way to the bisected prices that are tried, the whole of it first."""


@dataclass(frozen=True, slots=True)
class LimitPrices:
    """One number for every limit and window: a price, a use or the limit itself.

    Attributes
    ----------
    gpu_stock : array, shape (site x gpu type, window)
        Prices [objective/GPU].
    power_cap : array, shape (site, window)
        Prices of facility power [objective/kW].
    start_limit : array, shape (site, window)
        Prices [objective/start].
    """

    gpu_stock: NDArray[np.float64]
    power_cap: NDArray[np.float64]
    start_limit: NDArray[np.float64]

    def flat(self) -> NDArray[np.float64]:
        """All numbers in one line, in the order of the fields."""
        return np.concatenate([getattr(self, f.name).ravel() for f in fields(self)])

    def unflat(self, line: NDArray[np.float64]) -> LimitPrices:
        """The same shape with other numbers."""
        parts, start = [], 0
        for f in fields(self):
            own = getattr(self, f.name)
            parts.append(line[start : start + own.size].reshape(own.shape))
            start += own.size
        return LimitPrices(*parts)


def no_prices(problem: Problem) -> LimitPrices:
    """Limits that are worth nothing."""
    none = site_axes(problem).zeros()
    return LimitPrices(none.gpus_in_use, none.instance_energy_kwh, none.instance_starts)


def quantity_prices(problem: Problem, limits: LimitPrices) -> SiteVector:
    """Prices of site quantities at which a pool bears what it uses of the limits, whole servers at their envelope."""
    axes, prices, hours = site_axes(problem), linear_prices(problem), problem.windows.hours
    for home, site in enumerate(problem.sites):
        # A kilowatt of facility power for one window is so many kWh of IT energy.
        energy = limits.power_cap[home] * site.pue / hours
        prices.instance_energy_kwh[home] += energy
        prices.instance_starts[home] += limits.start_limit[home]
        for row, (name, gpu) in enumerate(axes.stocks):
            if name == site.name:
                share_kwh = server_share_w(site.gpus[gpu]) * hours / WATTS_PER_KILOWATT
                prices.gpus_in_use[row] += limits.gpu_stock[row] + energy * share_kwh
    return prices


def sharpened(problem: Problem, spaces: list[StateSpace], prices: LimitPrices, threads: int) -> LimitPrices:
    """The smallest prices found between none and these, at which the pools' bound is as good."""
    if not prices.flat().any():
        return prices
    work = _Relaxation(problem, spaces, threads)
    least = work.look(prices)[0]
    least -= AS_GOOD * abs(least)
    every = np.arange(prices.flat().size)
    for own in (every, every[::2], every[1::2]):
        prices = _bisected(work, prices, own, least)
    return prices


def _bisected(work: _Relaxation, prices: LimitPrices, own: NDArray[np.int64], least: float) -> LimitPrices:
    """Prices of some limits (limit,) bisected side by side, as far as the bound stays at least as high as `least`."""
    first = prices.flat()
    low, high = np.zeros(own.size), first[own]
    trial = first.copy()
    for _ in range(ROUNDS):
        trial[own] = 0.5 * (low + high)
        over = work.look(prices.unflat(trial))[1][own]
        low, high = np.where(over, trial[own], low), np.where(over, high, trial[own])
    for part in BACK:
        trial[own] = first[own] + part * (high - first[own])
        if work.look(prices.unflat(trial))[0] >= least:
            return prices.unflat(trial)
    return prices


class _Relaxation:
    """The pools at prices of the limits."""

    def __init__(self, problem: Problem, spaces: list[StateSpace], threads: int) -> None:
        self.problem = problem
        self.spaces = spaces
        self.threads = threads
        self.limits = _limits(problem).flat()

    def look(self, prices: LimitPrices) -> tuple[float, NDArray[np.bool_]]:
        """Bound at these prices [objective], and which limits the pools' cheapest courses exceed (limit,)."""
        own = quantity_prices(self.problem, prices)
        courses = cheapest_courses(self.problem, self.spaces, own, self.threads)
        use = joint(self.problem, courses).amounts
        line = prices.flat()
        priced = line > 0.0
        bound = sum(course.bound for course in courses) - float(line[priced] @ self.limits[priced])
        return bound, _use(self.problem, use).flat() > self.limits


def _limits(problem: Problem) -> LimitPrices:
    """The limits themselves; of facility power what released servers leave of it."""
    axes = site_axes(problem)
    stock = np.array([problem.site(name).stock[gpu] for name, gpu in axes.stocks])
    released_kw = [
        site.pue * Meter(problem, home).released_w() / WATTS_PER_KILOWATT for home, site in enumerate(problem.sites)
    ]
    cap = np.array([site.power_cap_kw - own for site, own in zip(problem.sites, released_kw, strict=True)])
    none = np.full(axes.windows, np.inf)
    starts = np.array([none if site.start_limit is None else site.start_limit for site in problem.sites])
    return LimitPrices(stock, cap, starts)


def _use(problem: Problem, use: SiteVector) -> LimitPrices:
    """What pools use of the limits, whole servers at their envelope."""
    axes = site_axes(problem)
    power = use.instance_energy_kwh / problem.windows.hours
    for row, (name, gpu) in enumerate(axes.stocks):
        share_kw = server_share_w(problem.site(name).gpus[gpu]) / WATTS_PER_KILOWATT
        power[axes.sites.index(name)] += use.gpus_in_use[row] * share_kw
    pue = np.array([[site.pue] for site in problem.sites])
    return LimitPrices(use.gpus_in_use, pue * power, use.instance_starts)
