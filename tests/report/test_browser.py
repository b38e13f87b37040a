"""Pages in a real browser: no complaint, no request, and every chart is there, in light and in dark."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.report.page import Page, Section, page_html
from tests.report.all_charts import every_chart
from tests.report.browser import Seen, look

pytestmark = pytest.mark.slow

COLOURFUL = 50
"""Difference of a pixel's channels from which on it is no grey; the page itself has none of these."""

BETWEEN_CHARTS = 70
"""Rows without colour from one chart to the next at least: the words below one and above the other [pixels]."""

LEAST_ROWS = 60
"""Rows with colour of a chart that shows more than its legend [pixels]."""


def drawn(seen: Seen) -> list[int]:
    """Rows with colour of each chart, from top to bottom; an icon or a letter is no chart."""
    spread = seen.pixels.max(axis=2).astype(int) - seen.pixels.min(axis=2)
    rows = np.flatnonzero((spread > COLOURFUL).sum(axis=1) > 1).tolist()
    ends = [
        0,
        *(place for place, (row, after) in enumerate(pairwise(rows), 1) if after - row > BETWEEN_CHARTS),
        len(rows),
    ]
    return [end - start for start, end in pairwise(ends) if end - start > LEAST_ROWS]


@pytest.mark.parametrize("dark", [False, True])
def test_no_chart_is_blank(dark: bool, tmp_path: Path) -> None:
    charts = list(every_chart().values())
    file = tmp_path / "page.html"
    file.write_text(page_html(Page("t", [Section("s", charts=charts)])), encoding="utf-8")
    seen = look(file, tmp_path, height=5600, dark=dark)
    assert seen.complaints == []
    assert (int(seen.pixels[0, 0].max()) < 60) is dark
    assert len(drawn(seen)) == len(charts)


def test_a_blank_chart_and_a_request_would_be_noticed(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    text = page_html(Page("t", [Section("s", "No chart.")]))
    file.write_text(text.replace("</body>", '<img src="https://example.org/x.png"></body>'), encoding="utf-8")
    seen = look(file, tmp_path)
    assert drawn(seen) == []
    assert seen.complaints
