"""Scores by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dynamo_plan.forecast.scores import pinball, scored, wape


def test_wape_by_hand() -> None:
    assert wape(np.array([1.0, 5.0]), np.array([2.0, 2.0])) == 1.0
    assert math.isnan(wape(np.array([1.0]), np.array([0.0])))


def test_pinball_by_hand() -> None:
    # Two below by 2, one above by 1: (0.9 x 2 + 0.9 x 2 + 0.1 x 1) / 3 over the mean of 3.
    assert pinball(np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 2.0]), 0.9) == pytest.approx(3.7 / 3 / 3)


def test_the_median_that_is_met_has_no_loss_and_full_coverage() -> None:
    rates = np.array([[1.0], [2.0], [4.0]])
    found = scored(rates, rates, {0.5: rates}, day=2, window_s=43200)
    assert (found.wape, found.daily_wape, found.peak_hour_error) == (0.0, 0.0, 0.0)
    assert (found.pinball[0.5], found.coverage[0.5]) == (0.0, 1.0)


def test_days_count_alike_in_the_daily_score() -> None:
    actual = np.array([[10.0], [10.0], [1.0], [1.0]])
    forecast = np.array([[10.0], [10.0], [2.0], [2.0]])
    found = scored(forecast, actual, {}, day=2, window_s=43200)
    assert found.wape == pytest.approx(2.0 / 22.0)
    assert found.daily_wape == pytest.approx(0.5)


def test_the_peak_hour_is_a_mean_over_its_windows() -> None:
    # Half-hours: the busiest hour came at (4 + 6) / 2, and was expected at (7 + 5) / 2.
    actual = np.array([[1.0], [4.0], [6.0], [1.0]])
    forecast = np.array([[7.0], [5.0], [1.0], [1.0]])
    assert scored(forecast, actual, {}, day=48, window_s=1800).peak_hour_error == pytest.approx(0.2)


def test_coverage_counts_windows_and_buckets() -> None:
    actual = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = scored(actual, actual, {0.95: np.array([[1.0, 1.0], [9.0, 9.0]])}, day=2, window_s=43200)
    assert found.coverage[0.95] == 0.75


def test_a_history_without_load_has_no_score() -> None:
    nothing = np.zeros((4, 1))
    found = scored(nothing, nothing, {0.5: nothing}, day=2, window_s=43200)
    assert all(math.isnan(value) for value in (found.wape, found.daily_wape, found.peak_hour_error, found.pinball[0.5]))
