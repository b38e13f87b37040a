from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.profile.fit.forms import Shape, between, over_clocks

CLOCKS = np.array([800.0, 1100.0, 1400.0, 1700.0, 2000.0])


def time(clock: np.ndarray | float) -> np.ndarray:
    return np.asarray(10.0 + 20_000.0 / np.asarray(clock))


def power(clock: np.ndarray | float) -> np.ndarray:
    ghz = np.asarray(clock) / 1000.0
    return np.asarray(100.0 + 50.0 * ghz + 40.0 * ghz**3)


@pytest.mark.parametrize("clock", [600.0, 2300.0])
def test_a_time_beyond_the_clocks_follows_its_form(clock: float) -> None:
    (found,) = over_clocks(Shape.TIME, CLOCKS, time(CLOCKS)[:, None], clock)
    assert found == pytest.approx(float(time(clock)), rel=1e-9)


def test_a_time_between_clocks_is_close_to_its_form() -> None:
    (found,) = over_clocks(Shape.TIME, CLOCKS, time(CLOCKS)[:, None], 1250.0)
    assert found == pytest.approx(26.0, rel=2e-3)  # 10 + 20000 / 1250


@pytest.mark.parametrize("clock", [700.0, 950.0, 1999.0, 2200.0])
def test_a_power_is_fitted_exactly_where_it_has_the_form(clock: float) -> None:
    (found,) = over_clocks(Shape.POWER, CLOCKS, power(CLOCKS)[:, None], clock)
    assert found == pytest.approx(float(power(clock)), rel=1e-9)


def test_a_power_is_never_below_0() -> None:
    steep = np.array([1.0, 30.0, 70.0, 120.0, 180.0])
    assert over_clocks(Shape.POWER, CLOCKS, steep[:, None], 100.0)[0] == pytest.approx(1.0)


def test_three_clocks_of_power_are_interpolated_and_held_at_the_ends() -> None:
    three = CLOCKS[:3]
    assert over_clocks(Shape.POWER, three, power(three)[:, None], 1100.0)[0] == pytest.approx(float(power(1100.0)))
    assert over_clocks(Shape.POWER, three, power(three)[:, None], 3000.0)[0] == pytest.approx(float(power(1400.0)))


def test_a_knee_stays_where_it_was_measured() -> None:
    """Above 1400 MHz the power limit holds the clock: time is flat there, and the interpolation keeps it flat."""
    capped = time(np.minimum(CLOCKS, 1400.0))
    assert over_clocks(Shape.TIME, CLOCKS, capped[:, None], 1850.0)[0] == pytest.approx(float(time(1400.0)), rel=1e-12)
    assert over_clocks(Shape.TIME, CLOCKS, capped[:, None], 2300.0)[0] == pytest.approx(float(time(1400.0)), rel=0.03)


def test_a_time_that_rises_with_the_clock_is_noise() -> None:
    rising = np.array([10.0, 10.2])[:, None]
    low, high = (over_clocks(Shape.TIME, np.array([1000.0, 2000.0]), rising, clock)[0] for clock in (500.0, 1500.0))
    assert 10.0 < low < 10.2
    assert 10.0 < high < 10.2


def test_work_cannot_be_faster_than_the_clock_allows() -> None:
    """Three times faster at twice the clock: x0 would be negative, and time at 4000 MHz too."""
    (found,) = over_clocks(Shape.TIME, np.array([1000.0, 2000.0]), np.array([[30.0], [10.0]]), 4000.0)
    assert 0.0 < found < 10.0


@given(
    st.lists(st.floats(1.0, 1000.0), min_size=2, max_size=6),
    st.floats(0.0, 1.0),
    st.sampled_from([Shape.TIME, Shape.POWER]),
)
def test_between_measured_clocks_nothing_overshoots_and_order_holds(
    values: list[float], share: float, shape: Shape
) -> None:
    clocks = CLOCKS[0] + 100.0 * np.arange(len(values))
    places = 1.0 / clocks[::-1] if shape is Shape.TIME else clocks
    ordered = np.array(values)[:, None]
    at = [between(places, ordered, float(places[0] + s * (places[-1] - places[0])))[0] for s in (0.0, share, 1.0)]
    assert at[0] <= at[1] * (1 + 1e-9)
    assert at[1] <= at[2] * (1 + 1e-9)
    assert min(values) * (1 - 1e-9) <= at[1] <= max(values) * (1 + 1e-9)
