"""`dynamo-plan replay`: whether a plan holds when the requests come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, OutputOption, console, print_rows, say
from dynamo_plan.cli.log_options import (
    ColumnOption,
    FormatOption,
    KeepGoingOption,
    StartOption,
    TimeUnitOption,
    ZoneOption,
)
from dynamo_plan.cli.progress import progress
from dynamo_plan.cli.request_options import (
    AccuracyOption,
    AtOption,
    EngineTableOption,
    HtmlOption,
    RouterName,
    RouterOption,
    SeedOption,
    ServiceOption,
    TraceOption,
)
from dynamo_plan.errors import Fault, UsageError

if TYPE_CHECKING:
    from dynamo_plan.replay import Carried, Case, QueueManager
    from dynamo_plan.schema.replay import Replay


def replay(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of a solve.")],
    trace: TraceOption,
    service: ServiceOption = None,
    engine: EngineTableOption = None,
    at: AtOption = None,
    predictor_accuracy: AccuracyOption = 1.0,
    router: RouterOption = RouterName.LEAST_UNPREFILLED,
    clock_control: Annotated[
        bool, typer.Option("--clock-control/--no-clock-control", help="Raise clocks when slack runs out, every 5 s.")
    ] = False,
    queue_control: Annotated[
        bool | None,
        typer.Option(
            "--queue-control/--no-queue-control",
            help="Where requests would be late: urgent ones first, others elsewhere, timed-out ones given up.",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.001,
            max=86_400.0,
            help="Until requests that wait are given up; with it queues are controlled. [default: 10 x TTFT SLO]",
        ),
    ] = None,
    seed: SeedOption = 1,
    html: HtmlOption = None,
    format: FormatOption = None,
    column: ColumnOption = None,
    time_unit: TimeUnitOption = None,
    zone: ZoneOption = None,
    start: StartOption = None,
    keep_going: KeepGoingOption = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            "--calibrate",
            metavar="PROFILE",
            help="Write a profile with which pools that break their SLO would keep it.",
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier page or profile.")] = False,
) -> None:
    """Replay requests on an engine model of the plan's instances: energy and latencies beside what was promised.

    Writes RUN/replay.json. Exit code 5: bad input; 6: the plan is not verified.
    """
    from dynamo_plan.cli.replayed import case_of
    from dynamo_plan.cli.requested import requests_of, shifted
    from dynamo_plan.emit.atomic import refuse_existing_file
    from dynamo_plan.emit.replay_file import write_replay
    from dynamo_plan.emit.run_folder import read_run_scenario, read_trusted_plan
    from dynamo_plan.engine import Router
    from dynamo_plan.ingest.logs.options import log_options
    from dynamo_plan.replay import Options, Predictor, RaiseClock, replay_plan

    queues = _queues(timeout, is_controlled=queue_control)
    for path in (html, calibrate):
        if path is not None:
            refuse_existing_file(path, force=force)
    read_trusted_plan(run_folder)  # before a long log is read
    options = log_options(column or [], time_unit, zone, start)
    with progress("read") as on_share:
        asked = requests_of(
            read_run_scenario(run_folder), trace, service, options, format, on_share, keep_going=keep_going
        )
    if asked.left_out:
        say(f"Left out: {asked.left_out:,} rows that are no request.")
    case = case_of(run_folder, list(asked.traces), engine)
    with progress("replay") as on_share:
        found, carried = replay_plan(
            case,
            shifted(asked.traces, at),
            Options(
                Predictor(predictor_accuracy, seed),
                Router[router.name],
                RaiseClock() if clock_control else None,
                queues,
            ),
            unknown_service=asked.unknown,
            on_share=on_share,
        )
    path = write_replay(run_folder, found)
    _print(found, output)
    say(f"Wrote {path}")
    if html is not None:
        from dynamo_plan.cli.html_page import write_page
        from dynamo_plan.report.replay_page import replay_page

        write_page(html, lambda version: replay_page(found, version), force=force)
    if calibrate is not None:
        _calibrate(case, carried, calibrate, force=force)


def _queues(timeout_s: float | None, *, is_controlled: bool | None) -> QueueManager | None:
    """Who looks after queues, if anybody; a timeout alone asks for it."""
    if is_controlled is False and timeout_s is not None:
        raise UsageError(
            Fault(
                "replay-timeout",
                "--timeout",
                "it is said together with --no-queue-control",
                "Requests are given up where queues are controlled",
                "Leave one of them out",
            )
        )
    from dynamo_plan.replay import QueueManager

    return QueueManager(timeout_s) if is_controlled or timeout_s is not None else None


def _print(found: Replay, output: Output) -> None:
    if output is Output.TABLE:
        from dynamo_plan.report.replay_card import print_replay_card

        print_replay_card(found, console())
    elif output is Output.CSV:
        from dynamo_plan.cli.replayed import bucket_row

        print_rows([bucket_row(bucket) for bucket in found.buckets], output)
    else:
        import json

        from dynamo_plan.cli.console import print_record
        from dynamo_plan.emit.replay_file import replay_json

        print_record(json.loads(replay_json(found)), output)


def _calibrate(case: Case, carried: Carried, output: Path, *, force: bool) -> None:
    """Say which pools break their SLO and what would mend them, and write the profile that does."""
    from dynamo_plan.cli.replayed import calibrated_profile
    from dynamo_plan.emit.profile_table import write_profile
    from dynamo_plan.replay import calibrate as mended_pools

    with progress("calibrate") as on_share:
        found = mended_pools(carried, on_share)
    for one in found:
        would = f"{one.share:.0%} of its load would keep it" if one.share else "less load would not mend it"
        say(f"{one.pool}: {one.kept:.1%} of its bucket-windows keep the SLO; {would}.")
    if not found:
        say("Every pool keeps its SLO: no profile is needed.")
    table = calibrated_profile(case, found)
    if table is not None:
        service = next(one.service for one in found if one.share)
        write_profile(table, output, force=force)
        say(f"Wrote {output}. Next: dynamo-plan solve SCENARIO --set services.{service}.profile={output.resolve()}")
