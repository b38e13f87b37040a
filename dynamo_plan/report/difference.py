"""What changes from one plan to another of the same horizon: totals, pools, and what runs when."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.schema.horizon import time_label, window_start
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan
from dynamo_plan.units import SECONDS_PER_HOUR

TOTALS = {
    "energy_kwh": "kWh",
    "it_energy_kwh": "kWh",
    "carbon_kg": "kg CO2e",
    "cost_usd": "USD",
    "gpu_hours": "h",
    "peak_power_kw": "kW",
    "peak_gpus": "GPU",
    "instance_starts": "start",
    "unserved_requests": "request",
}
"""What is compared of two plans' totals, with its unit."""

type _Run = tuple[int, str, Kind, float]
"""Window, pool, kind, clock [MHz]."""


@dataclass(frozen=True, slots=True)
class TotalChange:
    """A total of the one plan and of the other, in `unit`."""

    name: str
    unit: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class PoolChange:
    """A pool of either plan: instance-hours over the horizon [h], None where the plan does not have it, and windows that differ."""

    pool: str
    before_h: float | None
    after_h: float | None
    windows: int


@dataclass(frozen=True, slots=True)
class WindowChange:
    """Instances of a pool and kind at a clock that differ in one window, in number or in load.

    Attributes
    ----------
    window : int
    window_start : str
        Left edge, UTC.
    pool, kind : str
    frequency_mhz : float
        0: not locked.
    before, after : int
        Instances.
    before_rps, after_rps : float
        Arrival rate of these instances together [1/s].
    """

    window: int
    window_start: str
    pool: str
    kind: str
    frequency_mhz: float
    before: int
    after: int
    before_rps: float
    after_rps: float


@dataclass(frozen=True, slots=True)
class Difference:
    """From one plan to another; `status` is that of both, `windows` the number of windows of the horizon."""

    status: tuple[str, str]
    windows: int
    totals: tuple[TotalChange, ...]
    pools: tuple[PoolChange, ...]
    changes: tuple[WindowChange, ...]

    @property
    def is_none(self) -> bool:
        """Whether the plans run the same, at the same totals and status."""
        same_totals = all(total.before == total.after for total in self.totals)
        same_pools = all(pool.before_h == pool.after_h for pool in self.pools)
        return self.status[0] == self.status[1] and same_totals and same_pools and not self.changes

    @property
    def windows_changed(self) -> int:
        """Windows in which anything runs differently."""
        return len({change.window for change in self.changes})


def difference(before: Plan, after: Plan, names: tuple[str, str] = ("the first plan", "the second plan")) -> Difference:
    """Compare two plans of the same horizon.

    Parameters
    ----------
    names : (str, str)
        What to call the plans in a message.

    Raises
    ------
    InputError
        Their windows are not the same.
    """
    horizons = [(plan.first_window_start, plan.window_s, plan.windows) for plan in (before, after)]
    if horizons[0] != horizons[1]:
        said = [
            f"{name} has {windows} windows of {length} s from {start}"
            for name, (start, length, windows) in zip(names, horizons, strict=True)
        ]
        raise InputError(
            Fault(
                "runs-differ-in-horizon",
                names[1],
                "; ".join(said),
                "Plans are compared window by window",
                "Solve both for the same windows: --from and --horizon of `dynamo-plan solve`",
            )
        )
    changes = _changes(before, after)
    return Difference(
        status=(before.status.value, after.status.value),
        windows=before.windows,
        totals=tuple(
            TotalChange(name, unit, getattr(before.totals, name), getattr(after.totals, name))
            for name, unit in TOTALS.items()
        ),
        pools=_pools(before, after, changes),
        changes=changes,
    )


def _runs(plan: Plan) -> dict[_Run, tuple[int, float]]:
    """Instances and their load together [1/s] by window, pool, kind and clock."""
    parts: dict[_Run, list[tuple[int, float]]] = {}
    for group in plan.groups:
        key = (group.window, group.pool, group.kind, group.frequency_mhz)
        parts.setdefault(key, []).append((group.instances, group.instances * group.rate_rps))
    return {key: (sum(n for n, _ in own), math.fsum(rate for _, rate in own)) for key, own in parts.items()}


def _changes(before: Plan, after: Plan) -> tuple[WindowChange, ...]:
    runs = _runs(before), _runs(after)
    changes = []
    for key in sorted(runs[0].keys() | runs[1].keys()):
        old, new = (own.get(key, (0, 0.0)) for own in runs)
        if old != new:
            window, pool, kind, clock = key
            start = time_label(window_start(before, window))
            changes.append(WindowChange(window, start, pool, str(kind), clock, old[0], new[0], old[1], new[1]))
    return tuple(changes)


def _pools(before: Plan, after: Plan, changes: tuple[WindowChange, ...]) -> tuple[PoolChange, ...]:
    hours = _instance_hours(before), _instance_hours(after)
    windows: dict[str, set[int]] = {}
    for change in changes:
        windows.setdefault(change.pool, set()).add(change.window)
    names = dict.fromkeys([*hours[0], *hours[1]])
    return tuple(PoolChange(name, hours[0].get(name), hours[1].get(name), len(windows.get(name, ()))) for name in names)


def _instance_hours(plan: Plan) -> dict[str, float]:
    """Hours that instances of each pool run, added up [h]."""
    counts = dict.fromkeys((pool.name for pool in plan.pools), 0)
    for group in plan.groups:
        counts[group.pool] += group.instances
    return {name: count * plan.window_s / SECONDS_PER_HOUR for name, count in counts.items()}
