"""A plan as runtimes see it: equal instances that are scaled as one, with their clocks, window by window.

A workload is all instances of one pool and kind. Where a target gives every instance of a workload one clock or power limit, the workload
is divided by clock; then a change of clock is a start elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from dynamo_plan.emit.names import dns_names, fill_template
from dynamo_plan.emit.options import EmitOptions
from dynamo_plan.emit.schedule import ScheduleRow, schedule_rows
from dynamo_plan.schema.horizon import window_start
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan, PoolPlan

DEFAULT_GPUS_PER_SERVER = 8
FILE_TIME = "%Y%m%dT%H%M%SZ"
"""Of the left edge of a window in names of files and folders; sorts by time."""


@dataclass(frozen=True, slots=True)
class Running:
    """Instances of a workload at one clock in one window.

    Attributes
    ----------
    instances : int
    frequency_mhz : float or None
        SM clock to lock [MHz]; None: not locked.
    power_limit_w : int or None
        Per GPU [W], see `schedule.power_limit_w`.
    load_share : float
        Part of the pool's load that these instances together take [1].
    rate_rps : float
        Arrival rate of these instances together [1/s].
    energy_kwh : float
        IT energy of these instances in the window [kWh].
    """

    instances: int
    frequency_mhz: float | None
    power_limit_w: int | None
    load_share: float
    rate_rps: float
    energy_kwh: float


@dataclass(frozen=True, slots=True)
class Workload:
    """Equal instances that a runtime scales as one.

    Attributes
    ----------
    name : str
        See `names`.
    pool : PoolPlan
    kind : Kind
    windows : tuple of tuple of Running
        Per window of the plan, the fastest clock first; empty where none runs.
    frequency_mhz : float or None
        The one clock [MHz] of a workload that is divided by clock.
    """

    name: str
    pool: PoolPlan
    kind: Kind
    windows: tuple[tuple[Running, ...], ...]
    frequency_mhz: float | None = None

    @property
    def replicas(self) -> tuple[int, ...]:
        """Instances in each window."""
        return tuple(self.replicas_in(window) for window in range(len(self.windows)))

    def replicas_in(self, window: int) -> int:
        """Instances in one window."""
        return sum(running.instances for running in self.windows[window])

    @property
    def power_limit_w(self) -> int | None:
        """Least power limit per GPU under which every window's mean power fits [W]; None where no powers are known."""
        return max((running.power_limit_w or 0 for window in self.windows for running in window), default=0) or None


@dataclass(frozen=True, slots=True)
class Horizon:
    """The windows of a plan: left edge of the first (UTC), their length [s] and number."""

    start: datetime
    window_s: int
    windows: int

    @property
    def end(self) -> datetime:
        """Right edge of the last window."""
        return self.left_edge(self.windows)

    def left_edge(self, window: int) -> datetime:
        """Left edge of a window, in UTC."""
        return self.start + timedelta(seconds=window * self.window_s)

    def file_times(self) -> list[str]:
        """Left edge of each window as it stands in names of files."""
        return [f"{self.left_edge(window):{FILE_TIME}}" for window in range(self.windows)]


def horizon_of(plan: Plan) -> Horizon:
    """The windows of a plan."""
    return Horizon(window_start(plan, 0), plan.window_s, plan.windows)


def find_workloads(plan: Plan, options: EmitOptions) -> list[Workload]:
    """Every pool and kind that runs in any window, by name."""
    pools = {pool.name: pool for pool in plan.pools}
    loads_rps = _loads_rps(plan)
    found: dict[tuple[str, Kind], list[list[Running]]] = {}
    first = window_start(plan, 0)
    for row in schedule_rows(plan):
        window = round((row.window_start - first).total_seconds()) // plan.window_s
        key = (row.pool, Kind(row.gpu, row.tp, row.pp, row.dtype))
        windows = found.setdefault(key, [[] for _ in range(plan.windows)])
        windows[window].append(_running(row, loads_rps[window, row.pool]))
    names = dns_names({key: fill_template(options.name_template, _fields(pools[key[0]], key[1])) for key in found})
    workloads = [
        Workload(names[key], pools[key[0]], key[1], tuple(tuple(_fastest_first(window)) for window in windows))
        for key, windows in found.items()
    ]
    return sorted(workloads, key=lambda workload: workload.name)


def divided_by_clock(workloads: Iterable[Workload]) -> list[Workload]:
    """Each workload as one per clock, by name."""
    parts: dict[tuple[str, float | None], Workload] = {}
    for workload in workloads:
        clocks = {running.frequency_mhz for window in workload.windows for running in window}
        for clock in sorted(clocks, key=lambda clock: clock or 0.0):
            windows = tuple(
                tuple(running for running in window if running.frequency_mhz == clock) for window in workload.windows
            )
            parts[workload.name, clock] = replace(workload, windows=windows, frequency_mhz=clock)
    names = dns_names({key: key[0] if key[1] is None else f"{key[0]}-{key[1]:g}mhz" for key in parts})
    return sorted((replace(part, name=names[key]) for key, part in parts.items()), key=lambda part: part.name)


def runs(counts: Sequence[int]) -> list[tuple[int, int, int]]:
    """Equal neighbours merged: first window, window after the last, and the count, in order."""
    merged = []
    for count, windows in groupby(range(len(counts)), key=counts.__getitem__):
        own = list(windows)
        merged.append((own[0], own[-1] + 1, count))
    return merged


def gpus_per_server(workload: Workload, options: EmitOptions) -> int:
    """GPUs of one server of the workload's GPU type at its site."""
    return options.gpus_per_server.get((workload.pool.site, workload.kind.gpu), DEFAULT_GPUS_PER_SERVER)


FIELDS = ("service", "pool", "buckets", "site", "gpu", "tp", "pp", "dtype", "kind")
"""What `name_template` may name."""


def _fields(pool: PoolPlan, kind: Kind) -> dict[str, str]:
    values = (
        pool.service,
        pool.name,
        "-".join(pool.buckets),
        pool.site,
        kind.gpu,
        str(kind.tp),
        str(kind.pp),
        kind.dtype,
        str(kind),
    )
    return dict(zip(FIELDS, values, strict=True))


def _loads_rps(plan: Plan) -> dict[tuple[int, str], float]:
    """Load of each pool in each window [1/s]."""
    loads: dict[tuple[int, str], float] = {}
    for group in plan.groups:
        key = (group.window, group.pool)
        loads[key] = loads.get(key, 0.0) + group.instances * group.rate_rps
    return loads


def _running(row: ScheduleRow, load_rps: float) -> Running:
    share = row.rate_rps / load_rps if load_rps > 0 else 0.0
    return Running(row.instances, row.frequency_mhz, row.power_limit_w, share, row.rate_rps, row.energy_kwh)


def _fastest_first(window: list[Running]) -> list[Running]:
    return sorted(window, key=lambda running: -(running.frequency_mhz or 0.0))
