"""`dynamo-plan forecast build`: logs of requests to load per window and bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, print_rows, say
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.parallel import Engine

if TYPE_CHECKING:
    from dynamo_plan.ingest.logs import Log, Place
    from dynamo_plan.ingest.logs.binning import Binning
    from dynamo_plan.ingest.logs.counts import Counts, Grid
    from dynamo_plan.ingest.logs.options import LogOptions
    from dynamo_plan.schema.request_counts import RequestCounts

DEFAULT_BUCKETS = "256,1024,8192/100,350,null"
"""The nine buckets of DynamoLLM, table IV [tokens]."""

SERVICE = "default"
"""Name of the service where neither the log nor the user names one."""

NO_DATE = "The log names no date: windows count from 1970-01-01T00:00:00Z. Name its begin with --start."

MOST_SHOWN = 5
"""Gaps that are listed; the rest is counted."""


def build(
    logs: Annotated[list[Path], typer.Argument(metavar="LOGS...", help="Logs of requests; .gz and .zst too.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="LOAD", help="Table to write, .csv or .parquet.")],
    window: Annotated[str, typer.Option("--window", metavar="DURATION", help="Length of a window.")] = "30min",
    buckets: Annotated[
        str | None,
        typer.Option(
            "--buckets",
            metavar="EDGES",
            help=f"Upper edges of inputs / outputs, or percentiles as p33,p66. [default: {DEFAULT_BUCKETS}]",
        ),
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", help="Take window and buckets from a service of it.")
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", help="Name of the service; of several in the log, the one to take.")
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="Format of the logs; by default their content tells.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="WHAT=NAME", help="Column of arrival, input, output, service."),
    ] = None,
    time_unit: Annotated[
        str | None, typer.Option("--time-unit", help="Of times that are numbers: s, ms, us, ns.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", help="Zone of times that name none, e.g. Europe/Berlin.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", metavar="TIME", help="Moment from which such logs count that name none.")
    ] = None,
    by_client: Annotated[
        bool, typer.Option("--by-client", help="Where the source tells clients apart, a row for each.")
    ] = False,
    drop_duplicates: Annotated[
        bool,
        typer.Option(
            "--drop-duplicates", help="Count rows that are the same in all columns once; holds the log in memory."
        ),
    ] = False,
    fill_gaps: Annotated[
        bool, typer.Option("--fill-gaps", help="Rates of windows without a request from other weeks or days.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave rows out that are no request, and count them.")
    ] = False,
    engine: Annotated[Engine, typer.Option("--engine", help="Where parts are counted.")] = Engine.LOCAL,
    address: Annotated[str | None, typer.Option("--address", help="Of a running Ray or Dask cluster.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Parts counted at a time here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier file.")] = False,
) -> None:
    """Count requests per window and bucket: the load that `solve` takes as forecast and `forecast fit` as history.

    Beside it goes LOAD.requests.json: joint lengths and burstiness, for `forecast synthesize`.
    """
    from dynamo_plan.ingest.logs import Place, count_logs, find_logs
    from dynamo_plan.ingest.logs.counts import grid_of
    from dynamo_plan.ingest.logs.load import together
    from dynamo_plan.ingest.logs.options import log_options
    from dynamo_plan.ingest.logs.rates import rate_format

    edges, window = _from_scenario(scenario, service, buckets, window)
    grid, options = grid_of(window), log_options(column or [], time_unit, zone, start)
    rates = None if column else rate_format(logs, format)
    if rates is not None:
        loads, notes = _loads_of_rates(
            logs, rates, options, edges, grid, service, by_client=by_client, keep_going=keep_going
        )
    else:
        log = find_logs(logs, options, format=format, drop_duplicates=drop_duplicates)
        with _progress() as on_share:
            place = Place(engine, address, workers, on_share)
            bins = _bins(edges, log, service, place, keep_going=keep_going)
            counts, left_out = count_logs(log, bins, grid, place, keep_going=keep_going)
        loads = _loads(counts, service, fill=fill_gaps)
        notes = _what_was_read(log, counts, left_out, start)
    _write(output, loads, force=force)
    whole = together(loads)
    print_rows(_card(whole), Output.TABLE)
    for note in notes:
        say(note)
    for load in whole:
        _say_gaps(load)
    say(f"Wrote {output}. Next: dynamo-plan forecast backtest {output}")


def _loads_of_rates(
    logs: list[Path],
    format: str,
    options: LogOptions,
    edges: str,
    grid: Grid,
    service: str | None,
    *,
    by_client: bool,
    keep_going: bool,
) -> tuple[list[RequestCounts], list[str]]:
    """Load of a source that gives rates, and what to say of it."""
    from dynamo_plan.ingest.logs.binning import binning
    from dynamo_plan.ingest.logs.edges import parse_edges
    from dynamo_plan.ingest.logs.rates import find_rate_readers, load_of_rates, read_rates

    inputs, outputs = parse_edges(edges)
    bins = binning(inputs.edges(None, of_input=True), outputs.edges(None, of_input=False))
    series, faults = read_rates(logs, format, options, bins, keep_going=keep_going)
    loads = load_of_rates(series, bins, grid, service or SERVICE, by_client=by_client)
    notes = [f"left out: {fault}" for fault in faults]
    notes.append(f"{_files(len(logs))} ({format}) of rates: both lengths are taken as independent of each other, and")
    notes.append("there is nothing beside the table to synthesize requests from")
    if find_rate_readers()[format].FROM_START and not options.start_ns:
        notes.append(NO_DATE)
    return loads, notes


def _files(count: int) -> str:
    return f"{count} file{'s' * (count > 1)}"


def _from_scenario(scenario: Path | None, service: str | None, buckets: str | None, window: str) -> tuple[str, str]:
    """Edges and window as written, or as a scenario has them."""
    if scenario is None:
        return buckets or DEFAULT_BUCKETS, window
    from dynamo_plan.ingest import read_scenario

    found = read_scenario(scenario)
    specs = {spec.name: spec.buckets for spec in found.services}
    if (service is None and len(specs) > 1) or (service is not None and service not in specs):
        raise UsageError(
            Fault(
                "service-unknown",
                "--service",
                f"{service or 'none'} is no service",
                f"Known: {', '.join(specs)}",
                "Take one of these",
            )
        )
    spec = specs[service or next(iter(specs))]
    written = "/".join(",".join(str(edge or "null") for edge in side) for side in (spec.input, spec.output))
    return buckets or written, f"{found.window_minutes:g}min"


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


def _loads(counts: Counts, service: str | None, *, fill: bool) -> list[RequestCounts]:
    """Load of every service, or of the one asked for."""
    from dynamo_plan.ingest.logs.load import fill_gaps, load_of

    named = sorted(counts.tallies)
    if service is not None and service in named:
        named = [service]
    elif service is not None and named != [""]:
        raise UsageError(
            Fault(
                "service-unknown",
                "--service",
                f"the log names no service {service}",
                f"It names {', '.join(name or 'none' for name in named)}",
                "Take one of these, or leave the option out",
            )
        )
    loads = [load_of(counts, name, name or service or SERVICE) for name in named]
    return [fill_gaps(load) for load in loads] if fill else loads


def _write(output: Path, loads: list[RequestCounts], *, force: bool) -> None:
    from dynamo_plan.emit.atomic import write_new_file
    from dynamo_plan.emit.load_table import load_table_bytes, statistics_bytes, statistics_path

    write_new_file(output, load_table_bytes(output, loads), force=force)
    known = [load.statistics for load in loads if load.statistics is not None]
    if known:
        write_new_file(statistics_path(output), statistics_bytes(known), force=force)


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

    first, last = moment(counts.first_ns), moment(counts.last_ns)
    notes = [f"{counts.rows:,} requests of {_files(len(log.files))} ({', '.join(log.formats)}), {first} to {last}"]
    if left_out:
        notes.append(f"left out: {left_out:,} rows that are no request")
    if log.from_start and start is None:
        notes.append(NO_DATE)
    if counts.backward:
        furthest = f"the furthest by {counts.furthest_back_s:g} s"
        notes.append(f"{counts.backward:,} requests stand behind a later one, {furthest}; all are counted")
    if counts.outside:
        mend = "end --buckets with null to have them"
        notes.append(f"{counts.outside:,} requests are longer than every bucket and not in the table; {mend}")
    for name, share in partly_covered(counts).items():
        notes.append(f"The log covers {share:.0%} of the {name} window: its rate is too low by the rest")
    return notes


def _say_gaps(load: RequestCounts) -> None:
    from dynamo_plan.ingest.logs.load import find_gaps

    gaps = find_gaps(load)
    for gap in gaps[:MOST_SHOWN]:
        say(f"{load.service}: no request in {gap.windows} windows from {load.windows.label(gap.first)}: rate 0 there")
    if len(gaps) > MOST_SHOWN:
        say(f"{load.service}: no request in {sum(gap.windows for gap in gaps[MOST_SHOWN:])} more windows: rate 0 there")
    if gaps and not load.filled.any():
        say("If the log lacks them rather than the load, fill them with --fill-gaps")
    if load.filled.any():
        say(f"{load.service}: rates of {int(load.filled.sum())} windows were filled in, column filled")


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    from dynamo_plan.cli.console import SETTINGS, console

    terminal = console(stderr=True)
    if SETTINGS.quiet or not terminal.is_terminal:
        yield lambda share: None
        return
    from rich.progress import Progress

    with Progress(console=terminal, transient=True) as progress:
        task = progress.add_task("counting", total=1.0)
        yield lambda share: progress.update(task, completed=share)
