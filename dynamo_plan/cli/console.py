"""Where output goes: data to stdout in the form asked for, messages to stderr unless `--quiet`."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

type Cell = str | int | float | None
type Row = Mapping[str, Cell]

PIPE_COLUMNS = 160
"""Width of tables that do not go to a terminal; wide enough that no cell is cut."""


class Output(StrEnum):
    """Form in which a command prints its data."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


OutputOption = Annotated[Output, typer.Option("-o", "--output", help="Form of the data on stdout.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an earlier folder of the same sort.")]


@dataclass(slots=True)
class Settings:
    """What `--quiet` and `--debug` say; set once per run of the program."""

    quiet: bool = False
    debug: bool = False


SETTINGS = Settings()


def say(message: str) -> None:
    """A message for people, on stderr; silent with `--quiet`."""
    if not SETTINGS.quiet:
        print(message, file=sys.stderr)


def say_error(message: str) -> None:
    """An error, on stderr, never silent."""
    print(message, file=sys.stderr)


def console(*, stderr: bool = False) -> Console:
    """A rich console; on anything but a terminal plain text of fixed width."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PIPE_COLUMNS, highlight=False, markup=False)


def print_record(record: Mapping[str, object], output: Output) -> None:
    """Print one record as JSON or YAML."""
    if output is Output.YAML:
        print(_yaml(record), end="")
    else:
        print(json.dumps(record, indent=2))


def print_rows(rows: Sequence[Row], output: Output) -> None:
    """Print rows of equal keys in the form asked for; a table prints nothing for no rows."""
    if output is Output.JSON:
        print(json.dumps([dict(row) for row in rows], indent=2))
    elif output is Output.YAML:
        print(_yaml([dict(row) for row in rows]), end="")
    elif output is Output.CSV:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        print(text.getvalue(), end="")
    elif rows:
        _print_table(rows)


def _print_table(rows: Sequence[Row]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for key in rows[0]:
        numeric = all(isinstance(row[key], int | float | None) for row in rows)
        table.add_column(key, justify="right" if numeric else "left", overflow="fold")  # never cut
    for row in rows:
        table.add_row(*(_shown(cell) for cell in row.values()))
    console().print(table)


def _shown(cell: Cell) -> str:
    return "" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell)


def _yaml(data: object) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    yaml.dump(data, text)
    return text.getvalue()
