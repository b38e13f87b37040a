"""What several commands of `dynamo-plan forecast` take: durations, probabilities, holidays, histories, a bar while they work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import SETTINGS, console, say
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.units import HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from dynamo_plan.schema.history import History

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
    bool, typer.Option("--fill-gaps", help="Put a straight line where windows are missing, instead of refusing.")
]
ReplaceOption = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]

QUANTILES = "0.5,0.9,0.95,0.99"
DURATION = re.compile(r"(?P<number>\d+(\.\d+)?)\s?(?P<unit>min|h|d)", re.ASCII)
HOURS = {"min": 1.0 / MINUTES_PER_HOUR, "h": 1.0, "d": HOURS_PER_DAY}
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
WHOLE = 1e-9
"""Part of a window by which a duration may miss a whole number: rounding."""


def windows_in(horizon: str, history: History) -> int:
    """Windows of a duration."""
    match = DURATION.fullmatch(horizon)
    if not match:
        raise UsageError(
            Fault(
                "duration-syntax",
                "--horizon",
                f"{horizon!r} is no duration",
                "A duration is a number and its unit: min, h or d",
                "Write e.g. 30min, 24h or 7d",
            )
        )
    windows = float(match["number"]) * HOURS[match["unit"]] * SECONDS_PER_HOUR / history.windows.window_s
    if windows < 1 or abs(windows - round(windows)) > WHOLE:
        raise UsageError(
            Fault(
                "forecast-horizon",
                "--horizon",
                f"{horizon} is {windows:g} windows of {history.windows.window_s / 60:g} min",
                "A forecast has a whole number of windows, at least one",
                f"Write a multiple of {history.windows.window_s / 60:g}min",
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
        say(f"{path}: {filled} missing windows were filled with a straight line between their neighbours.")
    return histories


def by_service(messages: dict[str, tuple[str, ...]]) -> None:
    """Say each message once, with the services that it is about."""
    for message in dict.fromkeys(text for texts in messages.values() for text in texts):
        services = ", ".join(name for name, texts in messages.items() if message in texts)
        say(f"{services}: {message}.")


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A bar on stderr, if that is a terminal and nobody asked for quiet."""
    terminal = console(stderr=True)
    if SETTINGS.quiet or not terminal.is_terminal:
        yield lambda what, done: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True) as shown:
        task = shown.add_task("", total=1.0)
        yield lambda what, done: shown.update(task, description=what, completed=done)
