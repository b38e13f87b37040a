"""One self-contained HTML page: text, key figures, charts with their tables, tables. Nothing is fetched and nothing runs.

There is no script. The page's policy forbids it, and every request, so that a name with markup in it could do nothing even if it
were not shown as text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import count

from dynamo_plan.extras import extra
from dynamo_plan.report.chart import Cell, Chart, Table
from dynamo_plan.report.charts.canvas import REFERENCE
from dynamo_plan.report.wording import number

MOST_ROWS = 2000
"""Rows of a table on a page: five days of minutes; longer ones are thinned evenly, and say so."""


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One number that matters, as text with its unit, and a few words on it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page, shown in this order: paragraphs, key figures, charts, tables.

    `text` is a paragraph or several.
    """

    title: str
    text: str | Sequence[str] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[KeyFigure] = ()

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The text as paragraphs."""
        return (self.text,) if isinstance(self.text, str) else tuple(self.text)


@dataclass(frozen=True, slots=True)
class Page:
    """A page: `subtitle` says in a line what it is about, `foot` what it was made from."""

    title: str
    sections: Sequence[Section]
    subtitle: str = ""
    foot: str = ""


def page_html(page: Page) -> str:
    """The page as one HTML file; equal pages give equal text.

    Raises
    ------
    UsageError
        The extra `report` is not installed.
    """
    with extra("report"):
        from jinja2 import Environment, StrictUndefined

    drawings = count(1)

    def drawing(chart: Chart) -> str:
        """A drawing with references of its own; it is ours, and its texts are escaped already."""
        return chart.svg.replace(REFERENCE, f"chart-{next(drawings)}-")

    # Only our own drawings and style are marked as safe in the template; everything else is escaped.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(cell=shown, drawing=drawing, thinned=_thinned, is_number=_is_number, is_time=_is_time)
    template = environment.from_string(_own_file("page.html.j2"))
    return template.render(page=page, style=_own_file("page.css")) + "\n"


def shown(cell: Cell) -> str:
    """A cell for people: about four significant figures, times without their zone, which the column names."""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, float):
        return "" if math.isnan(cell) else number(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    return cell or ""


LIKE_A_NUMBER = re.compile(r"[−+-]?[\d,.]+( %)?")


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) or (isinstance(cell, str) and LIKE_A_NUMBER.fullmatch(cell) is not None)


def _is_time(cell: Cell) -> bool:
    return isinstance(cell, datetime)


def _thinned(table: Table) -> tuple[int, Sequence[tuple[Cell, ...]]]:
    """Every how many-th row is shown, and these rows."""
    every = -(-len(table.rows) // MOST_ROWS) or 1
    return every, table.rows[::every]


@cache
def _own_file(name: str) -> str:
    return (files("dynamo_plan.report") / name).read_text(encoding="utf-8")
