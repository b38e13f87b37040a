"""What every method keeps, and each method's forecast by hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.errors import UsageError
from dynamo_plan.forecast.methods import (
    blend,
    daily_naive,
    daily_profile,
    find_methods,
    holt_winters,
    least_windows,
    method_named,
    mstl,
    persistence,
    regression,
    usable,
    weekly_naive,
    weekly_peak,
    weekly_scaled,
    weekly_template,
)
from dynamo_plan.schema.history import History
from tests.forecast.histories import history_of, noisy

LIGHT = [name for name, method in find_methods().items() if method.EXTRA is None]
HEAVY = [name for name, method in find_methods().items() if method.EXTRA is not None]
SEASONAL = sorted(set(find_methods()) - {"persistence"})
HORIZON = 30


@pytest.fixture(scope="module")
def three_weeks() -> History:
    return noisy(21)


@pytest.mark.parametrize("name", LIGHT)
def test_a_forecast_is_a_rate_per_window_and_scales_with_the_load(three_weeks: History, name: str) -> None:
    method = method_named(name)
    rates = method.forecast(three_weeks, HORIZON)
    assert rates.shape == (HORIZON,)
    assert (rates >= 0).all()
    assert np.isfinite(rates).all()
    doubled = history_of(2 * three_weeks.rate_rps, 3600)
    np.testing.assert_allclose(method.forecast(doubled, HORIZON), 2 * rates, rtol=1e-9)
    assert method.forecast(three_weeks, HORIZON).tobytes() == rates.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY)
def test_a_method_of_statsmodels_follows_a_daily_wave(three_weeks: History, name: str) -> None:
    rates = method_named(name).forecast(three_weeks.until(20 * 24), 24)
    came = three_weeks.total_rps[20 * 24 :]
    assert rates.shape == (24,)
    assert (rates >= 0).all()
    flat = np.full(24, three_weeks.total_rps[19 * 24 : 20 * 24].mean())
    assert np.abs(rates - came).sum() < 0.7 * np.abs(flat - came).sum()


@pytest.mark.parametrize("name", LIGHT)
@pytest.mark.parametrize("rate", [0.0, 3.0])
def test_a_steady_load_goes_on(name: str, rate: float) -> None:
    rates = method_named(name).forecast(history_of(np.full(60, rate)), HORIZON)
    np.testing.assert_allclose(rates, rate, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["holt-winters", "mstl"])
def test_statsmodels_has_no_say_on_a_steady_load(name: str) -> None:
    np.testing.assert_allclose(method_named(name).forecast(history_of(np.full(72, 2.0)), 4), 2.0)


@pytest.mark.parametrize("name", sorted(set(LIGHT) - {"persistence"}))
def test_an_even_day_repeats_itself(name: str) -> None:
    day = 4.0 + 3.0 * np.sin(np.arange(24) * np.pi / 12)
    rates = method_named(name).forecast(history_of(np.tile(day, 20), 3600), 48)
    learnt = name in ("regression", "blend")  # with some penalty always
    np.testing.assert_allclose(rates, np.tile(day, 2), rtol=0.02 if learnt else 1e-9)


@pytest.mark.parametrize("name", SEASONAL)
def test_a_chain_of_simpler_methods_ends_in_the_one_that_needs_one_window(name: str) -> None:
    method, seen = method_named(name), [name]
    while method.SIMPLER is not None:
        least = method.LEAST_DAYS
        method = method_named(method.SIMPLER)
        assert least > method.LEAST_DAYS or method.EXTRA is None
        seen.append(method.NAME)
    assert seen[-1] == "persistence"
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("name", LIGHT)
def test_the_least_history_is_enough(name: str) -> None:
    method = method_named(name)
    history = noisy(21)
    short = history.until(least_windows(method, history))
    assert usable(method, short) == (method, "")
    rates = method.forecast(short, HORIZON)
    assert np.isfinite(rates).all()


def test_a_short_history_gets_a_simpler_method_and_it_is_said() -> None:
    method, said = usable(method_named("mstl"), noisy(3))
    assert method.NAME == "holt-winters"
    assert said == "mstl needs 15 days of history and there are 3; holt-winters was taken instead"
    method, said = usable(method_named("blend"), noisy(1))
    assert method.NAME == "daily-profile"
    assert "blend needs 8 days of history and there are 1" in said


def test_an_unknown_method_is_refused_with_those_known() -> None:
    with pytest.raises(UsageError, match="Known: blend, daily-naive") as caught:
        method_named("profet")
    assert caught.value.faults[0].code == "method-unknown"


def test_every_method_is_in_the_manual(root: Path) -> None:
    page = (root / "docs/reference/forecasting.md").read_text(encoding="utf-8")
    assert [name for name in find_methods() if not re.search(rf"^\| `{name}` \|", page, flags=re.MULTILINE)] == []


# ----------------------------------------------------------------------------------------------------------- by hand
# Windows of six hours: a day is four of them.

WEEK = np.repeat([10.0, 11.0, 12.0, 13.0, 14.0, 5.0, 4.0], 4) + np.tile([0.0, 1.0, 2.0, 3.0], 7)


def test_persistence_by_hand() -> None:
    assert persistence.forecast(history_of([1.0, 2.0, 5.0]), 3).tolist() == [5.0, 5.0, 5.0]


def test_daily_naive_by_hand() -> None:
    assert daily_naive.forecast(history_of([9.0, 1.0, 2.0, 3.0, 4.0]), 6).tolist() == [1.0, 2.0, 3.0, 4.0, 1.0, 2.0]


def test_weekly_naive_by_hand() -> None:
    assert weekly_naive.forecast(history_of(WEEK), 5).tolist() == [10.0, 11.0, 12.0, 13.0, 11.0]


def test_weekly_naive_beyond_a_week_takes_the_last_one_known() -> None:
    rates = weekly_naive.forecast(history_of(WEEK), 56)
    assert rates[:28].tolist() == rates[28:].tolist() == WEEK.tolist()


def test_weekly_template_is_the_mean_of_four_weeks_at_most() -> None:
    weeks = np.concatenate([WEEK * factor for factor in (100.0, 1.0, 2.0, 3.0, 6.0)])
    np.testing.assert_allclose(weekly_template.forecast(history_of(weeks), 28), WEEK * 3.0)


def test_a_holiday_counts_as_a_sunday() -> None:
    history = history_of(WEEK, holidays=["2024-05-20"])  # the Monday after the week
    assert weekly_naive.forecast(history, 5).tolist() == [*WEEK[24:28].tolist(), 11.0]
    past = history_of(np.concatenate([WEEK, WEEK[:24]]), holidays=["2024-05-20"])  # Monday was one; Sunday is to come
    assert weekly_naive.forecast(past, 4).tolist() == WEEK[:4].tolist()


def test_weekly_peak_is_the_highest_window_of_each_half_hour() -> None:
    template = np.tile([1.0, 3.0, 2.0, 5.0, 4.0, 6.0], 7 * 24)
    rates = weekly_peak.forecast(history_of(template, 600), 6)
    assert rates.tolist() == [3.0, 3.0, 3.0, 6.0, 6.0, 6.0]


def test_weekly_scaled_takes_yesterdays_level() -> None:
    # Monday of the second week came at twice the first one's level: Tuesday is expected at twice the first Tuesday's.
    history = history_of(np.concatenate([WEEK, 2.0 * WEEK[:4]]))
    assert weekly_scaled.forecast(history, 4).tolist() == (2.0 * WEEK[4:8]).tolist()


def test_daily_profile_is_a_mean_of_roots_by_part() -> None:
    rates = daily_profile.forecast(history_of([[4.0, 0.0]] * 4 + [[16.0, 1.0]] * 4), 4)
    # Part 0: roots 2 and 4, part 1: roots 0 and 1; means 3 and 1/2, squared and added up.
    np.testing.assert_allclose(rates, 9.0 + 0.25)


def test_daily_profile_takes_in_half_an_hour_on_either_side() -> None:
    day = np.zeros(144)
    day[60] = 49.0
    rates = daily_profile.forecast(history_of(day, 600), 144)
    assert np.flatnonzero(rates).tolist() == [57, 58, 59, 60, 61, 62, 63]
    np.testing.assert_allclose(rates[57:64], 1.0)  # a seventh of the root 7, squared


def test_blend_is_the_mean_of_its_three(three_weeks: History) -> None:
    views = [method.forecast(three_weeks, 5) for method in (regression, daily_profile, weekly_scaled)]
    np.testing.assert_allclose(blend.forecast(three_weeks, 5), np.mean(views, axis=0))


def test_regression_learns_how_much_a_deviation_lasts() -> None:
    """Deviations from the daily wave halve every hour: the next window's forecast beats persistence and the usual day."""
    rng = np.random.default_rng(1)
    deviation = np.zeros(24 * 15)
    for hour in range(1, deviation.size):
        deviation[hour] = 0.5 * deviation[hour - 1] + rng.normal(0.0, 4.0)
    history = history_of(100.0 + 50.0 * np.sin(np.arange(deviation.size) * np.pi / 12) + deviation, 3600)
    errors = dict.fromkeys(("regression", "persistence", "daily-naive"), 0.0)
    for origin in range(24 * 12, 24 * 15):
        for name in errors:
            found = method_named(name).forecast(history.until(origin), 1)
            errors[name] += abs(float(found[0]) - float(history.total_rps[origin]))
    assert errors["regression"] < 0.85 * min(errors["persistence"], errors["daily-naive"])


def test_regression_takes_yesterday_where_it_has_learnt_nothing_yet() -> None:
    history = noisy(2).until(40)
    np.testing.assert_allclose(regression.forecast(history, 24)[6:], daily_naive.forecast(history, 24)[6:])


def test_parts_are_forecast_one_by_one() -> None:
    """One client that was on every day and is off since yesterday: by parts it is gone sooner than in the total."""
    steady, ended = np.full(24 * 14, 10.0), np.repeat([10.0] * 12 + [0.0] * 2, 24)
    apart = history_of(np.stack([steady, ended], axis=1), 3600, buckets=("all",), bucket_of=[0, 0])
    assert regression.forecast(apart, 24).mean() < 13.0


def test_methods_of_the_extra_say_so() -> None:
    assert {holt_winters.EXTRA, mstl.EXTRA} == {"forecast"}
    assert HEAVY == ["holt-winters", "mstl"]


@given(seed=st.integers(0, 1000), horizon=st.integers(1, 60))
def test_no_method_invents_load(seed: int, horizon: int) -> None:
    """No forecast of the seasonal kind leaves the range of the past."""
    rng = np.random.default_rng(seed)
    history = history_of(rng.gamma(1.0, 5.0, 40))
    low, high = history.total_rps.min(), history.total_rps.max()
    for method in (persistence, daily_naive, weekly_naive, weekly_template, weekly_peak, daily_profile):
        rates = method.forecast(history, horizon)
        assert rates.min() >= low - 1e-9
        assert rates.max() <= high + 1e-9
