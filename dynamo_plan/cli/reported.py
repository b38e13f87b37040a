"""Run folders and their inputs, gathered for `dynamo-plan report`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_plan.cli.reasons import inputs_of, tight_reserve
from dynamo_plan.errors import Fault, InputError
from dynamo_plan.report.reported import ReportedRun
from dynamo_plan.schema.plan import Plan

if TYPE_CHECKING:
    from dynamo_plan.schema.inputs import Inputs
    from dynamo_plan.schema.load import Windows


def reported_runs(folders: Sequence[Path], accounts: Path | None) -> list[ReportedRun]:
    """Read runs of one horizon, and the accounts for all of them.

    Raises
    ------
    InputError
        A folder or the accounts cannot be read, or the runs have different windows.
    VerificationError
        A run folder was changed, or is not verified.
    """
    from dynamo_plan.emit.run_folder import read_run_scenario, read_summary, read_trusted_plan
    from dynamo_plan.report.binding import binding_limits

    plans = [read_trusted_plan(folder) for folder in folders]
    _refuse_other_windows(folders, plans)
    runs = []
    for folder, plan in zip(folders, plans, strict=True):
        scenario = read_run_scenario(folder)
        diagnosis = tuple(read_summary(folder).diagnosis)
        run = ReportedRun(plan.name, plan, scenario, binding=binding_limits(plan, scenario), diagnosis=diagnosis)
        inputs, unread = inputs_of(folder, plan)
        runs.append(replace(run, unread=unread) if inputs is None else _with_inputs(run, inputs))
    runs = _told_apart(runs, folders)
    return runs if accounts is None else _with_accounts(runs, accounts)


def _refuse_other_windows(folders: Sequence[Path], plans: Sequence[Plan]) -> None:
    def windows(plan: Plan) -> tuple[str, int, int]:
        return plan.first_window_start, plan.windows, plan.window_s

    first = windows(plans[0])
    faults = [
        Fault(
            "runs-differ-in-horizon",
            str(folder),
            f"{windows(plan)[1]} windows of {windows(plan)[2]} s from {windows(plan)[0]}, but {folders[0]} has {first[1]} of "
            f"{first[2]} s from {first[0]}",
            "Only runs of the same windows can be compared",
            "Solve both for the same part of the forecast, with --from and --horizon",
        )
        for folder, plan in zip(folders, plans, strict=True)
        if windows(plan) != first
    ]
    if faults:
        raise InputError(faults)


def _told_apart(runs: list[ReportedRun], folders: Sequence[Path]) -> list[ReportedRun]:
    """Runs of the same name take their folders' names, and where these are equal too a number."""
    titles = [run.title for run in runs]
    if len(set(titles)) < len(titles):
        titles = [folder.resolve().name for folder in folders]
    if len(set(titles)) < len(titles):
        titles = [f"{title} ({number})" for number, title in enumerate(titles, start=1)]
    return [replace(run, title=title) for run, title in zip(runs, titles, strict=True)]


def _with_inputs(run: ReportedRun, inputs: Inputs) -> ReportedRun:
    return replace(
        run,
        price_usd_per_mwh={site: signals.price_usd_per_mwh.tolist() for site, signals in inputs.grid.items()},
        carbon_g_per_kwh={site: signals.carbon_g_per_kwh.tolist() for site, signals in inputs.grid.items()},
        binding=(*run.binding, *tight_reserve(run.plan, inputs)),
    )


def _with_accounts(runs: list[ReportedRun], path: Path) -> list[ReportedRun]:
    from dynamo_plan.ingest.accounts_yaml import read_accounts

    spec, marginal = read_accounts(path, [run.scenario for run in runs], _windows(runs[0].plan))
    return [
        replace(
            run,
            accounts=spec,
            marginal_g_per_kwh={site.site: marginal[site.site] for site in run.plan.sites if site.site in marginal},
        )
        for run in runs
    ]


def _windows(plan: Plan) -> Windows:
    """A plan's windows as the readers take them."""
    import numpy as np

    from dynamo_plan.schema.horizon import window_start
    from dynamo_plan.schema.load import Windows

    starts = [window_start(plan, window).replace(tzinfo=None) for window in range(plan.windows)]
    return Windows(np.array(starts, dtype="datetime64[s]"), plan.window_s)
