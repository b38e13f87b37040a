"""Why a plan is as it is: everything that `dynamo-plan explain RUN` shows, gathered from a run folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_plan.errors import InputError
from dynamo_plan.schema.alternative import Alternative
from dynamo_plan.schema.horizon import window_start
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.scenario import Routing, Scenario

if TYPE_CHECKING:
    from dynamo_plan.cli.console import Row
    from dynamo_plan.report.binding import Binding
    from dynamo_plan.schema.inputs import Inputs

REASONS_VERSION = 1
"""Of the record that `explain RUN -o json` prints."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """What binds, and what else could have been.

    Attributes
    ----------
    binding : tuple of Binding
        Limits at which the plan stands; that of the reserve only where the inputs could be read.
    alternatives : tuple of Alternative
        Runners-up; none where the inputs could not be read.
    unread : str
        Why the inputs were not looked at; empty where they were.
    """

    plan: Plan
    scenario: Scenario
    binding: tuple[Binding, ...]
    alternatives: tuple[Alternative, ...]
    unread: str


def reasons(run_folder: Path) -> Reasons:
    """Read a run folder, and its inputs if they are still what they were."""
    from dynamo_plan.emit.run_folder import read_plan, read_run_scenario
    from dynamo_plan.report.binding import binding_limits

    plan, scenario = read_plan(run_folder), read_run_scenario(run_folder)
    limits = binding_limits(plan, scenario)
    inputs, unread = inputs_of(run_folder, plan)
    if inputs is None:
        return Reasons(plan, scenario, limits, (), unread)
    return Reasons(plan, scenario, (*limits, *tight_reserve(plan, inputs)), tuple(_runners_up(plan, inputs)), "")


def inputs_of(run_folder: Path, plan: Plan) -> tuple[Inputs | None, str]:
    """The plan's inputs; None and why, where they cannot be read or have changed."""
    from dynamo_plan.emit.run_folder import SCENARIO_FILE
    from dynamo_plan.ingest import read_inputs

    try:
        inputs = read_inputs(run_folder / SCENARIO_FILE)
    except InputError as error:
        return None, f"because an input cannot be read again: {error.faults[0]}"
    planned = {file.role: file.sha256 for file in plan.inputs}
    # The scenario reached the run folder resolved, so its file is another one by nature.
    changed = [f.role for f in inputs.files if f.role != "scenario" and f.sha256 != planned.get(f.role)]
    if changed:
        return None, f"because inputs have changed since the plan was made: {', '.join(changed)}"
    return inputs, ""


def tight_reserve(plan: Plan, inputs: Inputs) -> tuple[Binding, ...]:
    """Where the reserve leaves no instance to spare."""
    from dynamo_plan.report.binding import binding_reserve
    from dynamo_plan.verify.evidence import Evidence

    evidence = Evidence(plan, inputs)
    # Where routing is free an instance has no capacity of its own: it depends on what is sent to it.
    needed_rps = {
        name: load.reserve_rate_rps.sum(axis=1).tolist()
        for name, load in evidence.pools.items()
        if load.service.routing is Routing.EVEN
    }
    return binding_reserve(plan, needed_rps, evidence.reserve_capacity_rps)


def _runners_up(plan: Plan, inputs: Inputs) -> list[Alternative]:
    """The plan's pools with some of their kinds only."""
    import numpy as np

    from dynamo_plan.assemble import assemble
    from dynamo_plan.solve.runner_up import alternatives
    from dynamo_plan.solve.shadow import prices_with

    partitions = {
        service: tuple(pool.buckets for pool in plan.pools if pool.service == service)
        for service in dict.fromkeys(pool.service for pool in plan.pools)
    }
    shares = {pool.name: np.array(pool.share) for pool in plan.pools if pool.share}
    problem = assemble(inputs, partitions=partitions).with_shares(shares)
    return alternatives(problem, prices_with(problem, plan.shadow_prices), _main_kinds(plan), os.cpu_count() or 1)


def _main_kinds(plan: Plan) -> dict[str, Kind]:
    """The kind that runs most instances, summed over windows, by pool; of equals the first."""
    running: dict[str, Counter[Kind]] = {}
    for group in plan.groups:
        running.setdefault(group.pool, Counter())[group.kind] += group.instances
    return {pool: min(counts, key=lambda kind: (-counts[kind], kind)) for pool, counts in running.items()}


def reasons_record(found: Reasons) -> dict[str, object]:
    """The same for scripts: `explain RUN -o json`."""
    plan, certificate = found.plan, found.plan.certificate
    return {
        "version": REASONS_VERSION,
        "name": plan.name,
        "status": plan.status.value,
        "objective": certificate.objective,
        "objective_unit": _unit(found),
        # JSON has no number for an unproven bound.
        "best_bound": certificate.best_bound if certificate.best_bound > float("-inf") else None,
        "gap": certificate.gap if certificate.gap < float("inf") else None,
        "proof": certificate.proof,
        "violations": [
            {**_place(broken.constraint, broken.where), "unit": broken.unit, "mend": broken.mend}
            | {"windows": _windows(plan, broken.windows), "shortfall": list(broken.shortfall)}
            for broken in plan.violations
        ],
        "binding": [
            {**_place(limit.constraint, limit.where), "limit": limit.limit, "windows": _windows(plan, limit.windows)}
            for limit in found.binding
        ],
        "shadow_prices": [
            {**_place(price.constraint, price.where), "unit": price.unit}
            | {"windows": _windows(plan, price.windows), "saving": list(price.saving)}
            for price in plan.shadow_prices
        ],
        "runners_up": [
            {
                "pool": one.pool,
                "kinds": [str(kind) for kind in one.kinds],
                "left_out": None if one.left_out is None else str(one.left_out),
                "cost": one.cost,
                "regret": one.regret,
            }
            for one in found.alternatives
        ],
        "not_examined": found.unread or None,
        "assumptions": list(plan.assumptions),
        "omissions": [asdict(left) for left in plan.omissions],
    }


def reasons_rows(found: Reasons) -> list[Row]:
    """The same as rows: `explain RUN -o csv`; one per finding and window, runners-up one per pool and choice of kinds."""
    return [
        dict(zip(("finding", "subject", "where", "window_start", "value", "unit"), row, strict=True))
        for row in _rows(found)
    ]


def _rows(found: Reasons) -> Iterator[tuple[str, str, str, str | None, float | None, str]]:
    plan, unit = found.plan, _unit(found)
    for broken in plan.violations:
        for window, shortfall in zip(_windows(plan, broken.windows), broken.shortfall, strict=True):
            yield "violation", broken.constraint, broken.where, window, shortfall, broken.unit
    for limit in found.binding:
        for window in _windows(plan, limit.windows):
            yield "binding", limit.constraint, limit.where, window, None, limit.limit
    for price in plan.shadow_prices:
        for window, saving in zip(_windows(plan, price.windows), price.saving, strict=True):
            yield "shadow price", price.constraint, price.where, window, saving, f"{unit}/{price.unit}"
    for one in found.alternatives:
        choice = f"only {one.kinds[0]}" if one.left_out is None else f"without {one.left_out}"
        yield "runner-up", choice, one.pool, None, one.regret, unit


def _unit(found: Reasons) -> str:
    from dynamo_plan.report.wording import objective_unit

    return objective_unit(found.scenario.objective).strip() or "objective"


def _place(constraint: str, where: str) -> dict[str, object]:
    return {"constraint": constraint, "where": where}


def _windows(plan: Plan, windows: tuple[int, ...]) -> list[str]:
    """Left edges, as the schedule names them."""
    return [f"{window_start(plan, window):%Y-%m-%dT%H:%M:%SZ}" for window in windows]
