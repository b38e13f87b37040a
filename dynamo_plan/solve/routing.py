"""Plan problems with routed pools: one MILP for commitment and routes, then the dispatch that serves them.

The MILP charges a routed pool straight lines under its power curves (`dynamo_plan.model.routing`), so its bound holds for every plan.
The plan is charged what its groups draw: whole instances, each at one clock and one load, read off the measured curves. Where
curves bend, the difference is a gap, which is stated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.model.constraints import gpu_stock, start_limit
from dynamo_plan.model.quantities import SiteVector, contribution, site_axes
from dynamo_plan.model.routing import Routes
from dynamo_plan.problem import Problem, RoutedMode, RoutedPool
from dynamo_plan.profile.curve import OperatingCurve, mix_curves
from dynamo_plan.schema.plan import Group
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.solve.compact import chosen_courses, compact_model
from dynamo_plan.solve.coupling import settle
from dynamo_plan.solve.highs import Outcome, SolveStatus, run
from dynamo_plan.solve.repair import joint
from dynamo_plan.solve.solution import Solution, relative_gap
from dynamo_plan.solve.states import StateSpace

LEAST_SHARE = 1e-9
"""Share of a bucket below which a route is the solver's rounding: its rows are held to 1e-9."""

ROUNDING = 1e-9
"""Relative; loads that fill whole instances up to this fill them."""

LEAST_SECONDS = 1.0
"""Time that a second solve gets at least [s]."""

PROOF = "branch-and-bound of HiGHS on one MILP with continuous routes; routed power bounded by lines under the measured curves"


@dataclass(frozen=True, slots=True)
class RoutedCourse:
    """How one routed pool is planned.

    Attributes
    ----------
    counts : array of int, shape (window, kind)
    power_w : array, shape (window,)
        Power of all groups of the pool [W].
    groups : tuple of (Group, Provenance)
        The dispatch, with the provenance of each group's curves.
    """

    counts: NDArray[np.int64]
    power_w: NDArray[np.float64]
    groups: tuple[tuple[Group, Provenance], ...]


@dataclass(frozen=True, slots=True)
class RoutedSolution:
    """Courses of the ordinary pools with value and bound of the whole plan, and the courses of the routed ones."""

    solution: Solution
    routed: tuple[RoutedCourse, ...]


def solve_routed(
    problem: Problem,
    spaces: list[StateSpace],
    *,
    gap: float = 0.0,
    time_limit_s: float = math.inf,
    threads: int | None = None,
) -> RoutedSolution:
    """Build and solve the MILP of a problem with routed pools; limits that no plan can hold are raised by as little as possible.

    Parameters
    ----------
    spaces : list of StateSpace
        One per ordinary pool.
    """
    deadline = monotonic() + time_limit_s

    def attempt(stated: Problem) -> RoutedSolution:
        left = None if math.isinf(deadline) else max(deadline - monotonic(), LEAST_SECONDS)
        return _solve(stated, spaces, gap=gap, time_limit_s=left, threads=threads)

    found = attempt(problem)
    if found.solution.status is not SolveStatus.INFEASIBLE:
        return found
    return attempt(_loosened(problem, spaces, threads))


def _solve(
    problem: Problem, spaces: list[StateSpace], *, gap: float, time_limit_s: float | None, threads: int | None
) -> RoutedSolution:
    model = compact_model(problem, spaces)
    objective = model.site.objective()
    unit = largest_price(objective)
    model.prob.setObjective(objective * (1.0 / unit))
    outcome = run(model.prob, gap=gap, time_limit_s=time_limit_s, threads=threads)
    bound = outcome.bound * unit
    if outcome.status not in (SolveStatus.OPTIMAL, SolveStatus.FEASIBLE):
        return RoutedSolution(Solution(outcome.status, [], math.nan, bound, "compact", PROOF), ())
    value = reader(model.prob, outcome)
    courses = chosen_courses(model, outcome.values)
    routed = tuple(routed_course(rows.pool, rows.routes(value)) for rows in model.routed)
    amounts = joint(problem, courses).amounts + routed_use(problem, routed)
    cost = settle(problem, amounts).objective
    status = SolveStatus.OPTIMAL if relative_gap(cost, bound) <= gap else SolveStatus.FEASIBLE
    return RoutedSolution(Solution(status, courses, cost, bound, "compact", PROOF), routed)


def largest_price(objective: pulp.LpAffineExpression) -> float:
    """Largest factor in an objective, as a power of two, in which it is then counted; 1 where it counts nothing.

    The solver's tolerances are absolute: prices of 1e-8 would be rounding to it, and its bound would prove nothing.
    """
    largest = max((abs(factor) for factor in objective.values()), default=0.0)
    return 2.0 ** math.floor(math.log2(largest)) if largest > 0 else 1.0


def reader(prob: pulp.LpProblem, outcome: Outcome) -> Callable[[pulp.LpVariable], float]:
    """The value of each variable of a model in a solution."""
    values = {
        variable.name: value for variable, value in zip(prob.exported_variables(), outcome.values.tolist(), strict=True)
    }
    return lambda variable: float(values[variable.name])


def routed_use(problem: Problem, routed: tuple[RoutedCourse, ...]) -> SiteVector:
    """What the routed pools put on the sites."""
    total = site_axes(problem).zeros()
    for pool, course in zip(problem.routed, routed, strict=True):
        total = total + contribution(problem, pool, course.counts, course.power_w)
    return total


def _loosened(problem: Problem, spaces: list[StateSpace], threads: int | None) -> Problem:
    """The problem with limits raised by as little in all as makes a plan possible: GPUs in whole servers, starts per window."""
    model = compact_model(problem, spaces)
    limits = [row for row in model.prob.constraints() if row.name.startswith((gpu_stock.NAME, start_limit.NAME))]
    more = [model.prob.add_column(f"over_{row.name}", lowBound=0.0, coefficients={row: -1.0}) for row in limits]
    model.prob.setObjective(pulp.lpSum_vars(more))
    outcome = run(model.prob, threads=threads)
    if outcome.status is not SolveStatus.OPTIMAL:
        return problem
    value, axes = reader(model.prob, outcome), site_axes(problem)
    used, started = (model.site.quantities[name] for name in ("gpus_in_use", "instance_starts"))
    sites = []
    for home, site in enumerate(problem.sites):
        stock = {}
        for gpu, limit in site.stock.items():
            row, per_server = axes.stocks.index((site.name, gpu)), site.gpus[gpu].per_server
            taken = np.array([round(value(used[row, t])) for t in range(axes.windows)])
            stock[gpu] = np.where(taken > limit, np.ceil(taken / per_server) * per_server, limit)
        starts = site.start_limit
        if starts is not None:
            starts = np.maximum(starts, [round(value(started[home, t])) for t in range(axes.windows)])
        sites.append(replace(site, stock=stock, start_limit=starts))
    return replace(problem, sites=tuple(sites))


def routed_course(pool: RoutedPool, routes: Routes) -> RoutedCourse:
    """The dispatch of routes: groups of whole instances per window, kind and clock."""
    windows = pool.rate_rps.shape[0]
    counts = np.zeros((windows, len(pool.kinds)), dtype=np.int64)
    power_w = np.zeros(windows)
    groups: list[tuple[Group, Provenance]] = []
    for t in range(windows):
        rates = pool.rate_rps[t][:, None] * settled(routes.shares[t], routes.instances[t])
        for m, mode in enumerate(pool.modes):
            instances = int(routes.instances[t, m])
            counts[t, mode.kind] += instances
            for group, provenance in mode_groups(pool, t, mode, instances, rates[:, m]):
                groups.append((group, provenance))
                power_w[t] += group.power_w
    return RoutedCourse(counts, power_w, tuple(groups))


def settled(shares: NDArray[np.float64], instances: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares (bucket, mode) without the solver's rounding: none where nothing runs, and the rest adds up to 1 exactly."""
    kept = np.where((shares > LEAST_SHARE) & (instances > 0), shares, 0.0)
    total = kept.sum(axis=1, keepdims=True)
    return kept / np.where(total > 0, total, 1.0)


def mode_groups(
    pool: RoutedPool, t: int, mode: RoutedMode, instances: int, rates_rps: NDArray[np.float64]
) -> Iterator[tuple[Group, Provenance]]:
    """Groups that serve rates (bucket,) [1/s] with these instances, at the least power of three forms.

    Full instances and one odd one; as many, or all, at an equal split. What is left over idles. All groups with load have the same
    mix of buckets.
    """
    if instances == 0:
        return
    idle = min((curve for curve in mode.curves if curve is not None), key=lambda curve: float(curve.power_w[0]))
    idle_w = float(idle.power_w[0])
    spare, total = instances, float(rates_rps.sum())
    if total > 0:
        own = np.flatnonzero(rates_rps)
        served = [curve for b in own.tolist() if (curve := mode.curves[b]) is not None]
        mixed = mix_curves(served, (rates_rps[own] / total)[None, :], mode.derate)[0]
        for count, rate in _cheapest_split(mixed, total, instances, idle_w):
            buckets = tuple((rates_rps * (rate / total)).tolist())
            power = count * _instance_w(mixed, rate)
            yield _group(pool, t, mode, count, rate / mixed.capacity_rps, power, buckets), mixed.provenance
            spare -= count
    if spare > 0:
        yield _group(pool, t, mode, spare, 0.0, spare * idle_w, (0.0,) * len(pool.buckets)), idle.provenance


def _cheapest_split(curve: OperatingCurve, total_rps: float, instances: int, idle_w: float) -> list[tuple[int, float]]:
    """Loaded instances and the rate of each [1/s] that carry a load at least power, the idle rest included."""
    capacity = curve.capacity_rps
    least = min(math.ceil(total_rps / capacity * (1.0 - ROUNDING)), instances)
    odd = total_rps - (least - 1) * capacity
    ways = [[(count, total_rps / count)] for count in sorted({least, instances})]
    if least > 1 and odd < capacity * (1.0 - ROUNDING):
        ways.append([(least - 1, capacity), (1, odd)])

    def power_w(split: list[tuple[int, float]]) -> float:
        loaded = sum(count for count, _ in split)
        return sum(count * _instance_w(curve, rate) for count, rate in split) + (instances - loaded) * idle_w

    return min(ways, key=power_w)


def _instance_w(curve: OperatingCurve, rate_rps: float) -> float:
    """Power of one instance [W]; a rate above the capacity by rounding draws as much as at the capacity."""
    return float(curve.power_at(min(rate_rps, curve.capacity_rps)))


def _group(
    pool: RoutedPool,
    t: int,
    mode: RoutedMode,
    instances: int,
    utilisation: float,
    power_w: float,
    bucket_rates_rps: tuple[float, ...],
) -> Group:
    return Group(
        window=t,
        pool=pool.name,
        kind=pool.kinds[mode.kind],
        instances=instances,
        frequency_mhz=mode.frequency_mhz,
        rate_rps=math.fsum(bucket_rates_rps),
        utilisation=utilisation,
        power_w=power_w,
        bucket_rates_rps=bucket_rates_rps,
    )
