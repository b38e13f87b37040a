"""What several commands of `dynamo-plan forecast` take: horizons, probabilities, holidays, histories, services."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, say
from dynamo_plan.cli.durations import duration_s
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from dynamo_plan.schema.history import History

RecordOption = Annotated[Output, typer.Option("--record", help="Form of the record on stdout.")]
HistoryArgument = Annotated[
    Path, typer.Argument(metavar="HISTORY", help="Load that arrived: window_start, service, bucket, rate_rps.")
]
HorizonOption = Annotated[
    str, typer.Option("--horizon", metavar="DURATION", help="How far ahead a forecast reaches, e.g. 30min, 24h or 7d.")
]
QuantilesOption = Annotated[
    str, typer.Option("--quantiles", metavar="Q,...", help="Probabilities of the quantiles, or `none`.")
]
HolidaysOption = Annotated[
    str | None,
    typer.Option("--holidays", metavar="DAY,...", help="Days that count as Sundays, past and coming: 2024-12-25,..."),
]
FillOption = Annotated[
    bool,
    typer.Option("--fill-gaps", help="Fill windows of which nothing is known, from other weeks or days if possible."),
]
ReplaceOption = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]

QUANTILES = "0.5,0.9,0.95,0.99"
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
WHOLE = 1e-9
"""Part of a window by which a duration may miss a whole number: rounding."""


def check_table(path: Path, *, force: bool) -> None:
    """Raise where a table could not be written to a path: before the work, not after it."""
    from dynamo_plan.emit.atomic import refuse_existing_file
    from dynamo_plan.emit.table_file import check_suffix

    check_suffix(path)
    refuse_existing_file(path, force=force)


def windows_in(horizon: str, history: History) -> int:
    """Windows of a duration."""
    windows = duration_s(horizon, "--horizon") / history.windows.window_s
    if windows < 1 or abs(windows - round(windows)) > WHOLE:
        raise UsageError(
            Fault(
                "forecast-horizon",
                "--horizon",
                f"{horizon} is {windows:g} windows of {history.windows.window_s / SECONDS_PER_MINUTE:g} min",
                "A forecast has a whole number of windows, at least one",
                f"Write a multiple of {history.windows.window_s / SECONDS_PER_MINUTE:g}min",
            )
        )
    return round(windows)


def levels_in(quantiles: str) -> tuple[float, ...]:
    """Probabilities, ascending."""
    if quantiles == "none":
        return ()
    try:
        levels = sorted({float(text) for text in quantiles.split(",")})
    except ValueError:
        levels = [0.0]
    if not all(0.0 < level < 1.0 for level in levels):
        raise UsageError(
            Fault(
                "forecast-quantiles",
                "--quantiles",
                f"{quantiles!r} are no probabilities",
                "Probabilities lie between 0 and 1, with commas between",
                f"Write e.g. {QUANTILES}, or none",
            )
        )
    return tuple(levels)


def read_histories(path: Path, holidays: str | None, *, fill_gaps: bool) -> tuple[History, ...]:
    """Histories of all services of a file; what was filled in is said."""
    import numpy as np

    from dynamo_plan.ingest.history_table import read_history
    from dynamo_plan.report.wording import count

    days = [day.strip() for day in holidays.split(",")] if holidays else []
    try:
        named = [np.datetime64(day, "D") for day in days if DAY.fullmatch(day)]
    except ValueError:
        named = []
    if len(named) != len(days):
        raise UsageError(
            Fault(
                "forecast-holidays",
                "--holidays",
                f"{holidays!r} are no days",
                "A day is YYYY-MM-DD; days stand with commas between",
                "Write e.g. 2024-12-25,2024-12-26",
            )
        )
    histories, filled = read_history(path, named, fill_gaps=fill_gaps)
    if filled:
        say(f"{path}: {count(filled, 'missing window')} filled in.")
    return histories


def by_service(messages: dict[str, tuple[str, ...]]) -> None:
    """Say each message once, with the services that it is about."""
    for message in dict.fromkeys(text for texts in messages.values() for text in texts):
        services = ", ".join(name for name, texts in messages.items() if message in texts)
        say(f"{services}: {message}.")


def service_named(asked: str | None, known: Sequence[str], where: str) -> str:
    """The service that was asked for, or the only one there is.

    Raises
    ------
    UsageError
        There is none of this name, or there are several and none was named.
    """
    if asked is not None and asked in known:
        return asked
    if asked is None and len(known) == 1:
        return known[0]
    from dynamo_plan.ingest.gathered import did_you_mean, listed

    what = f"{where} has several services" if asked is None else f"{where} has no service {asked}"
    mend = did_you_mean(asked or "", list(known)) or "Name one of these with --service"
    raise UsageError(Fault("service-unknown", "--service", what, f"Known: {listed(known)}", mend))
