"""Operating points against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verify.changes import with_group, with_services
from tests.verify.hand import TP1, TP2, findings_of, mixed_pool, two_pools


def test_a_rate_beyond_the_capacity_is_refused() -> None:
    plan, inputs = two_pools()
    # TP1 at 2000 MHz holds 1.5 requests/s of SA: TTFT = 100 r = 150 ms. Power beyond is held at 2 x (100 + 300) W.
    spoiled = with_group(plan, 2, rate_rps=1.6, utilisation=1.6 / 1.5, power_w=800.0)
    (finding,) = findings_of("operating_points", spoiled, inputs)
    assert finding.expected == pytest.approx(1.5)
    assert finding.found == 1.6


def test_power_is_that_of_all_instances_at_the_clock() -> None:
    plan, inputs = two_pools()
    # The pair at 1.25 requests/s, said to be at 1000 MHz: beyond 0.75, utilisation 5/3, power held at 2 x 155 W.
    findings = findings_of("operating_points", with_group(plan, 2, frequency_mhz=1000.0), inputs)
    assert [f.expected for f in findings] == [pytest.approx(0.75), pytest.approx(5 / 3), pytest.approx(310.0)]


def test_a_kind_that_breaks_the_slo_has_no_operating_point() -> None:
    plan, inputs = two_pools()
    # TP1 answers LA in 500 ms at its lowest load, beyond 400 ms.
    (finding,) = findings_of("operating_points", with_group(plan, 0, kind=TP1, frequency_mhz=2000.0), inputs)
    assert finding.what == "operating point"


def test_a_clock_must_be_on_the_table_or_listed() -> None:
    plan, inputs = two_pools()
    spoiled = with_group(plan, 2, frequency_mhz=1500.0)
    (finding,) = findings_of("operating_points", spoiled, inputs)
    assert (finding.expected, finding.found) == ("1000, 2000", 1500.0)
    # Listed, 1500 MHz lies midway between two clocks, and so do its figures: capacity (0.75 + 1.5)/2 = 1.125.
    listed = with_services(inputs, frequencies_mhz=[1000.0, 1500.0, 2000.0])
    rate, utilisation, power = findings_of("operating_points", spoiled, listed)
    assert rate.expected == pytest.approx(1.125)
    assert utilisation.expected == pytest.approx(1.25 / 1.125)
    # Power there at full load: midway between 80 + 75 and 100 + 300 W.
    assert power.expected == pytest.approx(2 * 277.5)


def test_a_gpu_type_must_be_at_the_site() -> None:
    plan, inputs = two_pools()
    sites = [site.model_copy(update={"gpus": {"a100": site.gpus["a100"]}}) for site in inputs.scenario.sites]
    elsewhere = replace(inputs, scenario=inputs.scenario.model_copy(update={"sites": sites}))
    findings = findings_of("operating_points", plan, elsewhere)
    assert {f.what for f in findings} == {"GPU type"}
    assert len(findings) == len(plan.groups)


def test_a_kind_must_have_rows() -> None:
    plan, inputs = two_pools()
    (finding,) = findings_of("operating_points", with_group(plan, 0, kind=replace(TP2, dtype="fp8")), inputs)
    assert finding.found == "h100-tp2-fp8"


def test_a_mixed_pool_needs_a_derate_for_its_clock() -> None:
    plan, inputs = mixed_pool()
    # The table has TP2 at 2000 MHz only.
    (finding,) = findings_of("operating_points", with_group(plan, 0, frequency_mhz=1000.0), inputs)
    assert finding.what == "operating point"
    findings = findings_of("operating_points", plan, replace(inputs, mixing={}))
    assert len(findings) == len(plan.groups)


def test_a_mixed_pool_draws_each_bucket_s_part() -> None:
    plan, inputs = mixed_pool()
    # At 0.75 requests/s: utilisation 0.35; 3/7 x (200 + 200 x 1.4) + 4/7 x (200 + 400 x 0.2625) = 380 W.
    spoiled = with_group(plan, 0, rate_rps=0.75, utilisation=0.4375, power_w=0.0)
    (finding,) = findings_of("operating_points", spoiled, inputs)
    assert finding.expected == pytest.approx(2 * 380.0)
