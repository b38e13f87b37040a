"""Provenance shares against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.schema.plan import ProvenanceShare
from tests.verify.changes import with_group, with_services
from tests.verify.hand import findings_of, mixed_pool, two_pools


def test_energy_counts_to_the_least_direct_row_of_its_cell() -> None:
    plan, inputs = two_pools()
    claimed = replace(plan, provenance=(ProvenanceShare("measured", 1.0),))
    # Watts: measured 700 + 900 + 375 + 300 = 2275; composed 130 (one of three rows) + 880; modelled 480. Sum 3765.
    found = {f.where: float(f.expected) for f in findings_of("provenance", claimed, inputs)}
    assert found == pytest.approx({"composed": 1010 / 3765, "measured": 2275 / 3765, "modelled": 480 / 3765})


def test_a_mix_rests_on_all_its_buckets() -> None:
    plan, inputs = mixed_pool()
    # TP2 at 2000 MHz is measured for SA and composed for LA.
    claimed = replace(plan, provenance=(ProvenanceShare("measured", 1.0),))
    shares = {f.where: f.expected for f in findings_of("provenance", claimed, inputs)}
    assert shares == {"composed": 1.0, "measured": 0.0}


def test_a_clock_between_measured_ones_is_interpolated_at_best() -> None:
    plan, inputs = two_pools()
    # TP2 on SA is measured at 1000 and 2000 MHz. At 1500 MHz: capacity 3, power midway between 150 + 150 x 2 u and
    # 200 + 200 x 4 u at u = 0.5: 300 and 600 W, so 450 W where it was 375.
    listed = with_services(inputs, frequencies_mhz=[1000.0, 1500.0, 2000.0])
    between = with_group(plan, 5, frequency_mhz=1500.0, power_w=450.0, utilisation=0.5)
    findings = findings_of("provenance", between, listed)
    assert {f.where: float(f.expected) for f in findings}["interpolated"] == pytest.approx(450 / 3840)


def test_shares_sum_to_one() -> None:
    plan, inputs = mixed_pool()
    claimed = replace(plan, provenance=(ProvenanceShare("composed", 0.9),))
    assert [f.what for f in findings_of("provenance", claimed, inputs)] == [
        "share of the instances' energy",
        "sum of the shares",
    ]


def test_without_instances_there_are_no_shares() -> None:
    plan, inputs = two_pools()
    assert findings_of("provenance", replace(plan, groups=(), provenance=()), inputs) == []
