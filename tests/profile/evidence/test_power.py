"""Power and energy of a measurement from its telemetry: trapezoid, counters, edges, resets, GPUs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.profile.evidence import with_power
from dynamo_plan.profile.evidence.case import Window, window_of
from dynamo_plan.profile.evidence.power import by_counter_w, by_trapezoid_w
from dynamo_plan.schema.telemetry import Telemetry
from tests.profile.evidence.hand import MEASUREMENT, SECONDS, START, telemetry

SAMPLES = SECONDS + 21


def window(seen: Telemetry, **changes: object) -> Window:
    found, missing = window_of(replace(MEASUREMENT, **changes), seen)  # type: ignore[arg-type]
    assert found is not None, missing
    return found


def test_gpus_are_summed() -> None:
    assert by_trapezoid_w(window(telemetry())) == pytest.approx(500.0)
    found = with_power(MEASUREMENT, telemetry())
    assert (found.power_w, found.energy_j) == pytest.approx((500.0, 30000.0))


def test_the_counter_comes_first() -> None:
    counter = 1e6 + np.cumsum(np.repeat([[310.0], [210.0]], SAMPLES, axis=1), axis=1)
    found = with_power(MEASUREMENT, telemetry(energy_j=counter))
    assert (found.power_w, found.energy_j) == pytest.approx((520.0, 31200.0))


def test_what_the_file_states_stays() -> None:
    found = with_power(replace(MEASUREMENT, power_w=480.0), telemetry())
    assert (found.power_w, found.energy_j) == pytest.approx((480.0, 30000.0))


def test_edges_between_samples() -> None:
    """Power rises by 10 W/s from 0 at -10 s: from 0.5 s to 20.5 s it is 105 W to 305 W, 205 W in the mean."""
    ramp = telemetry(power_w=np.arange(SAMPLES) * 10.0)
    found = window(ramp, start=START + timedelta(seconds=0.5), duration_s=20.0)
    assert by_trapezoid_w(found) == pytest.approx(2 * 205.0)
    energy = telemetry(energy_j=np.arange(SAMPLES) * 100.0)
    found = window(energy, start=START + timedelta(seconds=0.5), duration_s=20.0)
    assert by_counter_w(found) == pytest.approx(2 * 100.0)


def test_a_counter_that_is_set_back() -> None:
    """At 100 W, set back between two samples: the step over the reset counts what shows afterwards."""
    counter = np.arange(SAMPLES) * 100.0 + 5e6
    counter[40:] = np.arange(SAMPLES - 40) * 100.0 + 60.0
    assert by_counter_w(window(telemetry(energy_j=counter))) == pytest.approx(2 * (59 * 100.0 + 60.0) / 60.0)


def test_missing_cells_are_bridged_and_gaps_refused() -> None:
    powers = np.full(SAMPLES, 300.0)
    powers[30:40] = np.nan
    assert by_trapezoid_w(window(telemetry(power_w=powers))) == pytest.approx(600.0)
    powers[30:60] = np.nan
    assert by_trapezoid_w(window(telemetry(power_w=powers))) is None
    assert with_power(MEASUREMENT, telemetry(power_w=powers)) is MEASUREMENT


def test_telemetry_of_other_gpus_is_not_summed() -> None:
    other = replace(MEASUREMENT, tp=4)
    assert with_power(other, telemetry()) is other
    unsaid = replace(MEASUREMENT, tp=None)
    assert with_power(unsaid, telemetry()).power_w == pytest.approx(500.0)


def test_without_telemetry_or_time_nothing_changes() -> None:
    assert with_power(MEASUREMENT, None) is MEASUREMENT
    unknown = replace(MEASUREMENT, start=None)
    assert with_power(unknown, telemetry()) is unknown
    assert with_power(MEASUREMENT, telemetry(power_w=None)) is MEASUREMENT


@given(
    powers=st.lists(st.floats(0.0, 700.0), min_size=SAMPLES, max_size=SAMPLES),
    begin_s=st.floats(0.0, 20.0),
    duration_s=st.floats(20.0, 40.0),
)
def test_the_mean_lies_between_the_samples(powers: list[float], begin_s: float, duration_s: float) -> None:
    found = window(telemetry(power_w=np.array(powers)), start=START + timedelta(seconds=begin_s), duration_s=duration_s)
    mean = by_trapezoid_w(found)
    assert mean is not None
    assert 2 * min(powers) - 1e-6 <= mean <= 2 * max(powers) + 1e-6
