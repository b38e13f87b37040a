from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.profile.fit.lengths import weights_of

SQUARE = ((100.0, 10.0), (100.0, 1000.0), (10_000.0, 10.0), (10_000.0, 1000.0))


def test_a_known_pair_is_itself() -> None:
    assert weights_of(SQUARE, (100.0, 1000.0)) == pytest.approx((0.0, 1.0, 0.0, 0.0), abs=1e-9)
    assert weights_of(((7.0, 3.0),), (7.0, 3.0)) == (1.0,)


def test_half_way_is_the_geometric_mean() -> None:
    assert weights_of(((100.0, 50.0), (400.0, 50.0)), (200.0, 50.0)) == pytest.approx((0.5, 0.5))
    assert weights_of(((50.0, 400.0), (50.0, 100.0)), (50.0, 200.0)) == pytest.approx((0.5, 0.5))


def test_a_falling_line_is_a_line() -> None:
    assert weights_of(((100.0, 400.0), (400.0, 100.0)), (200.0, 200.0)) == pytest.approx((0.5, 0.5))


def test_close_beside_a_line_is_on_it() -> None:
    line = ((160.0, 200.0), (600.0, 220.0))
    assert weights_of(line, (310.0, 209.0)) == pytest.approx((0.5, 0.5), abs=0.01)
    assert weights_of(line, (310.0, 250.0)) == pytest.approx((0.5, 0.5), abs=0.02)
    assert weights_of(line, (310.0, 290.0)) is None


@pytest.mark.parametrize("outside", [(99.0, 100.0), (1000.0, 1001.0), (20_000.0, 5.0)])
def test_outside_there_is_nothing(outside: tuple[float, float]) -> None:
    assert weights_of(SQUARE, outside) is None
    assert weights_of(((100.0, 50.0), (400.0, 50.0)), outside) is None
    assert weights_of(((7.0, 3.0),), outside) is None
    assert weights_of((), outside) is None


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_weights_give_the_point_back(across: float, up: float) -> None:
    wanted = (100.0 * 100.0**across, 10.0 * 100.0**up)
    weights = weights_of(SQUARE, wanted)
    assert weights is not None
    assert sum(weights) == pytest.approx(1.0)
    assert min(weights) >= 0.0
    for axis in (0, 1):
        place = sum(weight * math.log(pair[axis]) for weight, pair in zip(weights, SQUARE, strict=True))
        assert place == pytest.approx(math.log(wanted[axis]), abs=1e-6)
