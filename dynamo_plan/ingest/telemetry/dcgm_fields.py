"""DCGM's fields as its exporter names them, and the labels that say which GPU a value is of.

Source: dcgm-exporter, ``etc/default-counters.csv``; the mask of reasons is not exported by default.
"""

from __future__ import annotations

from collections.abc import Mapping

from dynamo_plan.ingest.telemetry.options import TelemetryOptions
from dynamo_plan.schema.telemetry import Quantity
from dynamo_plan.units import MILLIJOULES_PER_JOULE, PERCENT_PER_ONE

PREFIX = "DCGM_FI_"

FIELDS: dict[str, tuple[Quantity, str, float]] = {
    "DCGM_FI_DEV_POWER_USAGE": (Quantity.POWER, "W", 1.0),
    "DCGM_FI_DEV_SM_CLOCK": (Quantity.SM_CLOCK, "MHz", 1.0),
    "DCGM_FI_DEV_GPU_TEMP": (Quantity.TEMPERATURE, "C", 1.0),
    "DCGM_FI_DEV_GPU_UTIL": (Quantity.UTILISATION, "%", 1.0 / PERCENT_PER_ONE),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": (Quantity.ENERGY, "mJ", 1.0 / MILLIJOULES_PER_JOULE),
    "DCGM_FI_DEV_CLOCKS_EVENT_REASONS": (Quantity.THROTTLE, "", 1.0),
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": (Quantity.THROTTLE, "", 1.0),
}
"""Quantity, unit and the factor from that unit to the quantity's, by metric."""


def gpu_of(labels: Mapping[str, str], options: TelemetryOptions) -> str | None:
    """Name of the GPU that a value is of; None where the labels name none, or one that is not asked for."""
    named = [labels[key] for key in ("UUID", "uuid", "gpu") if labels.get(key)]
    is_asked = not options.gpus or any(name in options.gpus for name in named)
    return named[0] if named and is_asked else None
