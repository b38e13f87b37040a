from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.profile.fit.loads import Quantity, in_flight, load_curve, pooled
from dynamo_plan.profile.fit.surface import surfaces
from dynamo_plan.schema.profile import Provenance
from tests.profile.fit.truth import KIND, power_w, tbt_ms, truth_table, ttft_ms

LEVELS = np.array([0.0, 1.0 / 3.0, 1.0])  # 1, 4 and 64 requests in flight


def test_what_was_measured_is_taken_as_it_is() -> None:
    (points,) = surfaces(truth_table(idle=True))
    found = points.surface.at((100.0, 50.0), 1400.0, LEVELS)
    assert found is not None
    assert found.provenance is Provenance.MEASURED
    assert found.in_flight == pytest.approx([1.0, 4.0, 64.0])
    power = found.values[points.surface.quantities.index(Quantity.POWER)]
    assert power == pytest.approx([power_w(1400.0, load) for load in (1.0, 4.0, 64.0)])
    assert points.surface.idle_at(1400.0) == pytest.approx(270.0)
    assert points.surface.kind == KIND


def test_a_clock_between_is_found_again() -> None:
    (points,) = surfaces(truth_table())
    found = points.surface.at((2000.0, 400.0), 1250.0, LEVELS)
    assert found is not None
    assert found.provenance is Provenance.INTERPOLATED
    by_name = dict(zip(points.surface.quantities, found.values, strict=True))
    for index, load in enumerate((1.0, 4.0, 64.0)):
        assert by_name[Quantity.POWER][index] == pytest.approx(power_w(1250.0, load), rel=1e-9)
        assert by_name[Quantity.TBT][index] == pytest.approx(tbt_ms(1250.0, load), rel=5e-3)
        assert by_name[Quantity.TTFT][index] == pytest.approx(ttft_ms(2000.0, 1250.0, load), rel=5e-3)


def test_lengths_between_lie_between_and_lengths_outside_are_nothing() -> None:
    (points,) = surfaces(truth_table())
    found = points.surface.at((450.0, 150.0), 1400.0, LEVELS)
    assert found is not None
    ttft = found.values[points.surface.quantities.index(Quantity.TTFT)]
    assert ttft_ms(100.0, 1400.0, 4.0) < ttft[1] < ttft_ms(2000.0, 1400.0, 4.0)
    assert points.surface.at((450.0, 401.0), 1400.0, LEVELS) is None


def test_beyond_the_clocks_is_modelled() -> None:
    (points,) = surfaces(truth_table())
    for lengths in ((100.0, 50.0), (450.0, 150.0)):
        found = points.surface.at(lengths, 2100.0, LEVELS)
        assert found is not None
        assert found.provenance is Provenance.MODELLED


def test_one_clock_says_nothing_of_another() -> None:
    (points,) = surfaces(truth_table(clocks=(1400.0,)))
    assert points.surface.at((100.0, 50.0), 1500.0, LEVELS) is None
    assert points.surface.at((450.0, 150.0), 1400.0, LEVELS) is not None


def test_little_s_law_gives_the_load_of_an_open_loop() -> None:
    closed, opened = truth_table(), truth_table(closed=False)
    assert in_flight(opened) == pytest.approx(in_flight(closed))


def test_interpolated_rows_are_no_evidence() -> None:
    table = truth_table()
    assert surfaces(replace(table, provenance=np.repeat("interpolated", len(table)))) == []


def test_repeats_are_averaged() -> None:
    names = (Quantity.RESIDENCE, Quantity.POWER)
    curve, point = load_curve(names, np.array([4.0, 1.0, 4.0]), np.array([[2.0, 1.0, 4.0], [300.0, 100.0, 310.0]]))
    assert curve.in_flight.tolist() == [1.0, 4.0]
    assert curve.values.tolist() == [[1.0, 3.0], [100.0, 305.0]]
    assert point.tolist() == [1, 0, 1]


def test_falls_within_noise_are_pooled_and_larger_ones_kept() -> None:
    assert pooled(np.array([100.0, 98.0])) == pytest.approx([98.98, 98.98], abs=0.01)
    assert pooled(np.array([100.0, 80.0])).tolist() == [100.0, 80.0]
