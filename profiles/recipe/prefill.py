"""Steps 1, 2 and 7: how long a whole-prompt prefill takes and what one GPU draws meanwhile."""

from __future__ import annotations

import numpy as np

from recipe.clocks import compute_bound_mhz, voltage
from recipe.figures import Figures, FloatArray, Instance

FIRST_GPU_BOUND_TOKENS = 512  # below it the launch floor hides the GPU in the measurements


def gpu_time_ms(figures: Figures, instance: Instance, tokens: FloatArray) -> FloatArray:
    """GPU time [ms] of prefilling prompts of ``tokens`` tokens, without the launch floor.

    Log-log interpolation of the measured medians with the floor taken out, extended at either end with its last slope,
    then scaled with the clock.
    """
    total_tokens, wall_ms = figures.prefill_ms[instance.tp]
    bound = total_tokens >= FIRST_GPU_BOUND_TOKENS
    norm = figures.value("launch_norm")
    busy_ms = (wall_ms[bound] ** norm - figures.value("launch_floor_ms") ** norm) ** (1.0 / norm)
    at_full_clock = np.exp(_linear(np.log(tokens), np.log(total_tokens[bound]), np.log(busy_ms)))
    capped = figures.value("capped_frequency_mhz")
    slowdown = capped / compute_bound_mhz(figures, instance.frequency_mhz)
    return np.asarray(at_full_clock * slowdown ** figures.value("prefill_clock_exponent"))


def wall_time_ms(figures: Figures, gpu_ms: FloatArray) -> FloatArray:
    """Time [ms] of a prefill that finds the instance without another one: the host's launch floor shows."""
    norm = figures.value("launch_norm")
    return np.asarray((figures.value("launch_floor_ms") ** norm + gpu_ms**norm) ** (1.0 / norm))


def power_w(figures: Figures, instance: Instance, tokens: FloatArray) -> FloatArray:
    """Draw of one GPU [W] while it prefills prompts of ``tokens`` tokens.

    At or above the capped clock it is the measured share of TDP. Below, the dynamic part falls with the work per
    second, and its part in the voltage domain of the SMs also with V^2.
    """
    per_gpu, share = figures.prefill_power
    full_w = figures.value("tdp_w") * np.interp(np.log(tokens / instance.tp), np.log(per_gpu), share)
    static_w = figures.value("static_w")
    capped = figures.value("capped_frequency_mhz")
    clock = compute_bound_mhz(figures, instance.frequency_mhz)
    constant = figures.value("prefill_constant_share")
    energy = constant + (1.0 - constant) * (voltage(figures, clock) / voltage(figures, capped)) ** 2
    return np.asarray(static_w + (full_w - static_w) * clock / capped * energy)


def _linear(x: FloatArray, known_x: FloatArray, known_y: FloatArray) -> FloatArray:
    """Piecewise linear interpolation, extended with the first and the last slope."""
    i = np.clip(np.searchsorted(known_x, x) - 1, 0, len(known_x) - 2)
    slope = (known_y[i + 1] - known_y[i]) / (known_x[i + 1] - known_x[i])
    return np.asarray(known_y[i] + slope * (x - known_x[i]))
