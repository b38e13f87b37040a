"""What fills a gap: the same time of other weeks, else of other days, else a straight line."""

from __future__ import annotations

import numpy as np

from dynamo_plan.ingest.gaps import filled_rates

SIX_HOURS_S = 21600
DAY = 4


def filled(rates: list[float], *missing: int) -> list[float]:
    known = np.ones(len(rates), dtype=np.bool_)
    known[list(missing)] = False
    column = np.where(known, np.array(rates), np.nan)
    found: list[float] = filled_rates(np.stack([column, 2 * column], axis=1), known, SIX_HOURS_S)[:, 0].tolist()
    return found


def test_other_weeks_come_before_other_days() -> None:
    rates = [float(window) for window in range(3 * 7 * DAY)]
    assert filled(rates, 30)[30] == (2.0 + 58.0) / 2  # a week before, a week after
    assert filled(rates[: 7 * DAY], 5)[5] == np.mean([1.0, 9.0, 13.0, 17.0, 21.0, 25.0])


def test_without_either_a_straight_line_that_ends_flat() -> None:
    assert filled([1.0, 0.0, 0.0, 4.0], 1, 2) == [1.0, 2.0, 3.0, 4.0]
    assert filled([0.0, 2.0, 5.0, 0.0], 0, 3) == [2.0, 2.0, 5.0, 5.0]


def test_days_of_which_nothing_is_known_do_not_count() -> None:
    rates = [1.0, 2.0, 3.0, 4.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0]
    assert filled(rates, *range(4, 12)) == [1.0, 2.0, 3.0, 4.0] * 3


def test_every_part_is_filled() -> None:
    known = np.array([True, False, True])
    rates = np.array([[1.0, 10.0], [np.nan, np.nan], [3.0, 30.0]])
    assert filled_rates(rates, known, SIX_HOURS_S).tolist() == [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]


def test_windows_that_do_not_divide_a_day_have_no_like() -> None:
    known = np.array([True, True, False, True])
    rates = np.array([[1.0], [2.0], [0.0], [4.0]])
    assert filled_rates(rates, known, 7 * 3600)[2, 0] == 3.0
