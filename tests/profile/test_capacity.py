from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from dynamo_plan.profile.capacity import capacity_at_slo


def capacity(rates: list[float], latencies: list[float], slo_ms: float) -> float:
    return capacity_at_slo(np.array(rates), np.array(latencies), slo_ms)


def test_a_straight_line_crosses_where_it_does_on_paper() -> None:
    assert capacity([1.0, 2.0], [100.0, 200.0], 150.0) == pytest.approx(1.5, rel=1e-12)


def test_it_is_never_beyond_the_measured_range() -> None:
    assert capacity([1.0, 2.0, 3.0], [100.0, 110.0, 120.0], 1000.0) == 3.0


def test_a_first_row_that_breaks_the_promise_leaves_nothing() -> None:
    assert capacity([1.0, 2.0], [151.0, 200.0], 150.0) == 0.0
    assert capacity([1.0, 2.0], [200.0, 100.0], 150.0) == 0.0  # also where a later row keeps it


def test_a_row_on_the_promise_keeps_it() -> None:
    assert capacity([1.0, 2.0, 3.0], [100.0, 150.0, 200.0], 150.0) == pytest.approx(2.0, rel=1e-12)
    assert capacity([1.0, 2.0], [100.0, 150.0], 150.0) == 2.0


def test_a_broken_row_in_the_middle_ends_it() -> None:
    """Latency that falls again at higher load is noise, not capacity."""
    rates, latencies = [1.0, 2.0, 3.0, 4.0], [100.0, 200.0, 90.0, 80.0]
    found = capacity(rates, latencies, 150.0)
    assert 1.0 < found < 2.0
    assert PchipInterpolator(rates, latencies)(found) == pytest.approx(150.0, rel=1e-9)


def test_every_load_below_the_capacity_keeps_the_promise() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        rates = np.cumsum(rng.uniform(0.1, 1.0, 6))
        latencies = np.cumsum(rng.uniform(0.0, 50.0, 6)) + rng.uniform(0, 60, 6)
        slo_ms = float(rng.uniform(20.0, 250.0))
        found = capacity_at_slo(rates, latencies, slo_ms)
        assert found <= rates[-1]
        if found == 0.0:
            assert latencies[0] > slo_ms
            continue
        below = np.linspace(rates[0], found, 500)
        assert (PchipInterpolator(rates, latencies)(below) <= slo_ms * (1 + 1e-9)).all()
        if found < rates[-1]:
            assert PchipInterpolator(rates, latencies)(found) == pytest.approx(slo_ms, rel=1e-9)
