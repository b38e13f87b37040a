"""Accounts recomputed from the plan's groups and windows, never from what a solver says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from dynamo_plan.schema.plan import Group, Plan
from dynamo_plan.units import GRAMS_PER_KILOGRAM, SECONDS_PER_HOUR, WATTS_PER_KILOWATT


def saving(baseline: float, plan: float) -> float:
    """Part of the baseline that the plan saves [1]: 0.4 is 40 % less, negative is more. NaN where the baseline is 0."""
    return (baseline - plan) / baseline if baseline else math.nan


def carbon_kg(energy_kwh: Sequence[float], carbon_g_per_kwh: Sequence[float]) -> float:
    """Operational carbon of facility energy per window [kWh] at the grid's intensity per window [g/kWh], summed [kg CO2e]."""
    pairs = zip(energy_kwh, carbon_g_per_kwh, strict=True)
    return math.fsum(energy * intensity for energy, intensity in pairs) / GRAMS_PER_KILOGRAM


def instance_energy_kwh[Key](plan: Plan, key: Callable[[Group], Key]) -> dict[Key, float]:
    """IT energy of running instances [kWh], summed by any property of their groups, in order of appearance.

    Starts, idle parts of powered servers and PUE belong to sites and are not in here.
    """
    parts: dict[Key, list[float]] = {}
    for group in plan.groups:
        parts.setdefault(key(group), []).append(group.power_w)
    hours = plan.window_s / SECONDS_PER_HOUR
    return {name: math.fsum(powers) / WATTS_PER_KILOWATT * hours for name, powers in parts.items()}


def has_powers(plan: Plan) -> bool:
    """Whether any instance of the plan draws power; none does where the profile has no powers."""
    return any(group.power_w > 0 for group in plan.groups)


def shares[Key](parts: dict[Key, float]) -> dict[Key, float]:
    """Parts as shares of their sum [1], largest first; all 0 where the sum is 0."""
    total = math.fsum(parts.values())
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    return {name: value / total if total else 0.0 for name, value in ordered}


def power_kw(plan: Plan) -> list[float]:
    """Mean facility power of all sites in each window [kW]."""
    hours = plan.window_s / SECONDS_PER_HOUR
    return [math.fsum(site.energy_kwh[window] for site in plan.sites) / hours for window in range(plan.windows)]


def gpus_in_use(plan: Plan) -> list[int]:
    """GPUs of running instances in each window, all sites and types."""
    return [sum(server.gpus_in_use[window] for server in plan.servers) for window in range(plan.windows)]
