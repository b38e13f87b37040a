"""A page stands alone, runs nothing, and can be read with eyes, ears and fingers."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from dynamo_plan.report.chart import Table
from dynamo_plan.report.page import MOST_ROWS, KeyFigure, Page, Section, page_html, shown
from tests.report.all_charts import HOSTILE, TIMES, every_chart


class Outline(HTMLParser):
    """Tags with their attributes, in order, and the text that is shown."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.shown.append(data.strip())

    def of(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def html() -> str:
    table = Table(HOSTILE, ("a", HOSTILE), ((HOSTILE, 1.5), (TIMES[0], None)), HOSTILE)
    sections = [
        Section(HOSTILE, [HOSTILE, "second"], figures=[KeyFigure(HOSTILE, "1 kWh", HOSTILE)], tables=[table]),
        Section("Charts", "All of them.", charts=list(every_chart().values())),
    ]
    return page_html(Page(HOSTILE, sections, HOSTILE, HOSTILE))


@pytest.fixture(scope="module")
def outline(html: str) -> Outline:
    return Outline(html)


def test_nothing_can_be_fetched_or_run(html: str, outline: Outline) -> None:
    policy = next(meta["content"] for meta in outline.of("meta") if meta.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert not outline.of("script", "iframe", "img", "object", "embed", "form", "base")
    assert "//" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    links = [link for tag, one in outline.tags for name, link in one.items() if name in ("href", "src")]
    assert all(link and (link.startswith("#") or link == "data:,") for link in links)
    assert not [name for _, one in outline.tags for name in one if name.startswith("on")]
    assert not re.search(r"url\((?!#)|@import", html)


def test_hostile_names_are_shown_as_text(outline: Outline) -> None:
    assert outline.shown.count(HOSTILE) >= 8
    assert "49" not in outline.shown


def test_ids_are_unique_and_references_lead_somewhere(html: str, outline: Outline) -> None:
    ids = [one["id"] for _, one in outline.tags if "id" in one]
    assert len(ids) == len(set(ids))
    named = re.findall(r'(?:href="#|url\(#)([^")]+)', html)
    named += [name for found in re.findall(r'aria-labelledby="([^"]+)"', html) for name in found.split()]
    assert set(named) <= set(ids)


def test_every_chart_has_its_table_and_its_words(outline: Outline) -> None:
    charts = len(every_chart())
    assert len(outline.of("svg")) == len(outline.of("details")) == len(outline.of("figure")) == charts
    assert all(svg.get("role") == "img" and svg.get("aria-labelledby") for svg in outline.of("svg"))
    assert len(outline.of("table")) == charts + 1
    regions = [one for one in outline.of("div") if one.get("role") == "region"]
    assert len(regions) == charts + 1
    assert all(one.get("tabindex") == "0" and one.get("aria-label") for one in regions)


def test_a_reader_finds_the_way(outline: Outline) -> None:
    assert outline.tags[0] == ("html", {"lang": "en"})
    assert [tag for tag, _ in outline.tags if tag in ("header", "nav", "main", "footer")] == [
        "header",
        "nav",
        "main",
        "footer",
    ]
    headings = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h\d", tag)]
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))


def test_equal_pages_are_equal(html: str) -> None:
    page = Page("t", [Section("s", charts=list(every_chart().values()))])
    assert page_html(page) == page_html(page)


def test_long_tables_are_thinned_and_say_so() -> None:
    table = Table("long", ("n",), tuple((row,) for row in range(2 * MOST_ROWS + 1)))
    page = page_html(Page("t", [Section("s", tables=[table])]))
    assert "(one row in 3 of 4,001)" in page
    assert page.count("<tr>") == 1 + 1334


def test_cells_for_people() -> None:
    cells = [1234567, 1234.5678, 0.00012345, float("nan"), None, TIMES[1], "x"]
    assert [shown(cell) for cell in cells] == ["1,234,567", "1,235", "0.0001", "", "", "2024-05-14 01:00", "x"]
