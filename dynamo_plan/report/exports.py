"""A page's numbers in other forms: CSV for programs, Markdown for reviews, Excel for people.

No cell can be a formula: a text that a spreadsheet would take for one gets an apostrophe in CSV, and is written as text in Excel.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from dynamo_plan.extras import extra
from dynamo_plan.report.chart import Cell, Table
from dynamo_plan.report.page import Page, Section, shown
from dynamo_plan.schema.horizon import time_label
from dynamo_plan.spreadsheets import inert

SHEET_NAME = 31
"""Longest name of a sheet in Excel [characters]."""

NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\']")
MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]<>|#~$])")
WIDEST_COLUMN = 60


def page_csv(page: Page) -> str:
    """Every number of the page, one per line: section, table, row, column, value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("section", "table", "row", "column", "value"))
    for section in page.sections:
        for figure in section.figures:
            writer.writerow(map(_written, (section.title, "key figures", figure.label, figure.note, figure.value)))
        for table in _tables(section):
            for row in table.rows:
                for column, cell in zip(table.columns[1:] or table.columns, row[1:] or row, strict=True):
                    writer.writerow(map(_written, (section.title, table.title, row[0], column, cell)))
    return text.getvalue()


def _tables(section: Section) -> Iterator[Table]:
    """Tables of a section, those behind its charts included."""
    yield from (chart.table for chart in section.charts)
    yield from section.tables


def _written(cell: Cell) -> str | int | float:
    if isinstance(cell, datetime):
        return time_label(cell)
    if isinstance(cell, str):
        return inert(cell)
    return "" if cell is None or math.isnan(cell) else cell


def page_markdown(page: Page) -> str:
    """The page without its drawings; the numbers behind charts over windows are left to CSV and Excel."""
    lines = [f"# {_plain(page.title)}", "", _plain(page.subtitle), ""]
    for section in page.sections:
        lines += [f"## {_plain(section.title)}", ""]
        for paragraph in section.paragraphs:
            lines += [_plain(paragraph), ""]
        for figure in section.figures:
            note = f" ({_plain(figure.note)})" if figure.note else ""
            lines.append(f"- {_plain(figure.label)}: **{_plain(figure.value)}**{note}")
        lines += [""] if section.figures else []
        for table in section.tables:
            lines += [f"### {_plain(table.title)}", "", *([_plain(table.note) + ".", ""] if table.note else [])]
            lines += [_row(table.columns), _row(["---"] * len(table.columns))]
            lines += [_row([_plain(shown(cell)) for cell in row]) for row in table.rows]
            lines.append("")
    return "\n".join([*lines, _plain(page.foot), ""])


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return MARKDOWN_SIGNS.sub(r"\\\1", " ".join(text.split()))


def page_excel(page: Page) -> bytes:
    """A workbook with a sheet for the key figures and one per table.

    Raises
    ------
    UsageError
        The extra `excel` is not installed.
    """
    with extra("excel"):
        from xlsxwriter import Workbook  # type: ignore[import-untyped]
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(file, options) as book:
        # No clock in the file: the same run gives the same workbook.
        book.set_properties({"title": page.title, "created": datetime(2000, 1, 1)})
        formats = book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        names: set[str] = set()
        figures = Table(
            "Key figures",
            ("section", "figure", "value", "note"),
            tuple((one.title, f.label, f.value, f.note) for one in page.sections for f in one.figures),
        )
        for table in (figures, *(table for section in page.sections for table in _tables(section))):
            _sheet(book.add_worksheet(_sheet_name(table.title, names)), table, *formats)
    return file.getvalue()


def _sheet_name(title: str, taken: set[str]) -> str:
    """A name that Excel takes and no other sheet has, whatever the case."""
    stem = NOT_IN_SHEET_NAMES.sub(" ", title)[:SHEET_NAME].strip() or "table"
    name, number = stem, 1
    while name.casefold() in taken or name.casefold() == "history":
        number += 1
        name = f"{stem[: SHEET_NAME - len(str(number)) - 1]} {number}"
    taken.add(name.casefold())
    return name


def _sheet(page: Any, table: Table, head: Any, moment: Any) -> None:
    """Fill a worksheet; its library brings no types."""
    for column, name in enumerate(table.columns):
        page.write_string(0, column, name, head)
        widths = [len(shown(row[column])) for row in table.rows]
        page.set_column(column, column, min(WIDEST_COLUMN, max([len(name), *widths]) + 2))
    for row, cells in enumerate(table.rows, start=1):
        for column, cell in enumerate(cells):
            if isinstance(cell, datetime):
                page.write_datetime(row, column, cell.replace(tzinfo=None), moment)
            elif isinstance(cell, str):
                page.write_string(row, column, cell)
            elif cell is not None and math.isfinite(cell):
                page.write_number(row, column, cell)
    page.freeze_panes(1, 1)
    if table.rows:
        page.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
