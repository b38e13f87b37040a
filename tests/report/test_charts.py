"""Charts say what their tables say, twice the same, in the page's colours, and take names as text."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from dynamo_plan.errors import UsageError
from dynamo_plan.report import charts
from dynamo_plan.report.chart import Chart, Table
from dynamo_plan.report.charts.canvas import SERIES_COLOURS, label, series_colour
from tests.report.all_charts import DOWN, HOSTILE, TIMES, UP, drawn_anew, every_chart, long_times

CHARTS = every_chart()


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_ours_alone(name: str) -> None:
    svg = CHARTS[name].svg
    tree = ElementTree.fromstring(svg)  # well-formed, whatever the names
    assert [child.tag for child in tree][:2] == ["title", "desc"]
    assert "http" not in svg
    inside_tags = " ".join(re.findall(r"<[^>]*>", svg))
    assert "#01" not in inside_tags  # every placeholder has become a variable
    assert "var(--" in inside_tags
    assert "font-family" not in inside_tags
    assert "<script" not in svg


def test_names_are_drawn_as_they_are() -> None:
    texts = [element.text for element in ElementTree.fromstring(CHARTS["lines"].svg).iter("text")]
    assert label(HOSTILE) in texts
    assert HOSTILE in ElementTree.fromstring(CHARTS["bars"].svg).find(".//rect/title").text  # type: ignore[union-attr, operator]


def test_charts_are_drawn_the_same_twice() -> None:
    again = drawn_anew()
    assert {name: chart.svg for name, chart in again.items()} == {name: chart.svg for name, chart in CHARTS.items()}


def test_tables_hold_the_numbers_drawn() -> None:
    lines = CHARTS["lines"].table
    assert lines.columns == ("window start, UTC", HOSTILE, "b")
    assert lines.rows == tuple(zip(TIMES, UP, DOWN, strict=True))
    assert CHARTS["fan"].table.columns[1:] == ("P5", "median", "P95", "actual")
    assert CHARTS["scatter"].table.rows[0] == (HOSTILE, "run 1", 1.0, 5.0, "yes")
    assert CHARTS["tornado"].table.rows[0][:3] == (HOSTILE, "0.8", 1.0)


def test_a_heat_maps_table_runs_down_its_longer_side() -> None:
    chart = charts.heat_map("t", ["1", "2", "3"], ["r"], [[1.0, 2.0, 3.0]], unit="MHz")
    assert chart.table == Table("t", ("", "r"), (("1", 1.0), ("2", 2.0), ("3", 3.0)), "MHz")


def test_every_window_tells_its_numbers() -> None:
    told = re.findall(r'<rect class="hover".*?<title>(.*?)</title>', CHARTS["areas"].svg, flags=re.DOTALL)
    assert len(told) == len(TIMES)
    assert told[1].startswith("2024-05-14 01:00 UTC\n")
    assert told[1].endswith("b: 3.00")


def test_more_windows_than_can_be_hit_tell_nothing() -> None:
    chart = charts.lines("t", long_times(401), {"a": [1.0] * 401})
    assert "hover" not in chart.svg
    assert len(chart.table.rows) == 401


@pytest.mark.parametrize("windows", [1, 2])
def test_short_horizons_can_be_drawn(windows: int) -> None:
    x, y = long_times(windows), [1.0] * windows
    for chart in (charts.lines("t", x, {"a": y}), charts.areas("t", x, {"a": y}), charts.fan("t", x, {0.5: y})):
        assert isinstance(chart, Chart)


def test_colours_start_again_after_the_last() -> None:
    assert series_colour(SERIES_COLOURS) == series_colour(0)


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells, the head 1"):
        Table("t", ("a",), ((1, 2),))


def test_without_the_extra_there_is_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"dynamo-plan\[report\]"):
        charts.lines("t", TIMES, {"a": UP})
