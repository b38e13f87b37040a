"""The page of a comparison: what its charts and tables say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from dynamo_plan.report.chart import Chart, Table
from dynamo_plan.report.comparison_page import MOST_STEPS, comparison_page
from dynamo_plan.report.page import Page, page_html
from tests.report.browser import look
from tests.report.comparisons import STEP_S, WINDOW_S, comparison

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


@pytest.fixture(scope="module")
def page() -> Page:
    """The page of the comparison made by hand."""
    return comparison_page(comparison(), "dynamo-plan")


def charts(page: Page) -> dict[str, Chart]:
    return {chart.title: chart for section in page.sections for chart in section.charts}


def tables(page: Page) -> dict[str, Table]:
    return {table.title: table for section in page.sections for table in section.tables}


def test_energies_stand_beside_the_bound(page: Page) -> None:
    assert charts(page)["Facility energy"].table.rows == (
        ("single-pool", 100.0),
        ("dynamo-llm", 80.0),
        ("planner", 60.0),
        ("lower bound", 50.0),
    )
    figures = [(figure.label, figure.value) for figure in page.sections[0].figures]
    assert figures == [("single-pool", "100.0 kWh"), ("dynamo-llm", "−20.0 %"), ("planner", "−40.0 %")]
    assert tables(page)["What each knob contributes"].rows == (
        ("planning ahead", "planner", "dynamo-llm", "−25.0 %", "−20.00", 100.0, 75.0),
    )


def test_time_runs_over_the_windows(page: Page) -> None:
    found = charts(page)
    power = found["Facility power"].table
    assert len(power.rows) == WINDOW_S * 2 / STEP_S
    assert power.columns == ("window start, UTC", "single-pool", "dynamo-llm", "planner")
    assert power.rows[0][1:] == (100.0, 80.0, 60.0)
    assert [row[1:] for row in found["GPUs in running instances"].table.rows] == [(64.0, 40.0, 24.0), (0.0, 20.0, 20.0)]
    clocks = [row[1] for row in found["Clock"].table.rows]
    assert clocks[0] == 1980.0
    assert math.isnan(clocks[1])  # type: ignore[arg-type]  # no instance, no clock
    own = found["planner: GPUs by tensor parallelism"].table
    assert own.columns[1:] == ("h100 TP2", "h100 TP4", "h100 TP8")
    assert [row[1:] for row in own.rows] == [(0.0, 24.0, 0.0), (0.0, 20.0, 0.0)]


def test_promises_by_bucket_and_by_window(page: Page) -> None:
    found = charts(page)
    by_bucket = found["Windows that keep the SLO, by bucket"].table
    assert by_bucket.columns == ("", "SS", "LL")
    assert by_bucket.rows == (("single-pool", 100.0, 100.0), ("dynamo-llm", 100.0, 50.0), ("planner", 100.0, 100.0))
    by_window = found["Buckets that keep the SLO, over time"].table
    assert by_window.rows[1] == ("dynamo-llm", 100.0, 50.0)
    latencies = tables(page)["Latencies by system and bucket"]
    assert [row[:3] for row in latencies.rows[:2]] == [("single-pool", "SS", 1000), ("single-pool", "LL", 1000)]


def test_power_of_many_steps_is_shown_by_window() -> None:
    first = comparison().systems[0]
    steps = MOST_STEPS // 2 + 1
    power_kw = (1.0,) * steps + (3.0,) * steps
    long = replace(first, course=replace(first.course, power_kw=power_kw))
    shown = comparison_page(replace(comparison(), systems=(long,)))
    assert [row[1:] for row in charts(shown)["Facility power"].table.rows] == [(1.0,), (3.0,)]


def test_without_a_request_no_promise_is_shown() -> None:
    first = replace(comparison().systems[0], buckets=())
    shown = comparison_page(replace(comparison(), systems=(first,), requests=0))
    promises = next(section for section in shown.sections if section.title == "Promises")
    assert (promises.paragraphs, promises.charts) == (("No request was sent to any instance.",), ())


def test_names_are_shown_as_text() -> None:
    first = replace(comparison().systems[0], name="<b>bold</b>", notes=("<i>note</i>",))
    html = page_html(comparison_page(replace(comparison(), name="<p>", systems=(first,))))
    assert "&lt;b&gt;bold" in html
    assert not any(tag in html for tag in ("<b>bold", "<i>note", "<script"))


@pytest.mark.slow
def test_a_browser_has_nothing_to_complain_about(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page_html(page), encoding="utf-8")
    assert look(file, tmp_path, height=5000).complaints == []
