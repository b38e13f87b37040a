"""Accounts by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.report.accounts import carbon_kg, gpus_in_use, instance_energy_kwh, power_kw, saving, shares
from tests.emit.sample import sample_plan

BASELINE_KWH = [10.0, 10.0, 10.0, 10.0]
PLAN_KWH = [4.0, 6.0, 9.0, 5.0]
INTENSITY_G_PER_KWH = [250.0, 150.0, 70.0, 150.0]


def test_energy_and_carbon_by_hand() -> None:
    baseline_kg = carbon_kg(BASELINE_KWH, INTENSITY_G_PER_KWH)
    plan_kg = carbon_kg(PLAN_KWH, INTENSITY_G_PER_KWH)
    assert (baseline_kg, plan_kg) == (6.2, 3.28)
    assert f"{-100 * saving(sum(BASELINE_KWH), sum(PLAN_KWH)):.1f}" == "-40.0"
    assert f"{-100 * saving(baseline_kg, plan_kg):.3f}" == "-47.097"


def test_carbon_needs_as_many_intensities_as_windows() -> None:
    with pytest.raises(ValueError, match="shorter"):
        carbon_kg(PLAN_KWH, INTENSITY_G_PER_KWH[:3])


def test_saving_against_nothing_is_unknown() -> None:
    assert math.isnan(saving(0.0, 1.0))
    assert saving(10.0, 12.0) == pytest.approx(-0.2)


def test_instance_energy_by_any_property() -> None:
    plan = sample_plan()
    by_tp = instance_energy_kwh(plan, lambda group: group.kind.tp)
    assert by_tp == pytest.approx({2: 4.62075, 8: 10.9002})
    by_pool = instance_energy_kwh(replace(plan, window_s=1800), lambda group: group.pool)
    assert by_pool == pytest.approx({"chat/SS": 2.310375, "chat/LL": 5.4501})


@given(st.dictionaries(st.text(), st.floats(0, 1e6), min_size=1))
def test_shares_sum_to_one_and_fall(parts: dict[str, float]) -> None:
    found = shares(parts)
    assert found.keys() == parts.keys()
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert sum(found.values()) == pytest.approx(1.0 if math.fsum(parts.values()) > 0 else 0.0)


def test_power_and_gpus_over_time() -> None:
    assert power_kw(sample_plan()) == [4.0, 6.0, 9.0, 5.0]
    assert power_kw(replace(sample_plan(), window_s=1800)) == [8.0, 12.0, 18.0, 10.0]
    assert gpus_in_use(sample_plan()) == [14, 6, 18, 16]
