"""`dynamo-plan forecast build`: logs of requests to load per window and bucket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, print_rows, say
from dynamo_plan.cli.durations import duration_s
from dynamo_plan.cli.forecast.options import FillOption, RecordOption, ReplaceOption, check_table, service_named
from dynamo_plan.cli.log_options import (
    ColumnOption,
    FormatOption,
    KeepGoingOption,
    StartOption,
    TimeUnitOption,
    ZoneOption,
)
from dynamo_plan.cli.parallel_options import AddressOption, EngineOption, WorkersOption
from dynamo_plan.cli.progress import progress
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.parallel import Engine
from dynamo_plan.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from dynamo_plan.ingest.logs import Log, Place
    from dynamo_plan.ingest.logs.binning import Binning
    from dynamo_plan.ingest.logs.counts import Counts, Grid
    from dynamo_plan.ingest.logs.options import LogOptions
    from dynamo_plan.schema.request_counts import RequestCounts

DEFAULT_BUCKETS = "256,1024,8192/100,350,null"
"""The nine buckets of DynamoLLM, table IV [tokens]."""

DEFAULT_WINDOW = "30min"

SERVICE = "default"
"""Name of the service where neither the log nor the user names one."""

NO_DATE = "The log names no date: windows count from 1970-01-01T00:00:00Z. Name its begin with --start."

MOST_SHOWN = 5
"""Gaps, or files left out, that are listed; the rest is counted."""


def build(
    logs: Annotated[list[Path], typer.Argument(metavar="LOGS...", help="Logs of requests; .gz and .zst too.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="LOAD", help="Table to write, .csv or .parquet.")],
    window: Annotated[
        str | None,
        typer.Option("--window", metavar="DURATION", help=f"Length of a window. [default: {DEFAULT_WINDOW}]"),
    ] = None,
    buckets: Annotated[
        str | None,
        typer.Option(
            "--buckets",
            metavar="EDGES",
            help=f"Upper edges of inputs / outputs, or percentiles as p33,p66. [default: {DEFAULT_BUCKETS}]",
        ),
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", help="Take window, buckets and name from a service of it.")
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", help="Name of the service; of several in the log, the one to take.")
    ] = None,
    format: FormatOption = None,
    column: ColumnOption = None,
    time_unit: TimeUnitOption = None,
    zone: ZoneOption = None,
    start: StartOption = None,
    by_client: Annotated[
        bool, typer.Option("--by-client", help="A row for each client, where the source gives the rates of clients.")
    ] = False,
    drop_duplicates: Annotated[
        bool,
        typer.Option(
            "--drop-duplicates", help="Count rows that are the same in all columns once; holds the log in memory."
        ),
    ] = False,
    fill_gaps: FillOption = False,
    keep_going: KeepGoingOption = False,
    engine: EngineOption = Engine.LOCAL,
    address: AddressOption = None,
    workers: WorkersOption = None,
    record: RecordOption = Output.TABLE,
    force: ReplaceOption = False,
) -> None:
    """Count requests per window and bucket: the load that `solve` takes as forecast and `forecast fit` as history.

    Beside it goes LOAD.requests.json: joint lengths and burstiness, for `forecast synthesize`.
    """
    from dynamo_plan.ingest.logs import Place, count_logs, find_logs
    from dynamo_plan.ingest.logs.counts import grid_of
    from dynamo_plan.ingest.logs.load import together
    from dynamo_plan.ingest.logs.options import log_options
    from dynamo_plan.ingest.logs.rates import find_rate_readers, rate_format

    _refuse_existing(output, force=force)
    edges, window_s, unnamed = _from_scenario(scenario, service, buckets, window)
    grid, options = grid_of(window_s), log_options(column or [], time_unit, zone, start)
    rates = None if column else rate_format(logs, format)
    if rates is not None:
        _check_use(rates, {"--drop-duplicates": drop_duplicates, "--fill-gaps": fill_gaps})
        with progress("read") as on_share:
            loads, notes = _loads_of_rates(
                logs,
                rates,
                options,
                edges,
                grid,
                service,
                unnamed,
                on_share,
                by_client=by_client,
                keep_going=keep_going,
            )
    else:
        others = tuple(find_rate_readers())
        log = find_logs(logs, options, format=format, drop_duplicates=drop_duplicates, others=others)
        _check_use(", ".join(log.formats), {"--by-client": by_client})
        with progress("count") as on_share:
            place = Place(engine, address, workers, on_share)
            bins = _bins(edges, log, service, place, keep_going=keep_going)
            counts, left_out = count_logs(log, bins, grid, place, keep_going=keep_going)
        loads = _loads(counts, service, unnamed, fill=fill_gaps)
        notes = _what_was_read(log, counts, left_out, start)
    _write(output, loads, force=force)
    whole = together(loads)
    print_rows(_card(whole), record)
    for note in notes:
        say(note)
    for load in whole:
        _say_gaps(load)
    say(f"Wrote {output}. Next: dynamo-plan forecast backtest {output}")


def _refuse_existing(output: Path, *, force: bool) -> None:
    """Before the work, not after it."""
    from dynamo_plan.emit.atomic import refuse_existing_file
    from dynamo_plan.emit.load_table import statistics_path

    check_table(output, force=force)
    refuse_existing_file(statistics_path(output), force=force)


def _check_use(formats: str, asked: dict[str, bool]) -> None:
    """Refuse options that mean nothing for a source, instead of passing them over.

    Raises
    ------
    UsageError
        One of them was given.
    """
    useless = [name for name, given in asked.items() if given]
    if useless:
        what = f"logs of format {formats} have nothing that this could act on"
        allowed = "--by-client is for rates of clients; --drop-duplicates and --fill-gaps are for requests"
        raise UsageError(Fault("log-option", name, what, allowed, "Leave the option out") for name in useless)


def _loads_of_rates(
    logs: list[Path],
    format: str,
    options: LogOptions,
    edges: str,
    grid: Grid,
    service: str | None,
    unnamed: str,
    on_share: Callable[[float], None],
    *,
    by_client: bool,
    keep_going: bool,
) -> tuple[list[RequestCounts], list[str]]:
    """Load of a source that gives rates, and what to say of it."""
    from dynamo_plan.ingest.logs.binning import binning
    from dynamo_plan.ingest.logs.edges import parse_edges
    from dynamo_plan.ingest.logs.rates import find_rate_readers, load_of_rates, read_rates
    from dynamo_plan.report.wording import count

    inputs, outputs = parse_edges(edges)
    bins = binning(inputs.edges(None, of_input=True), outputs.edges(None, of_input=False))
    series, faults = read_rates(logs, format, options, bins, on_share, keep_going=keep_going)
    taken = _taken(sorted({one.service for one in series}), service)
    series = [one for one in series if one.service in taken]
    loads = load_of_rates(series, bins, grid, unnamed, by_client=by_client)
    notes = [f"left out: {fault}" for fault in faults[:MOST_SHOWN]]
    if len(faults) > MOST_SHOWN:
        notes.append(f"left out: {count(len(faults) - MOST_SHOWN, 'more file')}, each with a fault")
    notes.append(
        f"{count(len(logs), 'file')} ({format}) of rates: both lengths are taken as independent of each other, and"
    )
    notes.append("there is nothing beside the table to synthesize requests from")
    if find_rate_readers()[format].FROM_START and not options.start_ns:
        notes.append(NO_DATE)
    return loads, notes


def _from_scenario(
    scenario: Path | None, service: str | None, buckets: str | None, window: str | None
) -> tuple[str, float, str]:
    """Edges, window [s] and the service of a log that names none, as written or as a scenario has them."""
    window_s = duration_s(window or DEFAULT_WINDOW, "--window")
    if scenario is None:
        return buckets or DEFAULT_BUCKETS, window_s, service or SERVICE
    from dynamo_plan.ingest import read_scenario

    found = read_scenario(scenario)
    specs = {spec.name: spec.buckets for spec in found.services}
    name = service_named(service, list(specs), str(scenario))
    sides = (specs[name].input, specs[name].output)
    written = "/".join(",".join(str(edge or "null") for edge in side) for side in sides)
    return buckets or written, found.window_minutes * SECONDS_PER_MINUTE if window is None else window_s, name


def _bins(edges: str, log: Log, service: str | None, place: Place, *, keep_going: bool) -> Binning:
    from dynamo_plan.ingest.logs import measure_lengths
    from dynamo_plan.ingest.logs.binning import binning
    from dynamo_plan.ingest.logs.edges import parse_edges

    inputs, outputs = parse_edges(edges)
    lengths = None
    if inputs.are_percentiles or outputs.are_percentiles:
        lengths = measure_lengths(log, service, place, keep_going=keep_going)
    found = inputs.edges(lengths, of_input=True), outputs.edges(lengths, of_input=False)
    if lengths is not None:
        shown = "/".join(",".join("null" if edge is None else str(edge) for edge in side) for side in found)
        say(f"Buckets: {shown}, for the scenario: input: [{_listed(found[0])}], output: [{_listed(found[1])}]")
    return binning(*found)


def _listed(edges: tuple[int | None, ...]) -> str:
    return ", ".join("null" if edge is None else str(edge) for edge in edges)


def _loads(counts: Counts, service: str | None, unnamed: str, *, fill: bool) -> list[RequestCounts]:
    """Load of every service, or of the one asked for; `unnamed` is what a log without services is of."""
    from dynamo_plan.ingest.logs.load import load_of, with_gaps_filled

    loads = [load_of(counts, name, name or unnamed) for name in _taken(sorted(counts.tallies), service)]
    return [with_gaps_filled(load) for load in loads] if fill else loads


def _taken(named: list[str], service: str | None) -> list[str]:
    """Of the services that a log names the one asked for; all of them if none is, or the log names none."""
    return named if service is None or named == [""] else [service_named(service, named, "the log")]


def _write(output: Path, loads: list[RequestCounts], *, force: bool) -> None:
    from dynamo_plan.emit.atomic import write_new_file
    from dynamo_plan.emit.load_table import load_table_bytes, statistics_bytes, statistics_path

    write_new_file(output, load_table_bytes(output, loads), force=force)
    known = [load.statistics for load in loads if load.statistics is not None]
    if known:
        write_new_file(statistics_path(output), statistics_bytes(known), force=force)
    else:  # those of an earlier load, replaced with --force, would be taken for this one's
        statistics_path(output).unlink(missing_ok=True)


def _card(loads: list[RequestCounts]) -> list[dict[str, str | int | float | None]]:
    """One line per service and bucket."""
    from dynamo_plan.ingest.logs.load import bucket_figures

    return [
        {
            "service": load.service,
            "bucket": bucket.name,
            "requests": round(figures.requests),
            "failed": round(figures.failed),
            "share_percent": round(figures.share_percent, 2),
            "mean_rps": figures.mean_rps,
            "peak_rps": figures.peak_rps,
            "mean_input_tokens": figures.mean_input_tokens,
            "mean_output_tokens": figures.mean_output_tokens,
            "dispersion": figures.dispersion,
        }
        for load in loads
        for bucket, figures in zip(load.buckets, bucket_figures(load), strict=True)
    ]


def _what_was_read(log: Log, counts: Counts, left_out: int, start: str | None) -> list[str]:
    """What to say of a log."""
    from dynamo_plan.ingest.logs.load import moment, partly_covered
    from dynamo_plan.report.wording import count

    first, last = moment(counts.first_ns), moment(counts.last_ns)
    files = f"{count(len(log.files), 'file')} ({', '.join(log.formats)})"
    notes = [f"{count(counts.rows, 'request')} of {files}, {first} to {last}"]
    if left_out:
        notes.append(f"left out: {count(left_out, 'row')} that {'are' if left_out > 1 else 'is'} no request")
    if log.from_start and start is None:
        notes.append(NO_DATE)
    if counts.backward:
        furthest = f"the furthest by {counts.furthest_back_s:g} s"
        behind = count(counts.backward, "request")
        notes.append(f"{behind} behind a later one, {furthest}; all are counted")
    if counts.outside:
        mend = "end --buckets with null to have them"
        notes.append(f"{count(counts.outside, 'request')} longer than every bucket, not in the table; {mend}")
    for name, share in partly_covered(counts).items():
        notes.append(f"The log covers {share:.0%} of the {name} window: its rate is too low by the rest")
    return notes


def _say_gaps(load: RequestCounts) -> None:
    from dynamo_plan.ingest.logs.load import find_gaps
    from dynamo_plan.report.wording import count

    gaps = find_gaps(load)
    for gap in gaps[:MOST_SHOWN]:
        where = f"{count(gap.windows, 'window')} from {load.windows.label(gap.first)}"
        say(f"{load.service}: no request in {where}: rate 0 there")
    if len(gaps) > MOST_SHOWN:
        more = sum(gap.windows for gap in gaps[MOST_SHOWN:])
        say(f"{load.service}: no request in {count(more, 'more window')}: rate 0 there")
    if gaps:
        say("If the log lacks them rather than the load, fill them with --fill-gaps")
    if load.filled.any():
        say(f"{load.service}: {count(int(load.filled.sum()), 'window')} filled in, see the column filled")
