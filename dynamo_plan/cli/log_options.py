"""Options of every command that reads logs of requests: what a log does not say of itself."""

from __future__ import annotations

from typing import Annotated

import typer

FormatOption = Annotated[str | None, typer.Option("--format", help="Format of the logs; by default told by content.")]
ColumnOption = Annotated[
    list[str] | None, typer.Option("--column", metavar="WHAT=NAME", help="Column of arrival, input, output, service.")
]
TimeUnitOption = Annotated[str | None, typer.Option("--time-unit", help="Of times that are numbers: s, ms, us, ns.")]
ZoneOption = Annotated[str | None, typer.Option("--zone", help="Zone of times that name none, e.g. Europe/Berlin.")]
StartOption = Annotated[
    str | None, typer.Option("--start", metavar="TIME", help="Moment from which such logs count that name none.")
]
KeepGoingOption = Annotated[
    bool, typer.Option("--keep-going", help="Leave rows out that are no request, and count them.")
]
