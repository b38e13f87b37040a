from __future__ import annotations

import pytest

from dynamo_plan.report.page import page_html
from dynamo_plan.report.profile_page import profile_page
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile_picture import CellPicture, KindPicture, Reading

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

LINE = (Reading(1.0, 100.0, 95.0, 105.0), Reading(2.0, 150.0, 140.0, 160.0, "1400 MHz"))
CELL = CellPicture("SM", {"1400 MHz": LINE}, {"least of all clocks": LINE}, {"1400 MHz": LINE}, {}, ttft_slo_ms=250.0)
PICTURE = KindPicture("m<b>", Kind("h100", 2, 1, "bf16"), 24, {"power": 0.021}, {"SM": LINE}, {}, (CELL,))


def test_a_section_per_kind_with_its_charts_and_errors() -> None:
    page = profile_page("Profile: p.csv", [PICTURE])
    (section,) = page.sections
    assert [chart.title for chart in section.charts] == [
        "h100-tp2-bf16: capacity at the SLO",
        "h100-tp2-bf16, SM: power against load",
        "h100-tp2-bf16, SM: TTFT against load",
    ]
    assert [(figure.label, figure.value) for figure in section.figures] == [("error of power", "2.1 %")]
    power = section.charts[1].table
    assert power.rows[0] == ("1400 MHz", "", 1.0, 100.0, 95.0, 105.0)
    assert {row[0] for row in power.rows} == {"1400 MHz", "least of all clocks"}


def test_names_are_shown_as_text() -> None:
    html = page_html(profile_page("Profile: <p>", [PICTURE]))
    assert "m&lt;b&gt; on h100-tp2-bf16" in html
    assert "<b>" not in html
    assert "<script" not in html


def test_without_errors_the_page_says_so() -> None:
    silent = KindPicture("m", Kind("h100", 2, 1, "bf16"), 2, {}, {"SM": LINE}, {}, ())
    (section,) = profile_page("p", [silent]).sections
    assert section.figures == []
    assert "Too few clocks" in section.paragraphs[-1]


def test_limits_and_bands_are_drawn_and_what_is_left_out_is_said() -> None:
    more = KindPicture("m", Kind("h100", 2, 1, "bf16"), 24, {}, {"SM": LINE, "SL": LINE}, {}, (CELL,))
    (section,) = profile_page("p", [more]).sections
    assert "Over load are drawn SM of SM, SL; --bucket takes others." in section.paragraphs
    ttft = section.charts[-1].svg
    assert "SLO: 250" in ttft
    assert "fill-opacity: 0.12" in ttft
