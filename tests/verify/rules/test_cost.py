"""Cost against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.verify.changes import with_gpus
from tests.verify.hand import findings_of, two_pools


def test_electricity_may_earn() -> None:
    plan, inputs = two_pools()
    # 2.181 kWh at -1000 USD/MWh: -2.181 + 2 x (4.5 + 0.2) + 0.5 = 7.719 USD in window 1.
    grid = {"hall": replace(inputs.grid["hall"], price_usd_per_mwh=np.array([100.0, -1000.0, 200.0]))}
    (finding,) = findings_of("cost", plan, replace(inputs, grid=grid))
    assert finding.where == "hall window 1"
    assert finding.expected == pytest.approx(7.719)


def test_gpu_hours_count_starts() -> None:
    plan, inputs = two_pools()
    # 10 USD per GPU-hour: 0.132 + 35, -0.10905 + 10 x 4.7 + 0.5, 0.108 + 5.
    findings = findings_of("cost", plan, with_gpus(inputs, price_usd_per_gpu_h=10.0))
    assert [f.expected for f in findings] == pytest.approx([35.132, 47.39095, 5.108])


def test_a_start_has_its_own_price() -> None:
    plan, inputs = two_pools()
    transitions = inputs.scenario.transitions.model_copy(update={"instance_start_usd": 3.0})
    dearer = replace(inputs, scenario=inputs.scenario.model_copy(update={"transitions": transitions}))
    (finding,) = findings_of("cost", plan, dearer)
    assert finding.expected == pytest.approx(9.79095 + 2.5)
