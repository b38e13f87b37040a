"""Options of commands whose work can be done in parts: on this machine's cores, or on a cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from dynamo_plan.parallel import Engine

EngineOption = Annotated[Engine, typer.Option("--engine", help="Where the work is done.")]
AddressOption = Annotated[
    str | None, typer.Option("--address", help="Of a Ray or Dask cluster that runs; else one is started here.")
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="Parts done at a time on this machine. [default: its cores]")
]
