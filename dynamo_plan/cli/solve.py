"""`dynamo-plan solve`: from a scenario to a verified plan, its run folder and its result card."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from dynamo_plan.cli.console import SETTINGS, ForceOption, Output, OutputOption, console, print_record, say, say_error
from dynamo_plan.cli.durations import duration_s
from dynamo_plan.cli.overrides import SetOption, override
from dynamo_plan.errors import ExitCode, Fault, VerificationError
from dynamo_plan.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from dynamo_plan.emit.summary import Summary
    from dynamo_plan.planner import Run
    from dynamo_plan.schema.inputs import Inputs
    from dynamo_plan.schema.scenario import Scenario

RUNS = Path("runs")
LEAST_TIME_LIMIT_S = 1e-3
"""No clock used here shows less; 0 would be no time at all."""

EXIT_CODES = {
    "optimal": ExitCode.OK,
    "feasible": ExitCode.LIMIT,
    "infeasible": ExitCode.INFEASIBLE,
    "error": ExitCode.INTERNAL,
}


class Method(StrEnum):
    """How to solve."""

    AUTO = "auto"
    DECOMPOSED = "decomposed"
    COMPACT = "compact"


class Objective(StrEnum):
    """What to minimise alone."""

    ENERGY = "energy"
    COST = "cost"
    CARBON = "carbon"


class Progress(Protocol):
    """What the planner calls while it runs."""

    def __call__(self, phase: str, done: float, note: str) -> None:
        """Show that a phase is done to this part, from 0 to 1."""


def solve(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file (YAML).")],
    run_dir: Annotated[
        Path | None, typer.Option("-d", "--run-dir", metavar="RUN", help="Run folder to write. [default: runs/NAME]")
    ] = None,
    settings: SetOption = None,
    objective: Annotated[Objective | None, typer.Option("--objective", help="Minimise this alone.")] = None,
    method: Annotated[Method, typer.Option("--method", help="How to solve.")] = Method.AUTO,
    gap: Annotated[
        float | None, typer.Option("--gap", min=0.0, help="Relative gap at which to stop, e.g. 1e-3.")
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="S", min=LEAST_TIME_LIMIT_S, help="Wall time [s].")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First window to plan, e.g. 2024-05-14T06:00:00Z.")
    ] = None,
    horizon: Annotated[
        str | None, typer.Option("--horizon", metavar="DURATION", help="How long to plan, e.g. 24h, 90min or 7d.")
    ] = None,
    warm_start: Annotated[
        Path | None,
        typer.Option("--warm-start", metavar="RUN", help="Run folder of an earlier plan, whose state is continued."),
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Threads for the solver.")] = None,
    save_lp: Annotated[bool, typer.Option("--save-lp", help="Write the model as RUN/model.lp as well.")] = False,
    output: OutputOption = Output.TABLE,
    force: ForceOption = False,
) -> None:
    """Solve a scenario: write the run folder, print the result card.

    Exit code 0: solved to the gap; 3: infeasible, best effort written; 4: stopped at a limit; 5: bad input; 6: not verified.
    """
    overrides = [
        *map(override, settings or []),
        *_option_overrides(objective, gap, time_limit),
        *_horizon_overrides(start, horizon),
    ]
    with TemporaryDirectory() as scratch:
        model_lp = Path(scratch) / "model.lp" if save_lp else None
        run, summary, solved, folder = _solve(
            scenario, run_dir, overrides, method, threads, model_lp, warm_start, force=force
        )
    for line in run.diagnosis:
        say_error(line)
    _print_result(run, summary, solved, folder, output)
    say(f"Wrote {folder}")
    raise typer.Exit(EXIT_CODES[run.plan.status.value])


def _solve(
    scenario: Path,
    run_dir: Path | None,
    overrides: list[tuple[str, str]],
    method: Method,
    threads: int | None,
    model_lp: Path | None,
    warm_start: Path | None,
    *,
    force: bool,
) -> tuple[Run, Summary, Scenario, Path]:
    from dynamo_plan.emit.atomic import refuse_occupied
    from dynamo_plan.emit.run_folder import PLAN_FILE, RunRecord, write_run
    from dynamo_plan.ingest import read_inputs
    from dynamo_plan.planner import plan_scenario

    with _progress() as on_progress:
        start = time.perf_counter()
        on_progress("read", 0.0, str(scenario))
        inputs = read_inputs(scenario, overrides)
        if warm_start is not None:
            inputs = _continued(inputs, warm_start)
        read_s = time.perf_counter() - start
        folder = run_dir or RUNS / inputs.scenario.name
        # Before the work, not after it.
        refuse_occupied(folder, PLAN_FILE, force=force)
        run = plan_scenario(inputs, method=method.value, threads=threads, save_lp=model_lp, on_progress=on_progress)
    if run.findings:
        raise VerificationError(
            Fault(
                f"verify-{finding.rule}",
                finding.where,
                f"{finding.what}: expected {finding.expected}, found {finding.found}",
                f"The plan breaks the rule {finding.rule} and was not written",
                "This is a defect of dynamo-plan; please report it with the scenario",
            )
            for finding in run.findings
        )
    record = RunRecord(
        plan=run.plan,
        scenario=inputs.scenario,
        scenario_folder=scenario.parent,
        phases_s={"read": read_s, **run.phases_s},
        solver=run.solver,
        log=run.log,
        diagnosis=run.diagnosis,
        findings=[asdict(finding) for finding in run.findings],
        model_lp=model_lp,
    )
    return run, write_run(folder, record, force=force), inputs.scenario, folder


def _print_result(run: Run, summary: Summary, scenario: Scenario, folder: Path, output: Output) -> None:
    if output is Output.TABLE:
        from dynamo_plan.report.card import Making, print_card

        print_card(run.plan, Making(scenario.objective, summary.phases_s, run.solver, str(folder)), console())
    elif output is Output.CSV:
        print((folder / "schedule.csv").read_text(encoding="utf-8"), end="")
    else:
        print_record(summary.model_dump(mode="json"), output)


def _option_overrides(
    objective: Objective | None, gap: float | None, time_limit: float | None
) -> Iterator[tuple[str, str]]:
    """Options that say the same as keys of the scenario, so that the resolved scenario tells the truth."""
    if objective is not None:
        yield "objective", f"{{{objective.value}: 1.0}}"
    if gap is not None:
        yield "solver.gap", repr(gap)
    if time_limit is not None:
        yield "solver.time_limit_s", repr(time_limit)


def _horizon_overrides(start: str | None, horizon: str | None) -> Iterator[tuple[str, str]]:
    if start is not None:
        yield "horizon.start", start
    if horizon is not None:
        yield "horizon.hours", repr(duration_s(horizon, "--horizon") / SECONDS_PER_HOUR)


def _continued(inputs: Inputs, warm_start: Path) -> Inputs:
    """The inputs with the state that an earlier plan has just before their first window."""
    from dynamo_plan.emit.run_folder import read_trusted_plan
    from dynamo_plan.schema.handover import state_before

    first = datetime.fromisoformat(inputs.windows.label(0))
    initial = state_before(read_trusted_plan(warm_start), first, str(warm_start))
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"initial": initial}))


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on stderr, if that is a terminal and nobody asked for quiet."""
    terminal = console(stderr=True)
    if SETTINGS.quiet or not terminal.is_terminal:
        yield lambda phase, done, note: None
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description:<9}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[note]}"))
    with Bar(*columns, console=terminal, transient=True) as shown:
        task = shown.add_task("", total=1.0, note="")
        yield lambda phase, done, note: shown.update(task, description=phase, completed=done, note=note)
