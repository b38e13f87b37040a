r"""The paper's way: one small MILP per pool and epoch, blind to other pools, other epochs and what a start costs.

.. math::
   \min \sum_{k,f} \text{power}_{k,f} \quad \text{s.t.} \quad \sum_{k,f} \text{load}_{k,f} = \lambda, \quad
   \sum_{k,f} N_{k,f} \, \mu^q_k \ge \lambda^q

with :math:`N_{k,f}` instances of kind :math:`k` at clock :math:`f` and power linear between the vertices of each clock's lower hull. An
epoch is a window, and its load is known when it is planned. The reserve is the problem's, so that plans of all methods serve the same
load; the clocks are chosen anew by our dispatch, which is never worse. Starts, whole servers and caps come in afterwards, in
`benchmarks.accounting`.

Source: DynamoLLM, arXiv 2408.00741, section IV (pool manager, epochs of 5 minutes, integer programs in PuLP).
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import highspy
import numpy as np

from benchmarks.columns import Columns, Indices, Values
from dynamo_plan.problem import PoolProblem, Problem
from dynamo_plan.solve.coupling import direct_prices
from dynamo_plan.solve.kernels.envelope import lower_hull
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.units import WATTS_PER_KILOWATT

MIP_GAP = 1e-4
"""Relative; HiGHS' own default."""


@dataclass(frozen=True, slots=True)
class EpochModel:
    """The live model of one epoch: rows of load and reserve, count columns (column,) and the kind of each."""

    highs: highspy.Highs
    carried: int
    reserve: int
    counts: Indices
    kind: Indices


@dataclass(frozen=True, slots=True)
class Epochs:
    """Instance counts (window, kind) per pool, how many epochs were planned in time, and the wall time [s]."""

    counts: list[Indices]
    planned: int
    seconds: float


def plan_epochs(problem: Problem, *, time_limit_s: float) -> Epochs:
    """Plan epoch after epoch, pool after pool, until all are planned or the time is up."""
    begin = perf_counter()
    found: list[Indices] = []
    planned = 0
    for pool in problem.pools:
        prices = pool_prices(problem, pool, direct_prices(problem))
        per_w = prices.energy * problem.windows.hours / WATTS_PER_KILOWATT
        counts = np.zeros(prices.instance.shape, dtype=np.int64)
        models: dict[tuple[float, ...], EpochModel] = {}
        for t, mix in enumerate(pool.mix.tolist()):
            if perf_counter() - begin > time_limit_s:
                return Epochs(found, planned, perf_counter() - begin)
            key = (mix, per_w[t], *prices.instance[t].tolist())
            if key not in models:
                models[key] = _model(pool, t, float(per_w[t]), prices.instance[t])
            counts[t] = _solve(models[key], pool, t)
            planned += 1
        found.append(counts)
    return Epochs(found, planned, perf_counter() - begin)


def _model(pool: PoolProblem, t: int, per_w: float, instance: Values) -> EpochModel:
    """The model of a window, its load and reserve still open; `per_w` is the price of a watt over the window."""
    model = Columns()
    carried, reserve = model.between(0.0, 0.0, (1,)), model.between(0.0, np.inf, (1,))
    columns: list[int] = []
    kinds: list[int] = []
    for index, kind in enumerate(pool.mixes[pool.mix[t]]):
        for curve in kind.curves:
            count = model.add(instance[index : index + 1], float(pool.max_instances[index]), whole=True)
            hull = lower_hull(curve.rate_rps, curve.power_w)
            weights = model.add(per_w * curve.power_w[hull])
            whole = model.between(0.0, 0.0, (1,))
            model.put(whole, weights, 1.0)
            model.put(whole, count, -1.0)
            model.put(carried, weights, curve.rate_rps[hull])
            model.put(reserve, count, float(pool.reserve_capacity_rps[t, index]))
            columns.append(int(count[0]))
            kinds.append(index)
    highs = model.load()
    highs.setOptionValue("mip_rel_gap", MIP_GAP)
    return EpochModel(highs, int(carried[0]), int(reserve[0]), np.array(columns), np.array(kinds))


def _solve(model: EpochModel, pool: PoolProblem, t: int) -> Indices:
    """Instance counts (kind,) of one epoch.

    Raises
    ------
    RuntimeError
        HiGHS finds no plan, which no load within the instance limits should lead to.
    """
    rate = float(pool.rate_rps[t])
    model.highs.changeRowBounds(model.carried, rate, rate)
    model.highs.changeRowBounds(model.reserve, float(pool.reserve_rate_rps[t]), highspy.kHighsInf)
    model.highs.run()
    if model.highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"{pool.name}, window {t}: {model.highs.getModelStatus()}")
    values = np.asarray(model.highs.getSolution().col_value)
    counts = np.zeros(len(pool.kinds), dtype=np.int64)
    np.add.at(counts, model.kind, np.rint(values[model.counts]).astype(np.int64))
    return counts
