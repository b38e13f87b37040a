"""A run as reports see it: the plan, what it was made from, and what was found out about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dynamo_plan.report.binding import Binding
from dynamo_plan.schema.accounts import AccountsSpec
from dynamo_plan.schema.horizon import window_start
from dynamo_plan.schema.plan import Group, Plan, Totals
from dynamo_plan.schema.profile import clock_name
from dynamo_plan.schema.scenario import Scenario

MOST_SERIES = 8
"""Series of one chart that are told apart; the smallest beyond these are added up."""

OTHERS = "others"


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run and its inputs.

    Attributes
    ----------
    title : str
        Name that tells it from other runs of the report.
    price_usd_per_mwh, carbon_g_per_kwh : dict of str to list of float
        By site, per window; empty where the inputs could not be read.
    marginal_g_per_kwh : dict of str to list of float
        Marginal carbon intensity of the sites for which the accounts name one.
    accounts : AccountsSpec or None
    binding : tuple of Binding
        Limits at which the plan stands.
    diagnosis : tuple of str
        Why no plan keeps every promise.
    unread : str
        Why the inputs were not looked at; empty where they were.
    """

    title: str
    plan: Plan
    scenario: Scenario
    price_usd_per_mwh: dict[str, list[float]] = field(default_factory=dict)
    carbon_g_per_kwh: dict[str, list[float]] = field(default_factory=dict)
    marginal_g_per_kwh: dict[str, list[float]] = field(default_factory=dict)
    accounts: AccountsSpec | None = None
    binding: tuple[Binding, ...] = ()
    diagnosis: tuple[str, ...] = ()
    unread: str = ""

    @property
    def times(self) -> list[datetime]:
        """Left edge of every window."""
        return [window_start(self.plan, window) for window in range(self.plan.windows)]


@dataclass(frozen=True, slots=True)
class Measure:
    """A total with its unit, and how it reads off a plan's totals."""

    name: str
    unit: str
    of: Callable[[Totals], float]

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


MEASURES = (
    Measure("energy", "kWh", lambda totals: totals.energy_kwh),
    Measure("carbon", "kg CO2e", lambda totals: totals.carbon_kg),
    Measure("cost", "USD", lambda totals: totals.cost_usd),
    Measure("GPU-hours", "", lambda totals: totals.gpu_hours),
    Measure("peak power", "kW", lambda totals: totals.peak_power_kw),
    Measure("peak GPUs", "", lambda totals: totals.peak_gpus),
)


def shape_name(group: Group) -> str:
    """Kind of a group without its number format: GPU type and parallelism."""
    kind = group.kind
    return f"{kind.gpu} TP{kind.tp}" + (f" PP{kind.pp}" if kind.pp > 1 else "")


def clock_of(group: Group) -> str:
    """Clock of a group in words."""
    return clock_name(group.frequency_mhz)


def over_time(plan: Plan, key: Callable[[Group], str], amount: Callable[[Group], float]) -> dict[str, list[float]]:
    """An amount of the groups per window, added up by a property, in order of appearance."""
    found: dict[str, list[list[float]]] = {}
    for group in plan.groups:
        found.setdefault(key(group), [[] for _ in range(plan.windows)])[group.window].append(amount(group))
    return {name: [math.fsum(parts) for parts in windows] for name, windows in found.items()}


def largest(series: Mapping[str, list[float]], most: int = MOST_SERIES) -> dict[str, list[float]]:
    """At most so many series in the order given: the largest, and the sum of the others."""
    if len(series) <= most:
        return dict(series)
    kept = set(sorted(series, key=lambda name: (-math.fsum(series[name]), name))[: most - 1])
    shown = {name: values for name, values in series.items() if name in kept}
    rest = [values for name, values in series.items() if name not in kept]
    shown[OTHERS] = [math.fsum(values) for values in zip(*rest, strict=True)]
    return shown
