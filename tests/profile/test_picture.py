from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.profile.picture import kind_pictures
from dynamo_plan.schema.bucket import bucket_grid
from dynamo_plan.schema.scenario import SloSpec
from tests.profile.fit.truth import CLOCKS_MHZ, KIND, power_w, truth_table

BUCKETS = bucket_grid((600, None), (200, None))
SLO = SloSpec(ttft_p99_ms={"S": 400.0, "L": 2000.0}, tbt_p99_ms=40.0)


def test_measured_points_capacities_and_the_best_dispatch() -> None:
    (picture,) = kind_pictures(truth_table(idle=True), "m", BUCKETS, SLO)
    assert picture.kind == KIND
    assert picture.errors.keys() == {"rate", "ttft", "tbt", "power"}
    assert [one.at for one in picture.capacity_rps["SS"]] == list(CLOCKS_MHZ)
    capacities = [one.value for one in picture.capacity_rps["SS"]]
    assert capacities == sorted(capacities)
    cell = next(cell for cell in picture.cells if cell.bucket == "SS")
    assert len(cell.power_w) == 4
    points = cell.power_w["1980 MHz"]
    assert [one.value for one in points[:3]] == pytest.approx([299.0, power_w(1980.0, 1.0), power_w(1980.0, 4.0)])
    (dispatch,) = cell.dispatch_w.values()
    assert dispatch[0].name == "800 MHz"
    assert dispatch[-1].name == "1980 MHz"
    assert all(one.value <= 1.001 * power_w(1980.0, 64.0) for one in dispatch)


def test_bands_are_the_error_of_the_kind() -> None:
    rng = np.random.default_rng(3)
    (picture,) = kind_pictures(truth_table(noise=lambda: float(rng.normal(1.0, 0.02))), "m", BUCKETS, SLO)
    reading = picture.cells[0].power_w["1980 MHz"][0]
    assert reading.high is not None
    assert reading.high / reading.value - 1.0 == pytest.approx(picture.errors["power"])


def test_some_buckets_are_enough_over_load() -> None:
    (whole,) = kind_pictures(truth_table(), "m", BUCKETS, SLO)
    (some,) = kind_pictures(truth_table(), "m", BUCKETS, SLO, most_cells=2)
    assert [cell.bucket for cell in some.cells] == [whole.cells[0].bucket, whole.cells[-1].bucket]
    assert some.capacity_rps == whole.capacity_rps
    assert some.cells[0].ttft_slo_ms == 400.0


def test_what_is_far_beyond_the_promise_is_not_drawn() -> None:
    tight = SloSpec(ttft_p99_ms={"S": 60.0, "L": 700.0}, tbt_p99_ms=40.0)
    (picture,) = kind_pictures(truth_table(), "m", BUCKETS, tight)
    assert max(one.value for cell in picture.cells for line in cell.tbt_ms.values() for one in line) <= 120.0


def test_what_a_profile_does_not_state_is_not_drawn() -> None:
    table = truth_table(clocks=(1400.0,))
    table.power_w[:] = 0.0
    (picture,) = kind_pictures(table, "m", BUCKETS, SLO)
    assert picture.errors == {}
    assert picture.energy_j == {}
    assert picture.cells[0].power_w == {}
    assert picture.cells[0].dispatch_w == {}
    assert picture.cells[0].ttft_ms["1400 MHz"][0].low is None
    assert kind_pictures(table, "another", BUCKETS, SLO) == []
