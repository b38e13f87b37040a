"""Capacities lowered to what a replay found: powers stay on their curve."""

from __future__ import annotations

import numpy as np

from dynamo_plan.profile.fit.calibrated import calibrated
from dynamo_plan.schema.bucket import bucket_grid
from dynamo_plan.schema.profile import ProfileTable

SHORT, LONG = bucket_grid((256, None), (None,))


def table() -> ProfileTable:
    """Two cells of one kind and clock, each idle and at two rates; power grows by 50 W per request a second from 100 W."""
    rate = np.array([0.0, 2.0, 4.0, 0.0, 1.0, 2.0])
    return ProfileTable(
        path="p.csv",
        line=np.arange(2, 8),
        model=np.array(["m"] * 6),
        gpu=np.array(["h100"] * 6),
        dtype=np.array(["bf16"] * 6),
        tp=np.ones(6, dtype=np.int64),
        pp=np.ones(6, dtype=np.int64),
        frequency_mhz=np.full(6, 1000.0),
        input_tokens=np.array([100.0] * 3 + [1000.0] * 3),
        output_tokens=np.full(6, 50.0),
        rate_rps=rate,
        ttft_p99_ms=np.array([np.nan, 100.0, 200.0, np.nan, 300.0, 400.0]),
        tbt_p99_ms=np.array([np.nan, 20.0, 30.0, np.nan, 20.0, 30.0]),
        power_w=100.0 + 50.0 * rate,
        provenance=np.array(["measured"] * 6),
        source=np.array(["bench"] * 6),
    )


def test_rates_of_the_bucket_are_scaled_and_powers_stay_on_their_line() -> None:
    lowered = calibrated(table(), "m", {SHORT: 0.5})
    assert lowered.rate_rps.tolist() == [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]
    np.testing.assert_allclose(lowered.power_w, 100.0 + 50.0 * lowered.rate_rps, rtol=1e-12)
    np.testing.assert_array_equal(lowered.ttft_p99_ms, table().ttft_p99_ms)
    assert lowered.provenance.tolist() == ["measured", "fitted", "fitted", "measured", "measured", "measured"]
    assert lowered.source[1] == "bench; rates x 0.5000 (replay)"


def test_other_models_and_buckets_stay_as_they_are() -> None:
    for lowered in (calibrated(table(), "other", {SHORT: 0.5}), calibrated(table(), "m", {})):
        np.testing.assert_array_equal(lowered.rate_rps, table().rate_rps)
        np.testing.assert_array_equal(lowered.power_w, table().power_w)
        assert set(lowered.provenance.tolist()) == {"measured"}


def test_two_rounds_multiply() -> None:
    twice = calibrated(calibrated(table(), "m", {LONG: 0.8}), "m", {LONG: 0.5})
    np.testing.assert_allclose(twice.rate_rps[3:], [0.0, 0.4, 0.8], rtol=1e-12)
    np.testing.assert_allclose(twice.power_w, 100.0 + 50.0 * twice.rate_rps, rtol=1e-12)
