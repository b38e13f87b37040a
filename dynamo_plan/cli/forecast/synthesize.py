"""`dynamo-plan forecast synthesize`: requests drawn from a load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dynamo_plan.cli.console import say
from dynamo_plan.errors import Fault, UsageError


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
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier file.")] = False,
) -> None:
    """Draw requests from rates, joint lengths and burstiness: for `replay`, and for tests."""
    from dynamo_plan.emit.load_table import statistics_path
    from dynamo_plan.emit.trace import write_trace
    from dynamo_plan.forecast.synthesis import draw_requests, scaled
    from dynamo_plan.ingest.history_table import read_history
    from dynamo_plan.ingest.request_statistics import statistics_of

    histories = {history.service: history for history in read_history(load)[0]}
    if (service is None and len(histories) > 1) or (service is not None and service not in histories):
        raise UsageError(
            Fault(
                "service-unknown",
                "--service",
                f"{service or 'none'} is no service",
                f"Known: {', '.join(histories)}",
                "Take one of these",
            )
        )
    history = histories[service or next(iter(histories))]
    like = statistics_of(statistics or statistics_path(load), history.service)
    count = write_trace(output, draw_requests(scaled(history, scale), like, seed), force=force)
    say(f"Wrote {output}: {count:,} requests of {history.service}, seed {seed}")
