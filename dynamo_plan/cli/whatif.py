"""`dynamo-plan whatif`: many changes to one scenario, resumable, one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import SETTINGS, ForceOption, console, say, say_error
from dynamo_plan.cli.parallel_options import AddressOption, EngineOption, WorkersOption
from dynamo_plan.errors import ExitCode
from dynamo_plan.parallel import Engine

if TYPE_CHECKING:
    from dynamo_plan.schema.sweep import Outcome, SweepSpec
    from dynamo_plan.whatif.study import RunTask


def whatif(
    sweep: Annotated[Path, typer.Argument(metavar="SWEEP", help="What to change (YAML).")],
    folder: Annotated[Path, typer.Option("-d", "--dir", metavar="DIR", help="Folder to write, or to go on in.")],
    engine: EngineOption = Engine.LOCAL,
    address: AddressOption = None,
    workers: WorkersOption = None,
    force: ForceOption = False,
) -> None:
    """Plan a scenario under many changes: a table, Pareto fronts, sensitivities.

    An interrupted study goes on where it was. Exit code 0: every run was done, failed ones are named in the table; 5: none has a plan.
    """
    from dynamo_plan.emit.sweep_folder import open_study, study_columns, write_study
    from dynamo_plan.ingest.sweep_yaml import read_sweep
    from dynamo_plan.whatif.fronts import pareto_front

    spec = read_sweep(sweep)
    tasks = _tasks(sweep, spec)
    done = open_study(folder, [task.run_id for task in tasks], force=force)
    if done:
        say(f"{len(done)} of {len(tasks)} runs are there already.")
    done |= _run([task for task in tasks if task.run_id not in done], folder, engine, address, workers)
    outcomes = [done[task.run_id] for task in tasks]
    best = {one.run_id for one in pareto_front(outcomes)}
    columns = study_columns(outcomes, {one.run_id: one.run_id in best for one in outcomes})
    for path in write_study(folder, columns, _page(sweep, spec, outcomes)):
        say(f"Wrote {path}")
    failed = [one for one in outcomes if one.error]
    for one in failed[:3]:
        say_error(f"{one.name}: {one.error}")
    if failed:
        say_error(f"{len(failed)} of {len(outcomes)} runs failed; results.csv says why.")
    if len(failed) == len(outcomes):
        raise typer.Exit(ExitCode.BAD_INPUT)


def _tasks(sweep: Path, spec: SweepSpec) -> list[RunTask]:
    """The runs, after every change was found possible."""
    from importlib.metadata import version

    from dynamo_plan.ingest import read_inputs
    from dynamo_plan.ingest.gathered import Faults
    from dynamo_plan.ingest.sweep_yaml import check_changes
    from dynamo_plan.whatif.changes import check_change, overrides_of
    from dynamo_plan.whatif.study import changes_of, changes_to_check, tasks_of

    scenario = sweep.parent / spec.scenario
    base, faults = read_inputs(scenario), Faults()
    possible = [change for change in changes_to_check(spec) if check_change(change, str(sweep), sweep.parent, faults)]
    check_changes(
        scenario, possible, lambda change: overrides_of(change, base.scenario, sweep.parent), str(sweep), faults
    )
    faults.raise_if_any()
    return tasks_of(changes_of(spec), base, scenario, sweep.parent, version("dynamo-plan"))


def _run(
    tasks: list[RunTask], folder: Path, engine: Engine, address: str | None, workers: int | None
) -> dict[str, Outcome]:
    """Do runs, each kept as soon as it is done."""
    from dynamo_plan.emit.sweep_folder import keep_outcome
    from dynamo_plan.parallel import completed
    from dynamo_plan.whatif.study import run_task

    found: dict[str, Outcome] = {}
    if not tasks:
        return found
    with _progress(len(tasks)) as advance:
        for _, outcome in completed(tasks, run_task, engine=engine, address=address, workers=workers):
            keep_outcome(folder, outcome)
            found[outcome.run_id] = outcome
            advance(outcome.name)
    return found


def _page(sweep: Path, spec: SweepSpec, outcomes: list[Outcome]) -> str | None:
    """The page; None where its libraries are not installed, which is said."""
    from importlib.metadata import version

    from dynamo_plan.errors import UsageError
    from dynamo_plan.report.page import page_html
    from dynamo_plan.whatif.page import study_page

    try:
        foot = f"Made by dynamo-plan {version('dynamo-plan')} from {sweep.name}."
        return page_html(study_page(sweep.stem, outcomes, spec.grid, foot))
    except UsageError as error:
        say(f"No page: {error}")
        return None


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """A bar with the time that is left; a line every now and then where stderr is no terminal."""
    terminal = console(stderr=True)
    if SETTINGS.quiet or not terminal.is_terminal:
        begin, done = time.monotonic(), 0

        def count(name: str) -> None:
            nonlocal done
            done += 1
            if done == total or done % max(1, total // 10) == 0:
                left_s = (time.monotonic() - begin) / done * (total - done)
                say(f"{done} of {total} runs done, about {left_s:.0f} s left")

        yield count
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[name]}"))
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("runs", total=total, name="")
        yield lambda name: bar.update(task, advance=1, name=name)
