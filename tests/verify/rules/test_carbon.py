"""Carbon against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.verify.hand import findings_of, two_pools


def test_carbon_is_energy_times_intensity() -> None:
    plan, inputs = two_pools()
    # 1.32, 2.181, 0.54 kWh at 250, 100, 70 g/kWh: 0.33, 0.2181, 0.0378 kg; 0.66, 0.2181, 0.135 are stated.
    grid = {"hall": replace(inputs.grid["hall"], carbon_g_per_kwh=np.array([250.0, 100.0, 70.0]))}
    findings = findings_of("carbon", plan, replace(inputs, grid=grid))
    assert [f.where for f in findings] == ["hall window 0", "hall window 2"]
    assert [f.expected for f in findings] == pytest.approx([0.33, 0.0378])
