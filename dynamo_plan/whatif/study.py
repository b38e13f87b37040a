"""The runs of a sweep: which there are, what identifies each, and how one is done."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dynamo_plan.errors import PlanError
from dynamo_plan.ingest import read_inputs
from dynamo_plan.planner import plan_scenario
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.sweep import Change, Outcome, SweepSpec
from dynamo_plan.whatif.changes import overrides_of, with_tables_changed

FAILED = "failed"
ID_DIGITS = 16
"""Of a run's hash: 64 bits, among thousands of runs two never meet."""


@dataclass(frozen=True, slots=True)
class RunTask:
    """One run to do, as it travels to a worker, which reads the same files.

    Attributes
    ----------
    run_id : str
    scenario : str
        Path of the scenario file.
    change : dict
    overrides : tuple of (str, str)
        What the change says of the scenario's keys.
    """

    run_id: str
    scenario: str
    change: Change
    overrides: tuple[tuple[str, str], ...]


def changes_of(spec: SweepSpec) -> list[Change]:
    """The base, every combination of the grid, then the cases; each once."""
    combined = [dict(zip(spec.grid, values, strict=True)) for values in itertools.product(*spec.grid.values())]
    found: dict[str, Change] = {}
    for change in [{}, *(combined if spec.grid else []), *spec.cases]:
        found.setdefault(json.dumps(change, sort_keys=True), change)
    return list(found.values())


def changes_to_check(spec: SweepSpec) -> list[Change]:
    """Every value of the grid by itself, and the cases: enough to find a key or value that cannot be."""
    single: list[Change] = [{key: value} for key, values in spec.grid.items() for value in values]
    return [*single, *(case for case in spec.cases if case)]


def tasks_of(changes: Sequence[Change], base: Inputs, scenario: Path, folder: Path, program: str) -> list[RunTask]:
    """Tasks whose ids follow from what is changed, what was read and what does it.

    Parameters
    ----------
    base : Inputs
        Of the unchanged scenario.
    scenario : Path
        Its file.
    folder : Path
        From which grid files are named.
    program : str
        Its version: another one may give another plan.
    """
    basis = [program, *(file.sha256 for file in base.files)]
    tasks = []
    for change in changes:
        named = change.get("grid_file")
        grid = hashlib.sha256((folder / named).read_bytes()).hexdigest() if isinstance(named, str) else ""
        said = json.dumps([basis, grid, change], sort_keys=True)
        run_id = hashlib.sha256(said.encode()).hexdigest()[:ID_DIGITS]
        overrides = tuple(overrides_of(change, base.scenario, folder))
        tasks.append(RunTask(run_id, str(scenario.resolve()), change, overrides))
    return tasks


def run_task(task: RunTask) -> Outcome:
    """Plan one changed scenario; what goes wrong becomes part of the outcome, so that the other runs go on."""
    try:
        plan = _planned(task)
    except PlanError as error:
        return Outcome(task.run_id, task.change, FAILED, error="; ".join(str(fault) for fault in error.faults))
    except Exception as error:
        # A defect of ours in one run of a night's sweep must not lose the others; the table names it.
        return Outcome(task.run_id, task.change, FAILED, error=f"internal error: {type(error).__name__}: {error}")
    return outcome_of(task, plan)


def _planned(task: RunTask) -> Plan:
    inputs = with_tables_changed(read_inputs(Path(task.scenario), task.overrides), task.change)
    # One thread: the runs share the cores among them.
    run = plan_scenario(inputs, threads=1)
    if run.findings:
        raise AssertionError(f"the plan does not hold what it claims: {run.findings[0]}")
    return run.plan


def outcome_of(task: RunTask, plan: Plan) -> Outcome:
    """The few numbers of a plan that a study compares."""
    totals = plan.totals
    return Outcome(
        run_id=task.run_id,
        change=task.change,
        status=plan.status.value,
        objective=plan.certificate.objective,
        gap=plan.certificate.gap,
        energy_kwh=totals.energy_kwh,
        carbon_kg=totals.carbon_kg,
        cost_usd=totals.cost_usd,
        gpu_hours=totals.gpu_hours,
        peak_power_kw=totals.peak_power_kw,
        peak_gpus=float(totals.peak_gpus),
        instance_starts=float(totals.instance_starts),
        slo_slack=slo_slack(plan),
    )


def slo_slack(plan: Plan) -> float:
    """Share of the running instances' capacity at the SLO that is left, weighted by GPUs and windows [1]; NaN if nothing runs."""
    weights = [group.instances * group.kind.gpus for group in plan.groups]
    used = math.fsum(weight * group.utilisation for weight, group in zip(weights, plan.groups, strict=True))
    return 1.0 - used / sum(weights) if sum(weights) else math.nan
