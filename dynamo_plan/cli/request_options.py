"""Options of commands that send requests to simulated instances: `replay` and `compare`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class RouterName(StrEnum):
    """How requests are spread over the instances of a pool and kind."""

    LEAST_UNPREFILLED = "least-unprefilled"
    LEAST_REQUESTS = "least-requests"
    ROUND_ROBIN = "round-robin"


TraceOption = Annotated[
    list[str],
    typer.Option("--trace", metavar="[SERVICE=]LOG", help="Log of requests as `forecast build` reads; repeatable."),
]
ServiceOption = Annotated[str | None, typer.Option("--service", help="Service of logs that name none.")]
EngineTableOption = Annotated[
    Path | None, typer.Option("--engine", metavar="FILE", help="Engine table. [default: PROFILE.engine.csv]")
]
AtOption = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="Move the trace so that it begins at this time.")
]
AccuracyOption = Annotated[
    float, typer.Option("--predictor-accuracy", min=0.0, max=1.0, help="Share of output classes foreseen.")
]
RouterOption = Annotated[RouterName, typer.Option("--router", help="Within a pool and kind.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with charts.")]
