"""`dynamo-plan forecast synthesize`: requests drawn from a load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dynamo_plan.cli.console import say
from dynamo_plan.cli.forecast.options import ReplaceOption, service_named
from dynamo_plan.errors import Fault, InputError


def synthesize(
    load: Annotated[Path, typer.Argument(metavar="LOAD", help="Load or forecast, CSV or Parquet.")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="TRACE", help="Trace to write, .csv or .parquet, in Azure's schema."),
    ],
    statistics: Annotated[
        Path | None,
        typer.Option("--like", metavar="FILE", help="Lengths and burstiness. [default: LOAD.requests.json]"),
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="Its service, where there are several.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same trace.")] = 0,
    scale: Annotated[float, typer.Option("--scale", min=0.0, help="Multiply all rates.")] = 1.0,
    force: ReplaceOption = False,
) -> None:
    """Draw requests from rates, joint lengths and burstiness: for `replay`, and for tests."""
    from dynamo_plan.emit.atomic import refuse_existing_file
    from dynamo_plan.emit.load_table import statistics_path
    from dynamo_plan.emit.trace import write_trace
    from dynamo_plan.forecast.synthesis import draw_requests, scaled
    from dynamo_plan.ingest.history_table import read_history
    from dynamo_plan.ingest.request_statistics import statistics_of

    refuse_existing_file(output, force=force)
    histories = {history.service: history for history in read_history(load)[0]}
    history = histories[service_named(service, list(histories), str(load))]
    beside = statistics_path(load)
    if statistics is None and not beside.is_file():
        raise InputError(
            Fault(
                "statistics-file",
                str(load),
                f"there is no {beside.name} beside it",
                "It says how long requests are and how bursty they come; forecast build writes it with the load",
                "Build the load from a log, or name another's statistics with --like",
            )
        )
    like = statistics_of(statistics or beside, history.service)
    count = write_trace(output, draw_requests(scaled(history, scale), like, seed), force=force)
    say(f"Wrote {output}: {count:,} requests of {history.service}, seed {seed}")
