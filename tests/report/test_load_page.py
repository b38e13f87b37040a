"""The page of a load: every bucket, the fan, what came beside it, and how it looks in a browser."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.report.chart import Chart
from dynamo_plan.report.charts.canvas import SERIES_COLOURS
from dynamo_plan.report.load_page import Shown, actual_beside, load_page
from dynamo_plan.report.page import page_html
from dynamo_plan.schema.load import Forecast, Windows
from tests.report.browser import look
from tests.report.test_browser import drawn

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

WINDOW_S = 1800
START = np.datetime64("2024-05-14T00:00:00", "s")


def load(rates: list[list[float]], levels: dict[float, float] | None = None, shift: int = 0) -> Forecast:
    """Rates (window, bucket) [1/s] from half past `shift` on, and quantiles as multiples of them."""
    array = np.array(rates)
    steps = np.arange(shift, shift + len(rates)) * WINDOW_S
    windows = Windows(START + steps.astype("timedelta64[s]"), WINDOW_S)
    buckets = tuple(f"B{bucket}" for bucket in range(array.shape[1]))
    return Forecast("load.csv", windows, buckets, array, {level: array * by for level, by in (levels or {}).items()})


def charts_of(shown: Shown) -> dict[str, Chart]:
    (section,) = load_page("Load: load.csv", {"chat": shown}).sections
    return {chart.title: chart for chart in section.charts}


FORECAST = load([[1.0, 3.0], [0.0, 0.0], [2.0, 2.0]], {0.5: 1.0, 0.95: 1.5})
CAME = load([[0.0, 0.0], [2.0, 4.0]], shift=1)


def test_a_load_alone_has_its_buckets() -> None:
    charts = charts_of(Shown(load([[1.0, 3.0], [0.0, 0.0]]), None))
    assert list(charts) == ["chat: load by bucket"]
    assert [row[1:] for row in charts["chat: load by bucket"].table.rows] == [(1.0, 3.0), (0.0, 0.0)]


def test_a_forecast_has_a_fan_per_bucket_with_what_is_expected() -> None:
    fan = charts_of(Shown(FORECAST, None))["chat, B1: expected and quantiles"]
    assert fan.table.columns == ("window start, UTC", "expected", "median", "P95")
    assert [row[1:] for row in fan.table.rows] == [(3.0, 3.0, 4.5), (0.0, 0.0, 0.0), (2.0, 2.0, 3.0)]
    assert "median to P95" in fan.svg


def test_what_came_stands_beside_it_where_it_is_known() -> None:
    (section,) = load_page("t", {"chat": Shown(FORECAST, actual_beside(FORECAST, CAME))}).sections
    assert [chart.title for chart in section.charts[1:3]] == ["chat: expected and actual", "chat: residuals"]
    residuals = [row[1] for row in section.charts[2].table.rows]
    assert section.paragraphs == ("3 windows of 30 min from 2024-05-14T00:00:00Z.",)
    assert residuals[2] == 50.0  # 6 came where 4 were expected
    assert all(isinstance(one, float) and math.isnan(one) for one in residuals[:2])  # not known; nothing was expected
    table = section.tables[0]
    assert table.columns[-2:] == ("coverage of P50, %", "coverage of P95, %")
    assert [row[-2:] for row in table.rows] == [(100.0, 100.0), (50.0, 50.0)]


def test_other_windows_or_buckets_cannot_stand_beside_it() -> None:
    assert actual_beside(FORECAST, None) is None
    assert actual_beside(FORECAST, load([[1.0, 1.0]], shift=9)) is None
    assert actual_beside(FORECAST, load([[1.0]])) is None


def test_buckets_beyond_the_colours_are_hatched() -> None:
    def hatched(buckets: int) -> bool:
        return "<pattern" in charts_of(Shown(load([[1.0] * buckets] * 2), None))["chat: load by bucket"].svg

    assert not hatched(SERIES_COLOURS)
    assert hatched(SERIES_COLOURS + 1)


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_in_a_browser(dark: bool, tmp_path: Path) -> None:
    rates = [[2.0 + math.sin(window / 4 + bucket) for bucket in range(3)] for window in range(48)]
    came = np.array(rates) * (1.0 + 0.2 * np.sin(np.arange(48))[:, None])
    shown = Shown(load(rates, {0.05: 0.8, 0.5: 0.9, 0.95: 1.2, 0.99: 1.4}), came)
    file = tmp_path / "page.html"
    page = load_page("t", {"chat": shown})
    file.write_text(page_html(page), encoding="utf-8")
    seen = look(file, tmp_path, height=3400, dark=dark)
    assert seen.complaints == []
    assert (int(seen.pixels[0, 0].max()) < 60) is dark
    assert len(drawn(seen)) == len(page.sections[0].charts)
