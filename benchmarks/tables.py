"""A group's result as a table for people or for programs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

KEPT = {True: "yes", False: "NO", None: ""}


@dataclass(frozen=True, slots=True)
class Bench:
    """Options of a run: repeats of short cases, time limit of MILP methods [s], cases to keep (None: all), where progress goes."""

    repeats: int
    limit_s: float
    cases: list[str] | None
    say: Callable[[str], None]

    def wants(self, case: str) -> bool:
        """Whether a case was asked for."""
        return self.cases is None or case in self.cases


@dataclass(frozen=True, slots=True)
class Row:
    """One line: cells by column; `kept` is None where nothing is promised; `data` is what programs get."""

    cells: dict[str, str]
    kept: bool | None
    data: dict[str, Any]


@dataclass(slots=True)
class Table:
    """A group's rows, with what has to be known to read them."""

    title: str
    notes: str
    rows: list[Row] = field(default_factory=list)


def render(table: Table) -> RichTable:
    """The table for people."""
    drawn = RichTable(
        title=table.title, caption=Text(table.notes), title_justify="left", caption_justify="left", box=box.SIMPLE
    )
    columns = list(dict.fromkeys(name for row in table.rows for name in row.cells))
    for name in columns:
        drawn.add_column(Text(name), justify="left" if name in TEXT else "right", overflow="fold")
    drawn.add_column("kept")
    for row in table.rows:
        drawn.add_row(*(Text(row.cells.get(name, "")) for name in columns), KEPT[row.kept])
    return drawn


TEXT = ("case", "method", "promise", "caps", "note")
"""Columns of words."""


def as_json(table: Table) -> dict[str, Any]:
    """The table for programs; infinite and undefined numbers are null."""
    rows = [{**row.data, "kept": row.kept} for row in table.rows]
    return {"title": table.title, "rows": _finite(rows)}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def seconds(value: float | None) -> str:
    """A time to three digits; a dash where it does not apply."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def share(value: float, *, signed: bool = False) -> str:
    """A share in per cent with the digits that count; a dash where it is unknown."""
    if not math.isfinite(value):
        return "-"
    if value == 0.0:
        return "0"
    digits = 4 if abs(value) < 1e-3 else 2
    return f"{value:+.{digits}%}" if signed else f"{value:.{digits}%}"
