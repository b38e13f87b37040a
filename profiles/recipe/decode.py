"""Steps 3, 4, 6 and 8: how long a decode iteration takes, what one GPU draws meanwhile, and when it idles."""

from __future__ import annotations

from dataclasses import dataclass

from recipe.clocks import switching_energy, switching_power
from recipe.figures import BYTES_PER_GB, FREQUENCIES_MHZ, MAX_FREQUENCY_MHZ, MS_PER_S, Figures, Instance


@dataclass(frozen=True, slots=True)
class Iteration:
    """Time of a decode iteration [ms]: ``base_ms + batch x per_sequence_ms``."""

    base_ms: float
    per_sequence_ms: float

    def time_ms(self, batch: float) -> float:
        """Iteration time [ms] at a batch of sequences."""
        return self.base_ms + batch * self.per_sequence_ms


def iteration(figures: Figures, instance: Instance, context_tokens: float) -> Iteration:
    """The decode iteration when running sequences hold ``context_tokens`` tokens on average."""
    share = figures.value("decode_clock_share")
    slowdown = 1.0 - share + share * MAX_FREQUENCY_MHZ / instance.frequency_mhz
    norm = figures.value("decode_norm")
    gpu_ms = figures.value("decode_gpu_ms", instance.tp) * slowdown
    base_ms = (figures.value("decode_host_floor_ms") ** norm + gpu_ms**norm) ** (1.0 / norm)
    bytes_per_s = figures.value("hbm_efficiency") * figures.value("hbm_bandwidth_gb_per_s") * BYTES_PER_GB
    kv_bytes = context_tokens * figures.value("kv_bytes_per_token") / instance.tp
    kv_ms = kv_bytes / bytes_per_s * MS_PER_S
    return Iteration(base_ms, figures.value("decode_sequence_ms", instance.tp) + kv_ms)


def power_w(figures: Figures, instance: Instance, batch: float, iteration_ms: float) -> float:
    """Draw of one GPU [W] while it decodes: a base plus joules per iteration, each with its clock-dependent part."""
    clocked_w = figures.value("decode_clocked_base_w")
    base_w = figures.value("decode_base_w") - clocked_w + clocked_w * switching_power(figures, instance.frequency_mhz)
    weights_j = figures.value("decode_weight_j_per_gb") * figures.value("weights_gb") / instance.tp
    sequences_j = figures.value("decode_sequence_j") * batch / instance.tp
    share = figures.value("decode_voltage_share")
    energy = 1.0 - share + share * switching_energy(figures, instance.frequency_mhz)
    return base_w + (weights_j + sequences_j) * energy / (iteration_ms / MS_PER_S)


def idle_power_w(figures: Figures, instance: Instance) -> float:
    """Draw of one GPU [W] that holds the model and waits; it follows f V^2 between the two anchors."""
    lowest, highest = figures.value("idle_min_clock_w"), figures.value("idle_max_clock_w")
    at_lowest = switching_power(figures, FREQUENCIES_MHZ[0])
    part = (switching_power(figures, instance.frequency_mhz) - at_lowest) / (1.0 - at_lowest)
    return lowest + (highest - lowest) * part
