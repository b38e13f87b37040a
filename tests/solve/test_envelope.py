from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.solve.envelope import envelope
from dynamo_plan.solve.kernels.envelope import lower_hull
from tests.model.paper import STRAIGHT, TP1

EXACT = 1e-9
"""Relative; both sides interpolate between the same knots."""

BESIDE_A_JUMP = 1e-9
"""Relative; loads this far beyond the end of a clock are clear of the few last digits within which that clock still carries them."""

NARROW = 1e-12
"""Relative; hull segments narrower than this are rounding, and so are their slopes."""


def random_curve(rng: np.random.Generator, clock: float) -> OperatingCurve:
    capacity = float(rng.uniform(0.5, 4.0))
    rates = np.append(0.0, np.sort(rng.uniform(0.0, capacity, int(rng.integers(0, 8)))))
    rates = np.append(rates[rates < capacity], capacity)
    power = (
        rng.uniform(50, 150) + rng.uniform(50, 400) * rates ** rng.uniform(0.4, 1.8) + rng.uniform(0, 30, rates.size)
    )
    return OperatingCurve(clock, rates, power, Provenance.MODELLED)


def test_two_clocks_by_hand() -> None:
    """80 + 100 r up to 1, 100 + 200 r up to 2: the low clock is cheaper as far as it goes, then power jumps by 120 W."""
    found = envelope(STRAIGHT[TP1])
    assert found.capacity_rps == 2.0
    assert found.power_at(np.array([0.0, 0.5, 1.0, 1.0 + BESIDE_A_JUMP, 1.5, 2.0])) == pytest.approx(
        [80.0, 130.0, 180.0, 300.0, 400.0, 500.0], rel=1e-8
    )
    assert found.power_at(np.array([-0.1, 2.1])).tolist() == [np.inf, np.inf]
    assert found.hull_rate_rps.tolist() == [0.0, 1.0, 2.0]
    assert found.hull_power_w.tolist() == [80.0, 180.0, 500.0]


def test_clocks_that_cross() -> None:
    """50 + 300 r against 100 + 100 r: they cross at 0.25 and 125 W."""
    flat = OperatingCurve(1.0, np.array([0.0, 1.0]), np.array([100.0, 200.0]), Provenance.MEASURED)
    steep = OperatingCurve(2.0, np.array([0.0, 1.0]), np.array([50.0, 350.0]), Provenance.MEASURED)
    found = envelope((flat, steep))
    assert found.rate_rps.tolist() == [0.0, 0.25, 1.0]
    assert found.power_w.tolist() == [50.0, 125.0, 200.0]
    assert found.hull_rate_rps.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("block", range(4))
def test_it_is_the_least_over_clocks_everywhere(block: int) -> None:
    for seed in range(100 * block, 100 * (block + 1)):
        rng = np.random.default_rng(seed)
        curves = tuple(random_curve(rng, float(clock)) for clock in range(int(rng.integers(1, 7))))
        found = envelope(curves)
        ends = np.array([curve.capacity_rps for curve in curves])
        dense = np.unique(
            np.concatenate(
                [
                    np.linspace(0.0, found.capacity_rps, 3001),
                    np.concatenate([curve.rate_rps for curve in curves]),
                    (ends * (1 + BESIDE_A_JUMP))[ends < found.capacity_rps],
                ]
            )
        )
        least = np.array([curve.power_at(dense) for curve in curves]).min(axis=0)
        assert np.allclose(found.power_at(dense), least, rtol=EXACT, atol=0.0), seed
        assert (np.diff(found.rate_rps) > 0).all()


def test_the_hull_lies_below_is_convex_and_touches() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        curves = tuple(random_curve(rng, float(clock)) for clock in range(int(rng.integers(1, 5))))
        found = envelope(curves)
        below = np.interp(found.rate_rps, found.hull_rate_rps, found.hull_power_w)
        assert (below <= found.power_w * (1 + EXACT)).all(), seed
        wide = np.diff(found.hull_rate_rps) > NARROW * found.capacity_rps
        slope = np.diff(found.hull_power_w)[wide] / np.diff(found.hull_rate_rps)[wide]
        assert (np.diff(slope) > -EXACT * np.abs(slope[1:])).all(), seed
        assert set(found.hull_rate_rps) <= set(found.rate_rps)
        assert (found.hull_rate_rps[0], found.hull_rate_rps[-1]) == (0.0, found.capacity_rps)


def test_hull_of_points_by_hand() -> None:
    x, y = np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([2.0, 0.0, 1.0, 0.5, 3.0])
    assert lower_hull(x, y).tolist() == [0, 1, 3, 4]
    assert lower_hull(x[:1], y[:1]).tolist() == [0]
    assert lower_hull(x, 2.0 * x).tolist() == [0, 4]
