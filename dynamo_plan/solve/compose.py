"""From courses to the plan: groups of instances at a clock and a load, site rows, totals, shares of provenance."""

from __future__ import annotations

import numpy as np

from dynamo_plan.errors import Fault, LimitError, SolverError
from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import build_site
from dynamo_plan.problem import Problem
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
    ServerPlan,
    SitePlan,
    Violation,
)
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.solve.caps import violations
from dynamo_plan.solve.decomposition import Solution, relative_gap
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.ledger import Ledger, ledger, objective_value
from dynamo_plan.solve.pricing import Course
from dynamo_plan.solve.repair import joint
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
) -> Plan:
    """The plan that a solution stands for.

    Raises
    ------
    LimitError
        No plan was found in the time allowed.
    SolverError
        The model's objective and the sum over the plan differ: a defect of ours.
    """
    if not solution.courses:
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
    for space, course in zip(spaces, solution.courses, strict=True):
        for group, provenance in pool_groups(space, course):
            groups.append(group)
            shares[provenance] += group.power_w
    amounts = joint(problem, solution.courses).amounts
    book = ledger(problem, amounts)
    broken = violations(problem, amounts, book, least_power_kw)
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
        pools=tuple(PoolPlan(pool.name, pool.service, pool.site, pool.buckets) for pool in problem.pools),
        groups=tuple(sorted(groups, key=lambda g: (g.window, g.pool, g.kind, g.frequency_mhz, -g.rate_rps))),
        servers=_servers(problem, solution, book),
        sites=_sites(problem, book),
        baselines=baselines,
        provenance=tuple(
            ProvenanceShare(name.value, watts / power) for name, watts in shares.items() if power > 0 and watts > 0
        ),
        violations=broken,
        omissions=(*problem.omissions, *build_site(problem).omissions, *omitted),
        assumptions=problem.assumptions,
        inputs=inputs.files,
    )


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


def _servers(problem: Problem, solution: Solution, book: Ledger) -> tuple[ServerPlan, ...]:
    axes = site_axes(problem)
    used = np.rint(joint(problem, solution.courses).amounts.gpus_in_use).astype(np.int64)
    return tuple(
        ServerPlan(site, gpu, tuple(used[row].tolist()), tuple(book.servers_on[row].tolist()))
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
