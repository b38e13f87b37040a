"""Energy against figures worked on paper."""

from __future__ import annotations

import pytest

from tests.verify.changes import with_gpus, with_group, with_sites
from tests.verify.hand import findings_of, two_pools


def test_servers_instances_and_starts_add_up() -> None:
    plan, inputs = two_pools()
    # Window 1 with a third TP2 on LA at 0.6: + 440 W and + 2 GPUs, 11 on 3 servers: 1 unused, not 3 (- 100 W); another
    # start: + 0.05 kWh. IT 1.8175 + 0.5 x 0.34 + 0.05 = 2.0375, facility x 1.2 = 2.445.
    findings = findings_of("energy", with_group(plan, 3, instances=3), inputs)
    assert [(f.where, f.what) for f in findings] == [
        ("hall window 1", "IT energy [kWh]"),
        ("hall window 1", "facility energy [kWh]"),
    ]
    assert [f.expected for f in findings] == [pytest.approx(2.0375), pytest.approx(2.445)]


def test_released_servers_draw() -> None:
    plan, inputs = two_pools()
    # 30 W per released server: h100 2, 1, 3 (10 W before), a100 1 (20 W before): + 50, + 30, + 70 W over half an hour.
    findings = findings_of("energy", plan, with_gpus(inputs, released_server_w=30.0))
    it_energy = [f.expected for f in findings if f.what.startswith("IT")]
    assert it_energy == pytest.approx([1.1 + 0.025, 1.8175 + 0.015, 0.45 + 0.035])


def test_a_stock_overrun_releases_no_negative_servers() -> None:
    plan, inputs = two_pools()
    # Of 2 servers 2, 3, 1 are on: 0, 0, 1 released at 10 W, where it was 2, 1, 3. a100: 8 GPUs are 2 servers: + 20 W.
    # IT watts change by - 20 + 20, - 10 + 20, - 20 + 20.
    findings = findings_of("energy", plan, with_gpus(inputs, count=8))
    assert [f.expected for f in findings if f.what.startswith("IT")] == [pytest.approx(1.8175 + 0.005)]


def test_facility_energy_is_it_times_pue() -> None:
    plan, inputs = two_pools()
    findings = findings_of("energy", plan, with_sites(inputs, pue=1.3))
    assert [f.expected for f in findings] == pytest.approx([1.43, 2.36275, 0.585])
