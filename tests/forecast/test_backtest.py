"""Rolling origin: nothing from the future, origins where they belong, reasons where a method cannot be scored."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.errors import InputError
from dynamo_plan.forecast.backtest import HeldBack, as_forecast, held_back_from, hold_back
from dynamo_plan.forecast.methods import find_methods, method_named
from dynamo_plan.forecast.rolling import origins_from, roll
from tests.forecast.histories import history_of, noisy

DAY = 24
FIRST = 10 * DAY


@pytest.mark.parametrize("name", [name for name, method in find_methods().items() if method.EXTRA is None])
def test_what_comes_later_changes_nothing_before(name: str) -> None:
    history = noisy(14)
    other = history_of(np.concatenate([history.rate_rps[: 12 * DAY], 50.0 * history.rate_rps[12 * DAY :]]), 3600)
    found = [hold_back(one, method_named(name), DAY, FIRST, (0.5, 0.95)) for one in (history, other)]
    first, second = (one for one in found if isinstance(one, HeldBack))
    before = slice(0, 3 * DAY)  # the day from window 12 x 24 on is forecast from what came until then
    np.testing.assert_array_equal(first.forecast_rps[before], second.forecast_rps[before])
    for level in (0.5, 0.95):
        np.testing.assert_array_equal(first.quantile_rps[level][before], second.quantile_rps[level][before])
    assert not np.array_equal(first.actual_rps, second.actual_rps)


def test_every_held_back_window_is_forecast_once_in_order() -> None:
    history = noisy(12)
    found = hold_back(history, method_named("daily-naive"), DAY, FIRST, ())
    assert isinstance(found, HeldBack)
    np.testing.assert_array_equal(found.actual_rps, history.bucket_rate_rps[FIRST:])
    np.testing.assert_allclose(
        found.forecast_rps.sum(axis=1), history.total_rps[FIRST - DAY : -DAY], atol=2e-6
    )  # each day is the day before it
    assert as_forecast(history, found).windows.label(0) == history.windows.label(FIRST)


def test_the_last_forecast_may_reach_beyond_the_history() -> None:
    found = hold_back(noisy(12).until(11 * DAY + 7), method_named("daily-naive"), DAY, FIRST, (0.9,))
    assert isinstance(found, HeldBack)
    assert len(found.forecast_rps) == len(found.quantile_rps[0.9]) == DAY + 7


def test_a_horizon_of_several_days_is_made_anew_every_day() -> None:
    history = noisy(12)
    far = hold_back(history, method_named("persistence"), 3 * DAY, FIRST, ())
    near = hold_back(history, method_named("persistence"), DAY, FIRST, ())
    assert isinstance(far, HeldBack)
    assert isinstance(near, HeldBack)
    np.testing.assert_array_equal(far.forecast_rps, near.forecast_rps)


def test_a_method_that_needs_more_is_not_scored_with_the_reason() -> None:
    assert hold_back(noisy(6), method_named("weekly-naive"), DAY, 3 * DAY, ()) == (
        "needs 7 days before the first forecast and there are 3"
    )
    reason = hold_back(noisy(9), method_named("weekly-naive"), DAY, 7 * DAY, (0.9,))
    assert isinstance(reason, str)
    assert "one forecast more before the first held-back one" in reason
    assert isinstance(hold_back(noisy(9), method_named("weekly-naive"), DAY, 7 * DAY, ()), HeldBack)


def test_by_default_whole_days_are_held_back() -> None:
    assert held_back_from(noisy(10), None) == 7 * DAY
    assert held_back_from(noisy(10), 2.5) == 60
    for days in (0.0, 10.0, 20.0):
        with pytest.raises(InputError, match="nothing to train on"):
            held_back_from(noisy(10), days)


def test_origins_end_one_step_before_the_end() -> None:
    history = noisy(3)
    assert origins_from(history, DAY, DAY).tolist() == [24, 48]
    assert origins_from(history, 60, 6).tolist() == [60, 66]
    assert origins_from(history, 72, DAY).tolist() == []


def test_what_was_known_at_a_window_has_no_later_rates() -> None:
    rolled = roll(noisy(3), method_named("persistence"), DAY, np.array([24, 48]))
    known = rolled.before(30)
    assert known.origins.tolist() == [24]
    assert np.isfinite(known.actual_rps[0, :6]).all()
    assert np.isnan(known.actual_rps[0, 6:]).all()
    assert np.isfinite(rolled.actual_rps).all()  # the original is as it was
