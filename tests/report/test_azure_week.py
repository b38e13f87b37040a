"""The report of the shipped Azure week, made by the command line and opened in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.cli import run
from tests.report.browser import look
from tests.report.devtools import opened
from tests.report.test_browser import drawn

pytestmark = pytest.mark.slow

MOST_BYTES = 3_000_000
MOST_SECONDS = 1.0
MOST_PIXELS = 12_000
"""More than the page is long."""

TRIES = 5
"""Openings, of which the fastest counts: other tests run beside this one."""


@pytest.fixture(scope="module")
def page(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report."""
    folder = tmp_path_factory.mktemp("week")
    assert run(["solve", str(root / "examples/azure-week/scenario.yaml"), "-d", str(folder / "run"), "--quiet"]) == 0
    assert run(["report", str(folder / "run"), "-o", str(folder / "week.html"), "--quiet"]) == 0
    return folder / "week.html"


def test_it_is_small_and_opens_at_once_and_asks_for_nothing(page: Path, tmp_path: Path) -> None:
    assert page.stat().st_size < MOST_BYTES
    tries = []
    for number in range(TRIES):
        tries.append(opened(page, tmp_path / str(number)))
        assert (tries[-1].requests, tries[-1].complaints) == ([], [])
        if tries[-1].seconds < MOST_SECONDS:
            break
    assert min(one.seconds for one in tries) < MOST_SECONDS


def test_no_chart_is_blank(page: Path, tmp_path: Path) -> None:
    charts = page.read_text(encoding="utf-8").count("<svg")
    assert charts >= 5
    seen = look(page, tmp_path, height=MOST_PIXELS)
    assert seen.complaints == []
    assert len(drawn(seen)) == charts


def test_a_page_that_asks_and_complains_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text('<!doctype html><title>t</title><img src="https://example.org/x.png"><script>throw 1</script>')
    found = opened(file, tmp_path)
    assert found.requests == ["https://example.org/x.png"]
    assert len(found.complaints) >= 1
    assert found.seconds > 0
