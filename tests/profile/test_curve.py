from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from dynamo_plan.ingest import read_inputs
from dynamo_plan.profile.curve import PIECES, OperatingCurve, between_clocks, least_direct, mix_curves, tabulate
from dynamo_plan.schema.profile import Provenance

TABULATION_ERROR = 1e-3
"""Relative, from the lowest measured load on; measured on the shipped profile: 7.7e-4."""

TABULATION_ERROR_FROM_IDLE = 2e-3
"""Relative, between idle and the lowest measured load, where the shipped profile doubles its power; measured: 1.8e-3."""


def line(clock: float, capacity: float, idle_w: float, w_per_rps: float, steps: int = 1) -> OperatingCurve:
    rates = np.linspace(0.0, capacity, steps + 1)
    return OperatingCurve(clock, rates, idle_w + w_per_rps * rates, Provenance.MEASURED)


def test_a_straight_line_stays_one() -> None:
    curve = tabulate(1400.0, np.array([0.0, 1.0, 2.0]), np.array([100.0, 200.0, 300.0]), 1.5, Provenance.COMPOSED)
    assert curve.rate_rps[: PIECES + 1] == pytest.approx(np.arange(PIECES + 1) / PIECES)
    assert curve.capacity_rps == 1.5
    assert curve.power_w == pytest.approx(100.0 + 100.0 * curve.rate_rps, rel=1e-12)
    assert curve.provenance is Provenance.COMPOSED
    assert curve.power_at(0.55) == pytest.approx(155.0, rel=1e-12)
    assert curve.power_at(1.6) == np.inf


def test_a_capacity_at_the_last_row_keeps_that_row() -> None:
    curve = tabulate(1400.0, np.array([0.0, 1.0]), np.array([100.0, 180.0]), 1.0, Provenance.MEASURED)
    assert (curve.rate_rps[-1], curve.power_w[-1]) == (1.0, 180.0)
    assert curve.rate_rps.size == PIECES + 1


def test_without_an_idle_row_the_lowest_power_holds_below() -> None:
    curve = tabulate(1400.0, np.array([1.0, 2.0]), np.array([200.0, 300.0]), 2.0, Provenance.MEASURED)
    assert curve.rate_rps[0] == 0.0
    assert curve.power_at(np.array([0.0, 0.5, 1.0, 1.5])) == pytest.approx([200.0, 200.0, 200.0, 250.0])


def test_the_tabulation_follows_pchip_on_the_shipped_profile(root: Path) -> None:
    table = next(iter(read_inputs(root / "examples/first-plan/scenario.yaml").profiles.values()))
    keys = np.stack([table.tp.astype(float), table.frequency_mhz, table.input_tokens, table.output_tokens], axis=1)
    worst, worst_from_idle, cells = 0.0, 0.0, np.unique(keys, axis=0)
    for key in cells:
        rows = np.flatnonzero((keys == key).all(axis=1))
        rows = rows[np.argsort(table.rate_rps[rows])]
        rates, power = table.rate_rps[rows], table.power_w[rows]
        curve = tabulate(float(key[1]), rates, power, float(rates[-1]), Provenance.COMPOSED)
        dense = np.linspace(rates[0], rates[-1], 2000)
        exact = PchipInterpolator(rates, power)(dense)
        error = np.abs(curve.power_at(dense) / exact - 1.0)
        worst = max(worst, float(error[dense >= rates[1]].max()))
        worst_from_idle = max(worst_from_idle, float(error.max()))
    assert cells.shape[0] > 100
    assert worst <= TABULATION_ERROR
    assert worst_from_idle <= TABULATION_ERROR_FROM_IDLE


def test_a_mix_of_two_buckets_by_hand() -> None:
    """0.8/4 + 0.2/0.75 = 7/15 s per request; derate 0.2; parts 3/7 and 4/7."""
    curves = [line(2000.0, 4.0, 200.0, 200.0), line(2000.0, 0.75, 200.0, 400.0)]
    mixed, other = mix_curves(curves, np.array([[0.8, 0.2], [0.0, 1.0]]), 0.2)
    assert mixed.capacity_rps == pytest.approx(12 / 7, rel=1e-12)
    assert mixed.power_at(0.0) == pytest.approx(200.0, rel=1e-12)
    # u = 1.5 x 7/15 = 0.7: 3/7 x (200 + 200 x 2.8) + 4/7 x (200 + 400 x 0.525)
    assert mixed.power_at(1.5) == pytest.approx(560.0, rel=1e-12)
    assert other.capacity_rps == pytest.approx(0.6, rel=1e-12)
    assert other.power_at(0.6) == pytest.approx(200.0 + 400.0 * 0.6, rel=1e-12)


def test_a_mix_of_one_bucket_is_the_bucket() -> None:
    curve = line(2000.0, 4.0, 200.0, 200.0, steps=8)
    assert mix_curves([curve], np.array([[1.0], [1.0]]), 0.0) == [curve, curve]


def test_equal_buckets_mix_to_the_same_curve_and_the_derate_cuts_it() -> None:
    curve = line(2000.0, 4.0, 200.0, 200.0, steps=8)
    (mixed,) = mix_curves([curve, curve], np.array([[0.3, 0.7]]), 0.1)
    assert mixed.capacity_rps == pytest.approx(3.6, rel=1e-12)
    loads = np.linspace(0.0, 3.6, 50)
    assert mixed.power_at(loads) == pytest.approx(curve.power_at(loads), rel=1e-12)


def test_between_two_clocks_capacity_and_power_are_half_way() -> None:
    low, high = line(1000.0, 2.0, 100.0, 50.0), line(2000.0, 4.0, 200.0, 100.0)
    middle = between_clocks((low, high), 1500.0)
    assert middle.capacity_rps == pytest.approx(3.0, rel=1e-12)
    # At utilisation 1: (200 + 600) / 2; at 0: (100 + 200) / 2.
    assert middle.power_at(np.array([0.0, 1.5, 3.0])) == pytest.approx([150.0, 275.0, 400.0])
    assert middle.provenance is Provenance.INTERPOLATED


@pytest.mark.parametrize("which", [0, 1, 2])
def test_at_a_measured_clock_the_interpolation_is_the_measurement(which: int) -> None:
    curves = (line(1000.0, 2.0, 90.0, 60.0, 4), line(1500.0, 3.0, 130.0, 70.0, 5), line(2000.0, 3.5, 200.0, 90.0, 8))
    found = between_clocks(curves, curves[which].frequency_mhz)
    loads: NDArray[np.float64] = np.linspace(0.0, curves[which].capacity_rps, 30)
    assert found.capacity_rps == pytest.approx(curves[which].capacity_rps, rel=1e-12)
    assert np.interp(loads, found.rate_rps, found.power_w) == pytest.approx(curves[which].power_at(loads), rel=1e-12)


@pytest.mark.parametrize("clock", [999.0, 2001.0])
def test_outside_the_measured_clocks_there_is_no_curve(clock: float) -> None:
    with pytest.raises(ValueError, match="outside the measured clocks"):
        between_clocks((line(1000.0, 2.0, 100.0, 50.0), line(2000.0, 4.0, 200.0, 100.0)), clock)


def test_a_chain_of_evidence_is_as_direct_as_its_weakest_link() -> None:
    assert least_direct([Provenance.MEASURED, Provenance.MODELLED, Provenance.COMPOSED]) is Provenance.MODELLED
    assert least_direct([Provenance.MEASURED]) is Provenance.MEASURED
