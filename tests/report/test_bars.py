"""Text graphics: nothing invented, nothing hidden."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.report.bars import LEVELS, bar, sparkline


def test_a_sparkline_by_hand() -> None:
    assert sparkline([0, 1, 2, 4, 8], 10) == " ▁▂▄█"


def test_only_zero_is_blank() -> None:
    assert sparkline([0, 0.001, 1000], 3) == " ▁█"
    assert sparkline([0, 0], 5) == "  "


def test_a_peak_is_never_hidden() -> None:
    values = [1.0] * 336
    values[200] = 8.0
    line = sparkline(values, 72)
    assert len(line) == 72
    assert line.count("█") == 1
    assert line.count("▁") == 71


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=400), st.integers(1, 100))
def test_a_sparkline_fits(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(width, len(values))
    assert set(line) <= set(LEVELS)
    assert (max(values) > 0) == ("█" in line)


@pytest.mark.parametrize(("share", "text"), [(0.0, "    "), (0.5, "██  "), (1.0, "████"), (0.28125, "█▏  ")])
def test_a_bar_by_hand(share: float, text: str) -> None:
    assert bar(share, 4) == text


@given(st.floats(0, 1), st.integers(1, 40))
def test_a_bar_has_its_width(share: float, width: int) -> None:
    assert len(bar(share, width)) == width
