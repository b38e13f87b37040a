"""A forecast: by a method or the best one, with quantiles, saying what was done."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.errors import InputError, UsageError
from dynamo_plan.forecast.fit import fit
from tests.forecast.histories import history_of, noisy

LEVELS = (0.5, 0.9)


def test_a_forecast_follows_the_history_in_its_buckets() -> None:
    history = noisy(15)
    found = fit(history, "weekly-naive", 24, LEVELS)
    assert found.method == found.asked == "weekly-naive"
    assert found.notes == ("P90: the largest error of 8 past forecasts; 9 would be needed for P90",)
    assert found.forecast.windows.label(0) == "2024-05-28T00:00:00Z"
    assert found.forecast.rate_rps.shape == (24, 2)
    assert list(found.forecast.quantile_rate_rps) == [0.5, 0.9]
    assert (found.forecast.quantile_rate_rps[0.9] >= found.forecast.quantile_rate_rps[0.5]).all()
    assert found.past_forecasts == 8


def test_auto_takes_the_least_error_on_forecasts_that_all_can_make() -> None:
    found = fit(noisy(21), "auto", 24, LEVELS)
    scored = [one for one in found.tried if one.wape is not None]
    assert found.method == found.tried[0].method
    assert [one.wape for one in scored] == sorted(one.wape for one in scored if one.wape is not None)
    assert {one.forecasts for one in scored} == {13}  # from day 8 on, which is what blend and weekly-scaled need
    assert scored[0].wape is not None
    assert scored[0].wape < 0.12
    assert {one.method for one in found.tried if "extra `forecast`" in one.note} == {"holt-winters", "mstl"}


def test_auto_leaves_out_what_the_history_is_too_short_for() -> None:
    found = fit(noisy(5), "auto", 24, ())
    notes = {one.method: one.note for one in found.tried}
    assert notes["weekly-naive"] == "not compared: 0 past forecasts, fewer than 2"
    assert notes["daily-naive"] == ""


def test_three_days_are_enough_to_see_that_days_are_alike() -> None:
    found = fit(noisy(3), "auto", 24, ())
    assert found.method == "daily-profile"
    assert {one.method: one.forecasts for one in found.tried}["persistence"] == 2


def test_auto_works_on_a_history_of_two_windows() -> None:
    found = fit(history_of([3.0, 3.0]), "auto", 2, ())
    assert found.method == "persistence"
    assert found.forecast.rate_rps.ravel().tolist() == [3.0, 3.0]


def test_a_short_history_falls_back_and_says_so() -> None:
    found = fit(noisy(3), "weekly-template", 24, LEVELS)
    assert (found.asked, found.method) == ("weekly-template", "daily-naive")
    assert found.notes[0] == "weekly-template needs 7 days of history and there are 3; daily-naive was taken instead"


def test_quantiles_need_a_past_forecast() -> None:
    history = noisy(1)
    with pytest.raises(InputError, match="--quantiles none") as caught:
        fit(history, "daily-naive", 24, LEVELS)
    assert caught.value.faults[0].code == "history-too-short"
    assert fit(history, "daily-naive", 24, ()).forecast.quantile_rate_rps == {}


def test_a_bucket_that_was_never_seen_stays_empty() -> None:
    history = history_of(np.stack([np.tile([1.0, 2.0, 3.0, 2.0], 12), np.zeros(48)], axis=1))
    found = fit(history, "auto", 4, LEVELS).forecast
    assert not found.rate_rps[:, 1].any()
    assert not found.quantile_rate_rps[0.9][:, 1].any()


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UsageError, match="no forecasting method"):
        fit(noisy(2), "arima", 24, LEVELS)
