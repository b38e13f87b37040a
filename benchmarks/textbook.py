r"""The compact MILP that a practitioner would write.

Per pool, with integer counts :math:`N` and continuous weights :math:`w` on points :math:`(r_v, p_v)` of the power curves, by
default the vertices of the lower hull over all clocks:

.. math::
   \sum_{k,v} r_{k,v} w_{k,v,t} = \lambda_t, \quad \sum_v w_{k,v,t} = N_{k,t}, \quad \sum_k \mu^q_k N_{k,t} \ge \lambda^q_t, \quad
   y_{k,t} \ge N_{k,t} - N_{k,t-1}

Caps and whole servers hold on sums over the pools. Power is the hull's, a relaxation of every dispatch that can be run: this model's bound
is a bound on our problem, and its plans have to be costed anew (`benchmarks.accounting`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np

from benchmarks.columns import Columns, Indices, Values
from dynamo_plan.model.quantities import start_energy_kwh
from dynamo_plan.problem import KindCurves, PoolProblem, Problem
from dynamo_plan.profile.curve import PIECES
from dynamo_plan.solve.coupling import Meter, direct_prices, energy_price
from dynamo_plan.solve.envelope import envelope
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.units import WATTS_PER_KILOWATT

Vertices = Callable[[KindCurves], tuple[Values, Values]]


@dataclass(frozen=True, slots=True)
class Textbook:
    """The live model and its count columns, one array (window, kind) per pool."""

    highs: highspy.Highs
    counts: list[Indices]

    def read(self, values: Values) -> list[Indices]:
        """Instance counts (window, kind) per pool, from the values of all columns."""
        return [np.rint(values[own]).astype(np.int64) for own in self.counts]


@dataclass(frozen=True, slots=True)
class SiteRows:
    """Where pools meet: rows of GPUs in use by type, and of facility power [kW]; each (window,)."""

    gpus: dict[str, Indices]
    power: Indices


def hull_vertices(kind: KindCurves) -> tuple[Values, Values]:
    """Rates [1/s] and powers [W] at the vertices of the lower hull over all clocks; the strongest such model."""
    hull = envelope(kind.curves)
    return hull.hull_rate_rps, hull.hull_power_w


def measured_points(kind: KindCurves) -> tuple[Values, Values]:
    """Rates [1/s] and powers [W] of every clock at every measured load; the same optimum, without the insight that most are of no use."""
    rates, powers = [], []
    for curve in kind.curves:
        rows = np.unique(np.append(np.arange(0, curve.rate_rps.size, PIECES), curve.rate_rps.size - 1))
        rates.append(curve.rate_rps[rows])
        powers.append(curve.power_w[rows])
    return np.concatenate(rates), np.concatenate(powers)


def build(problem: Problem, vertices: Vertices = hull_vertices) -> Textbook:
    """The model of a problem; `vertices` says which points of a kind's curves get a weight."""
    model = Columns()
    rows = {site.name: _add_site(model, problem, home) for home, site in enumerate(problem.sites)}
    counts = [_add_pool(model, problem, pool, rows[pool.site], vertices) for pool in problem.pools]
    released = [_kwh(problem, Meter(problem, home).released_w()) for home in range(len(problem.sites))]
    return Textbook(model.load(float((energy_price(problem) * np.array(released)).sum())), counts)


def _add_site(model: Columns, problem: Problem, home: int) -> SiteRows:
    """GPUs in use, servers and caps of a site."""
    site = problem.sites[home]
    shape = (len(problem.windows),)
    price = energy_price(problem)[home]
    room_kw = site.power_cap_kw - site.pue * Meter(problem, home).released_w() / WATTS_PER_KILOWATT
    power = model.between(-np.inf, room_kw, shape)
    gpus = {}
    for gpu, spec in site.gpus.items():
        used = model.add(-price * _kwh(problem, np.float64(spec.unused_gpu_w)), site.stock[gpu])
        model.put(power, used, -site.pue * spec.unused_gpu_w / WATTS_PER_KILOWATT)
        gpus[gpu] = model.between(0.0, 0.0, shape)
        model.put(gpus[gpu], used, -1.0)
        server_w = spec.server_idle_w + spec.per_server * spec.unused_gpu_w - spec.released_server_w
        if server_w > 0.0:
            servers = model.add(price * _kwh(problem, np.float64(server_w)), whole=True)
            model.put(power, servers, site.pue * server_w / WATTS_PER_KILOWATT)
            enough = model.between(0.0, np.inf, shape)
            model.put(enough, servers, float(spec.per_server))
            model.put(enough, used, -1.0)
    return SiteRows(gpus, power)


def _add_pool(model: Columns, problem: Problem, pool: PoolProblem, rows: SiteRows, vertices: Vertices) -> Indices:
    """Counts, starts, dispatch and reserve of a pool; returns the count columns (window, kind)."""
    site = problem.site(pool.site)
    prices = pool_prices(problem, pool, direct_prices(problem))
    shape = prices.instance.shape
    # `start` of the first window is never charged: its state is free.
    counts = model.add(prices.instance, pool.max_instances.astype(np.float64), whole=True)
    starts = model.add(prices.start[1:])
    rises = model.between(0.0, np.inf, starts.shape)
    model.put(rises, starts, 1.0)
    model.put(rises, counts[1:], -1.0)
    model.put(rises, counts[:-1], 1.0)
    start_kw = site.pue * start_energy_kwh(problem) / problem.windows.hours
    model.put(rows.power[1:, None], starts, start_kw)
    for index, kind in enumerate(pool.kinds):
        model.put(rows.gpus[kind.gpu], counts[:, index], float(kind.gpus))
    reserve = model.between(pool.reserve_rate_rps, np.inf, shape[:1])
    model.put(reserve[:, None], counts, pool.reserve_capacity_rps)
    if pool.min_instances > 0:
        kept = model.between(float(pool.min_instances), np.inf, shape[:1])
        model.put(kept[:, None], counts, 1.0)
    _add_dispatch(model, problem, pool, counts, rows.power, vertices)
    return counts


def _add_dispatch(
    model: Columns, problem: Problem, pool: PoolProblem, counts: Indices, power: Indices, vertices: Vertices
) -> None:
    """Weights on the curves' points that carry the load exactly."""
    site = problem.site(pool.site)
    price = pool_prices(problem, pool, direct_prices(problem)).energy
    carried = model.between(pool.rate_rps, pool.rate_rps, pool.rate_rps.shape)
    whole = model.between(0.0, 0.0, counts.shape)
    model.put(whole, counts, -1.0)
    for mix, kinds in enumerate(pool.mixes):
        here = np.flatnonzero(pool.mix == mix)
        for index, kind in enumerate(kinds):
            if not kind.curves or here.size == 0:
                continue
            rate, power_w = vertices(kind)
            weights = model.add(price[here, None] * _kwh(problem, power_w))
            model.put(whole[here, None, index], weights, 1.0)
            model.put(carried[here, None], weights, rate)
            model.put(power[here, None], weights, site.pue * power_w / WATTS_PER_KILOWATT)


def _kwh(problem: Problem, power_w: Values | np.float64) -> Values:
    """Energy of this power over one window [kWh]."""
    return np.asarray(power_w * problem.windows.hours / WATTS_PER_KILOWATT)
