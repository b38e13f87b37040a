"""Totals against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.schema.plan import Totals
from tests.verify.hand import findings_of, two_pools


def test_every_total_is_recomputed() -> None:
    plan, inputs = two_pools()
    nothing = replace(plan, totals=Totals(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 1.0, 0))
    findings = findings_of("totals", nothing, inputs)
    # 1.32 + 2.181 + 0.54; 1.1 + 1.8175 + 0.45; 0.66 + 0.2181 + 0.135; 7.132 + 9.79095 + 1.108; 3.5 + 4.5 + 0.5 + 0.2;
    # 2.181 / 0.5; 9 GPUs in window 1; nothing unserved.
    expected = {
        "energy [kWh]": 4.041,
        "IT energy [kWh]": 3.3675,
        "carbon [kg CO2e]": 1.0131,
        "cost [USD]": 18.03095,
        "GPU-hours [h]": 8.7,
        "peak power [kW]": 4.362,
        "peak GPUs": 9.0,
        "unserved requests": 0.0,
    }
    assert {f.what: float(f.expected) for f in findings} == pytest.approx(expected)
