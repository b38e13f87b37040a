"""The same numbers in other forms, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import sys
import zipfile

import pytest

from dynamo_plan.errors import UsageError
from dynamo_plan.report.chart import Table
from dynamo_plan.report.exports import page_csv, page_excel, page_markdown
from dynamo_plan.report.page import KeyFigure, Page, Section
from tests.report.all_charts import HOSTILE, TIMES, every_chart

FORMULAS = ("=1+1", "+1", "-1 kWh", "@SUM(A1)", "\t=1", '=HYPERLINK("x")')


def page() -> Page:
    rows = tuple((text, -1.5) for text in FORMULAS)
    tables = [
        Table("History", ("name", "value"), rows, "kWh"),
        Table("a/b:" * 10, ("when", "x"), ((TIMES[0], float("nan")),)),
    ]
    charts = [every_chart()["lines"]]
    figures = [KeyFigure("saving", "−3 %", "of it")]
    return Page("Plan", [Section("First", "Some | text.", charts, [*tables, tables[1]], figures)], "sub", "foot")


def test_csv_has_every_number_and_no_formula() -> None:
    rows = list(csv.reader(io.StringIO(page_csv(page()))))
    assert rows[0] == ["section", "table", "row", "column", "value"]
    assert ["First", "lines", "2024-05-14T01:00:00Z", "b", "3.0"] in rows
    assert ["First", "History", "'=1+1", "value", "-1.5"] in rows
    cells = [cell for row in rows[1:] for cell in row[:4]]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert HOSTILE in {row[3] for row in rows}


def test_excel_has_texts_and_numbers_only() -> None:
    content = page_excel(page())
    assert content == page_excel(page())
    book = zipfile.ZipFile(io.BytesIO(content))
    sheets = [book.read(name).decode() for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
    assert len(sheets) == 1 + 4
    assert not [sheet for sheet in sheets if "<f>" in sheet or "hyperlink" in sheet]
    names = book.read("xl/workbook.xml").decode()
    assert 'name="History 2"' in names  # Excel keeps History for itself
    assert "=1+1" in book.read("xl/sharedStrings.xml").decode()


def test_markdown_shows_signs_as_they_are() -> None:
    text = page_markdown(page())
    assert text.startswith("# Plan\n")
    assert "Some \\| text." in text
    assert "| =1+1 | -1.50 |" in text
    assert "- saving: **−3 %** (of it)" in text


def test_without_the_extra_there_is_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(UsageError, match=r"dynamo-plan\[excel\]"):
        page_excel(page())
