from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.profile.cells import BucketCurves, bucket_curves
from dynamo_plan.schema.bucket import bucket_grid
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.scenario import SloSpec
from tests.profile.paper_table import MODEL, Row, cell, profile_table

TP1 = Kind("h100", 1, 1, "bf16")
BUCKETS = bucket_grid((256, None), (None,))
SLO = SloSpec(ttft_p99_ms={"S": 150.0, "L": 400.0}, tbt_p99_ms=50.0)


def curves(rows: list[Row], clocks: tuple[float, ...] | None = None) -> BucketCurves:
    return bucket_curves(profile_table(rows), MODEL, (TP1,), BUCKETS, SLO, clocks)


def good(clock: float = 2000.0, **lengths: float) -> list[Row]:
    """TTFT 100 ms per unit of rate: the promise of 150 ms ends at 1.5."""
    return cell(TP1, clock, [(0.0, 0.0, 100.0), (1.0, 100.0, 300.0), (2.0, 200.0, 500.0)], **lengths)  # type: ignore[arg-type]


def reasons(found: BucketCurves, bucket: str = "SA") -> list[str]:
    return [omission.reason for omission in found.omissions if omission.piece.endswith(bucket)]


def test_capacity_and_power_of_a_good_cell() -> None:
    found = curves(good())
    (curve,) = found.curves["SA", TP1]
    assert curve.capacity_rps == pytest.approx(1.5, rel=1e-12)
    assert curve.power_at(1.25) == pytest.approx(350.0, rel=1e-12)
    assert reasons(found) == []
    assert reasons(found, "LA") == ["no rows with lengths inside the bucket"]


def test_the_stricter_of_both_promises_counts() -> None:
    rows = [row._replace(tbt_p99_ms=50.0 * row.rate_rps) for row in good()]
    assert curves(rows).curves["SA", TP1][0].capacity_rps == pytest.approx(1.0, rel=1e-12)


def test_the_promise_is_the_input_class_s_own() -> None:
    (curve,) = curves(good(input_tokens=1000.0)).curves["LA", TP1]
    assert curve.capacity_rps == 2.0  # 200 ms of 400 ms at the last row


def test_a_cell_with_one_loaded_row_is_reported_not_drawn() -> None:
    found = curves(good()[:2])
    assert ("SA", TP1) not in found.curves
    assert reasons(found) == ["fewer than 2 loaded rows at 2000 MHz"]


def test_a_cell_whose_lowest_row_breaks_the_promise_is_reported() -> None:
    found = curves(cell(TP1, 1000.0, [(0.5, 151.0, 200.0), (1.0, 160.0, 300.0)]) + good())
    assert [curve.frequency_mhz for curve in found.curves["SA", TP1]] == [2000.0]
    assert reasons(found) == ["already the lowest measured load breaks the SLO at 1000 MHz"]


def test_the_hardest_of_several_cells_decides() -> None:
    easy = cell(TP1, 2000.0, [(1.0, 10.0, 150.0), (3.0, 20.0, 250.0)], input_tokens=50.0)
    (curve,) = curves([*easy, *good(input_tokens=200.0)]).curves["SA", TP1]
    assert curve.capacity_rps == pytest.approx(1.5, rel=1e-12)
    assert curve.power_at(1.0) == pytest.approx(300.0, rel=1e-12)


def test_a_broken_cell_among_several_breaks_the_bucket() -> None:
    broken = cell(TP1, 2000.0, [(0.5, 151.0, 200.0), (1.0, 160.0, 300.0)], input_tokens=200.0)
    found = curves([*good(input_tokens=50.0), *broken])
    assert ("SA", TP1) not in found.curves


def test_other_models_and_kinds_stay_out() -> None:
    other = Kind("h100", 2, 1, "bf16")
    rows = [*good(), *cell(other, 2000.0, [(1.0, 10.0, 150.0), (3.0, 20.0, 250.0)])]
    assert set(curves(rows).curves) == {("SA", TP1)}
    assert bucket_curves(profile_table(rows), "another model", (TP1,), BUCKETS, SLO).curves == {}


def test_order_of_rows_does_not_matter() -> None:
    rows = good() + good(1000.0)
    rng = np.random.default_rng(0)
    shuffled = [rows[index] for index in rng.permutation(len(rows))]
    first, second = curves(rows).curves["SA", TP1], curves(shuffled).curves["SA", TP1]
    assert [c.frequency_mhz for c in second] == [1000.0, 2000.0]
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.power_w, other.power_w)


def test_clocks_asked_for_are_measured_between_or_left_out() -> None:
    low = cell(TP1, 1000.0, [(0.0, 0.0, 80.0), (1.0, 150.0, 180.0), (0.5, 75.0, 130.0)])
    found = curves(good() + low, (1000.0, 1500.0, 2500.0))
    measured, between = found.curves["SA", TP1]
    assert (measured.frequency_mhz, between.frequency_mhz) == (1000.0, 1500.0)
    assert between.capacity_rps == pytest.approx(1.25, rel=1e-12)  # half way from 1.0 to 1.5
    assert between.power_at(1.25) == pytest.approx(290.0, rel=1e-12)  # half way from 180 to 400 W at full utilisation
    assert reasons(found) == ["2500 MHz lies outside the SLO-feasible measured clocks"]


def test_a_measured_clock_that_breaks_the_promise_is_not_interpolated_back() -> None:
    """A row that breaks the SLO never becomes an operating point, also where clocks on both sides keep it."""
    low = cell(TP1, 1000.0, [(0.5, 75.0, 130.0), (1.0, 150.0, 180.0)])
    broken = cell(TP1, 1500.0, [(0.5, 151.0, 200.0), (1.0, 160.0, 300.0)])
    found = curves(low + broken + good(), (1000.0, 1500.0, 2000.0))
    assert [curve.frequency_mhz for curve in found.curves["SA", TP1]] == [1000.0, 2000.0]
