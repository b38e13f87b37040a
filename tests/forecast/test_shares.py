"""Buckets add up to the service, to the digit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.forecast.shares import STEPS_PER_RPS, by_usual_shares, divided, usual_shares
from dynamo_plan.schema.load import Forecast, Windows
from tests.forecast.histories import MONDAY, history_of


@given(
    total=st.lists(st.floats(0, 1e5), min_size=1, max_size=20),
    parts=st.lists(st.floats(0, 1), min_size=1, max_size=12).filter(lambda parts: sum(parts) > 0.01),
)
def test_buckets_add_up_exactly(total: list[float], parts: list[float]) -> None:
    shares = np.tile(np.array(parts) / sum(parts), (len(total), 1))
    rates = divided(np.array(total), shares)
    steps = np.rint(rates * STEPS_PER_RPS).astype(np.int64)
    assert (steps / STEPS_PER_RPS == rates).all()
    assert steps.sum(axis=1).tolist() == np.rint(np.array(total) * STEPS_PER_RPS).astype(np.int64).tolist()
    assert (np.abs(rates - np.array(total)[:, None] * shares) <= 1.01 / STEPS_PER_RPS).all()


def test_what_rounding_leaves_goes_to_the_largest_remainders() -> None:
    rates = divided(np.array([1e-5]), np.array([[0.21, 0.36, 0.43]]))
    assert np.rint(rates * STEPS_PER_RPS).astype(int).tolist() == [[2, 4, 4]]


def test_shares_are_those_of_the_time_of_day() -> None:
    day = np.array([[1.0, 3.0]] * 12 + [[3.0, 1.0]] * 12)
    shares = usual_shares(history_of(np.tile(day, (8, 1)), 3600), 24)
    np.testing.assert_allclose(shares[5], [0.25, 0.75])
    np.testing.assert_allclose(shares[18], [0.75, 0.25])


def test_a_bucket_that_was_never_seen_gets_nothing() -> None:
    history = history_of(np.tile([[2.0, 0.0]], (8, 1)))
    assert usual_shares(history, 5)[:, 1].tolist() == [0.0] * 5
    assert usual_shares(history.until(2), 5)[:, 1].tolist() == [0.0] * 5  # less than a day: shares of all that is known


def test_without_any_load_shares_are_equal() -> None:
    assert usual_shares(history_of(np.zeros((8, 2))), 1).tolist() == [[0.5, 0.5]]


def test_a_series_from_elsewhere_is_divided_by_time_of_day() -> None:
    history = history_of(np.tile([[1.0, 3.0], [3.0, 1.0], [1.0, 1.0], [1.0, 1.0]], (14, 1)))
    windows = Windows(MONDAY + (np.arange(56, 60) * 21600).astype("timedelta64[s]"), 21600)
    series = Forecast("f.csv", windows, ("all",), np.full((4, 1), 8.0), {0.95: np.full((4, 1), 16.0)})
    found = by_usual_shares(series, history)
    assert found.buckets == ("B0", "B1")
    np.testing.assert_allclose(found.rate_rps.sum(axis=1), 8.0, atol=1e-9)
    np.testing.assert_allclose(found.quantile_rate_rps[0.95], 2 * found.rate_rps, atol=2e-6)
