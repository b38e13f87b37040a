"""From courses to the plan: groups of instances at a clock and a load, site rows, totals, shares of provenance."""

from __future__ import annotations

from itertools import chain

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, LimitError, SolverError
from dynamo_plan.model.quantities import SiteVector, changes, site_axes
from dynamo_plan.model.site import build_site
from dynamo_plan.problem import PoolProblem, Problem, RoutedPool
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import (
    PLAN_VERSION,
    Baseline,
    Certificate,
    Group,
    Omission,
    Plan,
    PlanStatus,
    PoolPlan,
    ProvenanceShare,
    Reshard,
    ServerPlan,
    SitePlan,
    Violation,
)
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.solve.caps import stopped_too_soon, violations
from dynamo_plan.solve.courses import Course
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.ledger import Ledger, ledger, objective_value
from dynamo_plan.solve.repair import joint
from dynamo_plan.solve.routing import RoutedCourse, routed_use
from dynamo_plan.solve.shadow import shadow_prices
from dynamo_plan.solve.solution import Solution, relative_gap
from dynamo_plan.solve.states import StateSpace

AGREEMENT = 1e-6
"""Relative; the solver's objective and the ledger's must agree as the verifier's must."""


def compose_plan(
    problem: Problem,
    spaces: list[StateSpace],
    solution: Solution,
    inputs: Inputs,
    baselines: tuple[Baseline, ...],
    omitted: tuple[Omission, ...],
    least_power_kw: dict[str, float] | None = None,
    routed: tuple[RoutedCourse, ...] = (),
) -> Plan:
    """The plan that a solution stands for; `routed` has a course per routed pool.

    Raises
    ------
    LimitError
        No plan was found in the time allowed.
    SolverError
        The model's objective and the sum over the plan differ: a defect of ours.
    """
    if not (solution.courses or routed):
        raise LimitError(
            Fault(
                "no-plan-found",
                problem.name,
                "the solver stopped before it had any plan",
                "",
                "Give it more time (--time-limit), or loosen the caps",
            )
        )
    groups, shares = [], dict.fromkeys(Provenance, 0.0)
    found = [pool_groups(space, course) for space, course in zip(spaces, solution.courses, strict=True)]
    for group, provenance in chain(*found, *(course.groups for course in routed)):
        groups.append(group)
        shares[provenance] += group.power_w
    amounts = joint(problem, solution.courses).amounts + routed_use(problem, routed)
    book = ledger(problem, amounts)
    counts = [*(course.counts for course in solution.courses), *(course.counts for course in routed)]
    broken = (*violations(problem, amounts, book, least_power_kw), *stopped_too_soon(problem, counts))
    objective = objective_value(problem, book.totals)
    if relative_gap(max(objective, solution.objective), min(objective, solution.objective)) > AGREEMENT:
        raise SolverError(
            Fault(
                "objective-mismatch",
                problem.name,
                f"the model's objective is {solution.objective!r}, the plan's {objective!r}",
                "Both must agree",
                "Please report this with the scenario",
            )
        )
    bound = min(solution.bound, objective)
    priced, unpriced = shadow_prices(problem, spaces, solution.prices, objective, broken)
    power = sum(shares.values())
    return Plan(
        version=PLAN_VERSION,
        name=problem.name,
        status=_status(solution, broken),
        first_window_start=problem.windows.label(0),
        window_s=problem.windows.window_s,
        windows=len(problem.windows),
        certificate=Certificate(objective, bound, relative_gap(objective, bound), solution.method, solution.proof),
        totals=book.totals,
        pools=tuple(_pool(pool) for pool in problem.all_pools()),
        groups=tuple(sorted(groups, key=lambda g: (g.window, g.pool, g.kind, g.frequency_mhz, -g.rate_rps))),
        servers=_servers(problem, amounts, book),
        sites=_sites(problem, book),
        baselines=baselines,
        provenance=tuple(
            ProvenanceShare(name.value, watts / power) for name, watts in shares.items() if power > 0 and watts > 0
        ),
        violations=broken,
        omissions=(*problem.omissions, *build_site(problem).omissions, *omitted, *unpriced),
        assumptions=problem.assumptions,
        inputs=inputs.files,
        reshards=_reshards(problem, counts),
        shadow_prices=priced,
        prediction_errors=problem.prediction_errors,
    )


def _pool(pool: PoolProblem | RoutedPool) -> PoolPlan:
    share = pool.share if isinstance(pool, PoolProblem) else None
    return PoolPlan(pool.name, pool.service, pool.site, pool.buckets, () if share is None else tuple(share.tolist()))


def _reshards(problem: Problem, counts: list[NDArray[np.int64]]) -> tuple[Reshard, ...]:
    """Instances that take over GPUs, by window, pool and kind, from every pool's counts (window, kind)."""
    found = []
    for pool, own in zip(problem.all_pools(), counts, strict=True):
        moved = changes(problem, pool, own).resharded
        for t, k in np.argwhere(moved).tolist():
            found.append(Reshard(t, pool.name, pool.kinds[k], int(moved[t, k])))
    return tuple(sorted(found, key=lambda one: (one.window, one.pool, one.kind)))


def _status(solution: Solution, broken: tuple[Violation, ...]) -> PlanStatus:
    if broken:
        return PlanStatus.INFEASIBLE
    return PlanStatus.OPTIMAL if solution.status is SolveStatus.OPTIMAL else PlanStatus.FEASIBLE


def pool_groups(space: StateSpace, course: Course) -> list[tuple[Group, Provenance]]:
    """The dispatch of a course, window by window, with the provenance of each group's curve."""
    pool = space.pool
    found: list[tuple[Group, Provenance]] = []
    for mix, fleet in enumerate(space.fleets):
        windows = np.flatnonzero(pool.mix == mix)
        loads = fleet.groups(course.counts[windows], pool.rate_rps[windows]) if windows.size else []
        for t, groups in zip(windows.tolist(), loads, strict=True):
            for one in groups:
                curve = fleet.curve(one.kind, one.rate_rps)
                rate = min(one.rate_rps, curve.capacity_rps)
                group = Group(
                    window=t,
                    pool=pool.name,
                    kind=pool.kinds[one.kind],
                    instances=one.instances,
                    frequency_mhz=curve.frequency_mhz,
                    rate_rps=rate,
                    utilisation=rate / curve.capacity_rps,
                    power_w=one.instances * float(curve.power_at(rate)),
                )
                found.append((group, curve.provenance))
    return found


def _servers(problem: Problem, amounts: SiteVector, book: Ledger) -> tuple[ServerPlan, ...]:
    axes = site_axes(problem)
    used = np.rint(amounts.gpus_in_use).astype(np.int64)
    return tuple(
        ServerPlan(
            site,
            gpu,
            tuple(used[row].tolist()),
            tuple(book.servers_on[row].tolist()),
            tuple(book.servers_started[row].tolist()),
            problem.site(site).gpus[gpu].server_start_s,
        )
        for row, (site, gpu) in enumerate(axes.stocks)
    )


def _sites(problem: Problem, book: Ledger) -> tuple[SitePlan, ...]:
    return tuple(
        SitePlan(
            site.name,
            tuple(book.it_energy_kwh[home].tolist()),
            tuple(book.energy_kwh[home].tolist()),
            tuple(book.carbon_kg[home].tolist()),
            tuple(book.cost_usd[home].tolist()),
        )
        for home, site in enumerate(problem.sites)
    )
