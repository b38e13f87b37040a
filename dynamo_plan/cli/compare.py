"""`dynamo-plan compare`: the same requests under other ways to run the cluster, and under this planner."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, OutputOption, Row, console, print_rows, say
from dynamo_plan.cli.log_options import (
    ColumnOption,
    FormatOption,
    KeepGoingOption,
    StartOption,
    TimeUnitOption,
    ZoneOption,
)
from dynamo_plan.cli.overrides import SetOption, override
from dynamo_plan.cli.progress import phases, progress
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
from dynamo_plan.errors import Fault, InputError

if TYPE_CHECKING:
    from dynamo_plan.schema.comparison import Comparison, SystemRun


class By(StrEnum):
    """What a row of a table or of CSV is."""

    SYSTEM = "system"
    BUCKET = "bucket"


def compare(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file (YAML).")],
    trace: TraceOption,
    system: Annotated[
        list[str] | None,
        typer.Option("--system", metavar="NAME", help="Compare these; repeatable. [default: all systems]"),
    ] = None,
    settings: SetOption = None,
    service: ServiceOption = None,
    engine: EngineTableOption = None,
    at: AtOption = None,
    predictor_accuracy: AccuracyOption = 1.0,
    router: RouterOption = RouterName.LEAST_UNPREFILLED,
    seed: SeedOption = 1,
    by: Annotated[By, typer.Option("--by", help="A row per system, or per system and bucket.")] = By.SYSTEM,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all that was found.")] = None,
    html: HtmlOption = None,
    format: FormatOption = None,
    column: ColumnOption = None,
    time_unit: TimeUnitOption = None,
    zone: ZoneOption = None,
    start: StartOption = None,
    keep_going: KeepGoingOption = False,
    output: OutputOption = Output.TABLE,
    force: Annotated[bool, typer.Option("--force", help="Replace earlier files.")] = False,
) -> None:
    """Run the same requests under the systems of the DynamoLLM paper and under this planner.

    One profile, one engine, one accounting for all. Exit code 5: bad input, or no system could be run.
    """
    from dynamo_plan.cli.requested import engines_of, requests_of, shifted
    from dynamo_plan.compare import CompareOptions, compare_systems
    from dynamo_plan.emit.atomic import refuse_existing_file
    from dynamo_plan.emit.comparison_file import write_comparison
    from dynamo_plan.engine import Router
    from dynamo_plan.ingest import read_inputs
    from dynamo_plan.ingest.logs.options import log_options
    from dynamo_plan.replay import Predictor
    from dynamo_plan.report.wording import count

    for path in (json_file, html):
        if path is not None:
            refuse_existing_file(path, force=force)
    chosen = CompareOptions(predictor=Predictor(predictor_accuracy, seed), router=Router[router.name])
    if system:
        chosen = CompareOptions(tuple(system), chosen.predictor, chosen.router)
    options = log_options(column or [], time_unit, zone, start)
    inputs = read_inputs(scenario, [override(setting) for setting in settings or []])
    with progress("read") as on_share:
        asked = requests_of(inputs.scenario, trace, service, options, format, on_share, keep_going=keep_going)
    if asked.left_out:
        say(f"Left out: {asked.left_out:,} rows that are no request.")
    if asked.unknown:
        say(f"Left out: {count(asked.unknown, 'request')} of no service of the scenario.")
    tables = engines_of(inputs.scenario, scenario.parent, list(asked.traces), engine)
    with phases(by_line=True) as on_progress:
        found = compare_systems(inputs, tables, shifted(asked.traces, at), chosen, on_progress)
    _refuse_nothing(found, scenario)
    _print(found, by, output)
    if json_file is not None:
        write_comparison(json_file, found, force=force)
        say(f"Wrote {json_file}")
    if html is not None:
        from dynamo_plan.cli.html_page import write_page
        from dynamo_plan.report.comparison_page import comparison_page

        write_page(html, lambda version: comparison_page(found, version), force=force)


def _refuse_nothing(found: Comparison, scenario: Path) -> None:
    if not found.systems:
        raise InputError(
            Fault(
                "compare-nothing",
                str(scenario),
                f"{left.piece} cannot be run: {left.reason}",
                "At least one system must be run to compare",
                "Mend what is said, or choose another --system",
            )
            for left in found.omitted
        )


def _print(found: Comparison, by: By, output: Output) -> None:
    if output in (Output.JSON, Output.YAML):
        import json

        from dynamo_plan.cli.console import print_record
        from dynamo_plan.emit.comparison_file import comparison_json

        print_record(json.loads(comparison_json(found)), output)
    elif by is By.BUCKET:
        from dynamo_plan.cli.replayed import bucket_row

        print_rows(
            [{"system": run.name, **bucket_row(bucket)} for run in found.systems for bucket in run.buckets], output
        )
    elif output is Output.CSV:
        print_rows([_row(found, run) for run in found.systems], output)
    else:
        from dynamo_plan.report.comparison_card import print_comparison_card

        print_comparison_card(found, console())


def _row(found: Comparison, run: SystemRun) -> Row:
    account = run.account
    return {
        "system": run.name,
        "energy_kwh": account.energy_kwh,
        "energy_change": found.change(run),
        "it_energy_kwh": account.it_energy_kwh,
        "carbon_kg": account.carbon_kg,
        "cost_usd": account.cost_usd,
        "gpu_hours": account.gpu_hours,
        "instance_starts": account.instance_starts,
        "reshards": run.reshards,
        "mean_gpus": run.mean_gpus,
        "peak_gpus": run.peak_gpus,
        "peak_power_kw": account.peak_power_kw,
        "power_p50_kw": run.power_p50_kw,
        "power_p99_kw": run.power_p99_kw,
        "completed": run.completed,
        "unserved": run.unserved,
        "timed_out": run.timed_out,
        "moved": run.moved,
        "preempted": run.preempted,
        "within_slo": run.within_slo,
        "windows": run.spans,
        "windows_kept": run.met,
    }
