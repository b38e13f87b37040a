"""Steps 2 and 5: the clock that the power cap leaves, and the voltage that a clock needs."""

from __future__ import annotations

import numpy as np

from recipe.figures import MAX_FREQUENCY_MHZ, Figures


def compute_bound_mhz(figures: Figures, frequency_mhz: float) -> float:
    """Clock [MHz] of compute-bound work: the power cap throttles it above ``capped_frequency_mhz``."""
    return min(frequency_mhz, figures.value("capped_frequency_mhz"))


def voltage(figures: Figures, frequency_mhz: float) -> float:
    """Supply voltage over the lowest one: flat up to a floor clock, then linear to the maximum clock.

    Source: fitted model of an L40S (same process as the H100), shape only.
    """
    floor = figures.value("voltage_floor_share")
    above = max(0.0, frequency_mhz / MAX_FREQUENCY_MHZ - floor) / (1.0 - floor)
    return 1.0 + (figures.value("voltage_ratio") - 1.0) * above


def switching_power(figures: Figures, frequency_mhz: float) -> float:
    """Switching power f V^2 of fully clocked logic over its value at the maximum clock."""
    relative = voltage(figures, frequency_mhz) / voltage(figures, MAX_FREQUENCY_MHZ)
    return frequency_mhz / MAX_FREQUENCY_MHZ * relative**2


def switching_energy(figures: Figures, frequency_mhz: float) -> float:
    """Energy per switching event, V^2, over its value at the maximum clock."""
    return float(np.square(voltage(figures, frequency_mhz) / voltage(figures, MAX_FREQUENCY_MHZ)))
