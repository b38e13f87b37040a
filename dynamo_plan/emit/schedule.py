"""The schedule table: one row per window, pool, kind and clock; columns and units of docs/reference/files.md."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_plan.schema.horizon import time_label, window_start
from dynamo_plan.schema.plan import Group, Plan, PoolPlan
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ
from dynamo_plan.units import SECONDS_PER_HOUR, WATTS_PER_KILOWATT

if TYPE_CHECKING:
    import pyarrow as pa

BUCKET_SEPARATOR = "+"


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """Instances of one pool and kind that run at one clock in one window.

    Attributes
    ----------
    window_start : datetime
        Left edge, UTC.
    window_s : int
        Length of the window [s].
    site, service, pool, buckets : str
        `pool` as in the plan; `buckets` joined by ``+``.
    bucket_rates_rps : str
        Arrival rate of each bucket at all these instances together [1/s], in the order of `buckets`, joined by ``+``; empty where the
        instances take the pool's mix.
    gpu, tp, pp, dtype
        The kind.
    frequency_mhz : float or None
        SM clock to lock [MHz]; None: the profile's clocks were not locked.
    power_limit_w : int or None
        See `power_limit_w` [W per GPU].
    instances, gpus : int
    rate_rps : float
        Arrival rate of all these instances together [1/s].
    utilisation : float
        Their rate over their capacity at the SLO [1].
    power_w : float
        Mean electrical power of all these instances together [W].
    energy_kwh : float
        IT energy of these instances in the window [kWh]; starts and idle servers are the site's (plan.json).
    """

    window_start: datetime
    window_s: int
    site: str
    service: str
    pool: str
    buckets: str
    gpu: str
    tp: int
    pp: int
    dtype: str
    frequency_mhz: float | None
    power_limit_w: int | None
    instances: int
    gpus: int
    rate_rps: float
    utilisation: float
    power_w: float
    energy_kwh: float
    bucket_rates_rps: str = ""


def clock_to_lock_mhz(group: Group) -> float | None:
    """SM clock to lock [MHz]; None where the profile's clocks were not locked."""
    return None if group.frequency_mhz == NOT_LOCKED_MHZ else group.frequency_mhz


def power_limit_w(group: Group) -> int | None:
    """Least whole per-GPU power limit under which the planned mean power fits [W]; None where the profile has no powers.

    For actuators that set a power limit instead of a clock. The plan knows window means, not the peaks within a batch, so this
    is a lower end: a limit below it would throttle the plan for certain.
    """
    return math.ceil(group.power_w / (group.instances * group.kind.gpus)) or None


def schedule_rows(plan: Plan) -> list[ScheduleRow]:
    """Rows of the schedule, by window, pool, kind and clock; groups of one clock are added up."""
    pools = {pool.name: pool for pool in plan.pools}
    ordered = sorted(plan.groups, key=_row_key)
    return [_row(plan, pools[key[1]], list(groups)) for key, groups in groupby(ordered, key=_row_key)]


def write_csv(rows: Iterable[ScheduleRow], path: Path) -> None:
    """Write the schedule as CSV; numbers in full, times as ISO 8601 in UTC."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(ScheduleRow)], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**asdict(row), "window_start": time_label(row.window_start)} for row in rows)


def write_parquet(rows: Iterable[ScheduleRow], path: Path) -> None:
    """Write the schedule as Parquet, `window_start` as a UTC time stamp."""
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=_arrow_schema())
    parquet.write_table(table, path)


def _row_key(group: Group) -> tuple[int, str, str, int, int, str, float]:
    kind = group.kind
    return group.window, group.pool, kind.gpu, kind.tp, kind.pp, kind.dtype, group.frequency_mhz


def _row(plan: Plan, pool: PoolPlan, groups: list[Group]) -> ScheduleRow:
    first = groups[0]
    instances = sum(group.instances for group in groups)
    power_w = math.fsum(group.power_w for group in groups)
    return ScheduleRow(
        window_start=window_start(plan, first.window),
        window_s=plan.window_s,
        site=pool.site,
        service=pool.service,
        pool=pool.name,
        buckets=BUCKET_SEPARATOR.join(pool.buckets),
        gpu=first.kind.gpu,
        tp=first.kind.tp,
        pp=first.kind.pp,
        dtype=first.kind.dtype,
        frequency_mhz=clock_to_lock_mhz(first),
        power_limit_w=max(power_limit_w(group) or 0 for group in groups) or None,
        instances=instances,
        gpus=instances * first.kind.gpus,
        rate_rps=math.fsum(group.instances * group.rate_rps for group in groups),
        # All loaded groups of a row have the same capacity, so rate over capacity is the mean over instances.
        utilisation=math.fsum(group.instances * group.utilisation for group in groups) / instances,
        power_w=power_w,
        energy_kwh=power_w / WATTS_PER_KILOWATT * plan.window_s / SECONDS_PER_HOUR,
        bucket_rates_rps=BUCKET_SEPARATOR.join(repr(rate) for rate in _bucket_rates(groups)),
    )


def _bucket_rates(groups: list[Group]) -> list[float]:
    """Arrival rate of each bucket at all instances of routed groups together [1/s]; empty for others."""
    rates = zip(*(group.bucket_rates_rps for group in groups), strict=True)
    return [math.fsum(group.instances * rate for group, rate in zip(groups, own, strict=True)) for own in rates]


def _arrow_schema() -> pa.Schema:
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "datetime": pa.timestamp("ms", tz="UTC"),
        "int": pa.int64(),
        "int | None": pa.int64(),
        "float": pa.float64(),
        "float | None": pa.float64(),
        "str": pa.string(),
    }
    return pa.schema([(field.name, types[str(field.type)]) for field in fields(ScheduleRow)])
