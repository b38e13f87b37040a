"""Quantiles: which error is taken, by hand; coverage where forecasts can be exchanged; nothing from the future."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.forecast.conformal import forecasts_needed, quantile_rates, rank
from dynamo_plan.forecast.rolling import Rolled

LEVELS = (0.5, 0.9, 0.95)


def rolled(forecast: object, actual: object) -> Rolled:
    """Past forecasts of one bucket, shape (origin, lead)."""
    made, came = (np.asarray(values, dtype=np.float64)[:, :, None] for values in (forecast, actual))
    return Rolled(np.arange(len(made)), made, came)


@pytest.mark.parametrize(
    ("errors", "forecasts", "level", "expected"),
    [
        (19, 19, 0.95, 19),  # 20 x 0.95
        (99, 99, 0.95, 95),
        (18, 18, 0.95, 18),  # 18.05: beyond the largest
        (10, 10, 0.5, 6),  # 5.5, rounded up
        (48, 2, 0.5, 36),  # two forecasts of a day: 48 x 0.5 x 3/2
        (1, 1, 0.01, 1),
    ],
)
def test_the_rank_by_hand(errors: int, forecasts: int, level: float, expected: int) -> None:
    assert rank(errors, forecasts, level) == expected


def test_p95_needs_nineteen_forecasts() -> None:
    assert [forecasts_needed(level) for level in (0.5, 0.9, 0.95, 0.99)] == [1, 9, 19, 99]
    assert rank(19, 19, 0.95) == 19


def test_a_quantile_by_hand() -> None:
    """Three forecasts of 10 that came in at 8, 11 and 14; mean 11, so that an error is divided by 10.55."""
    past = rolled([[10.0]] * 3, [[8.0], [11.0], [14.0]])
    found = quantile_rates(np.array([[20.0]]), past, 3600, (0.5,))
    assert found[0.5][0, 0] == pytest.approx(20.0 + (1.0 / 10.55) * 20.55)


def test_leads_are_told_apart() -> None:
    """Far leads err more than near ones."""
    rng = np.random.default_rng(0)
    actual = np.full((40, 24), 10.0) + np.where(np.arange(24) < 6, 0.1, 5.0) * rng.normal(size=(40, 24))
    found = quantile_rates(np.full((24, 1), 10.0), rolled(np.full((40, 24), 10.0), actual), 3600, (0.95,))[0.95][:, 0]
    assert found[:6].max() < 10.5
    assert found[6:].min() > 15.0


def test_a_bucket_without_load_has_none_in_any_quantile() -> None:
    past = rolled(np.zeros((3, 2)), np.zeros((3, 2)))
    assert quantile_rates(np.zeros((2, 1)), past, 3600, LEVELS)[0.95].tolist() == [[0.0], [0.0]]


def test_leads_that_nothing_has_reached_yet_take_the_errors_of_the_others() -> None:
    actual = np.full((2, 12), np.nan)
    actual[:, :3] = 12.0
    found = quantile_rates(np.full((12, 1), 10.0), rolled(np.full((2, 12), 10.0), actual), 3600, (0.9,))[0.9]
    assert np.unique(found.round(9)).size == 1
    assert found[0, 0] > 11.9


@given(seed=st.integers(0, 10_000))
def test_quantiles_are_ordered_and_not_negative(seed: int) -> None:
    rng = np.random.default_rng(seed)
    past = rolled(rng.gamma(2.0, 1.0, (9, 8)), rng.gamma(2.0, 1.0, (9, 8)))
    found = quantile_rates(rng.gamma(2.0, 1.0, (8, 1)), past, 3600, LEVELS)
    assert (found[0.5] >= 0).all()
    assert (found[0.5] <= found[0.9]).all()
    assert (found[0.9] <= found[0.95]).all()


def test_coverage_holds_for_forecasts_that_can_be_exchanged() -> None:
    """Days that are high or low as a whole: 30 past ones, one to come, 2,000 times."""
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(2000):
        days = 10.0 * rng.lognormal(0.0, 0.4, (31, 1)) * rng.lognormal(0.0, 0.05, (31, 4))
        past = rolled(np.full((30, 4), 10.0), days[:30])
        found = quantile_rates(np.full((4, 1), 10.0), past, 3600, (0.9,))[0.9][:, 0]
        covered.append((days[30] <= found).mean())
    assert 0.89 <= np.mean(covered) <= 0.96
