"""What to run when: instances, kinds and clocks over the horizon."""

from __future__ import annotations

import math
from itertools import groupby

from dynamo_plan.report.accounts import gpus_in_use, power_kw
from dynamo_plan.report.chart import Cell, Chart, Table
from dynamo_plan.report.charts import areas, heat_map, lines
from dynamo_plan.report.page import Section
from dynamo_plan.report.reported import MOST_SERIES, ReportedRun, clock_of, largest, over_time, shape_name
from dynamo_plan.report.wording import count, number
from dynamo_plan.schema.horizon import window_start
from dynamo_plan.schema.plan import Group, Plan
from dynamo_plan.schema.profile import clock_name
from dynamo_plan.units import SECONDS_PER_HOUR

MOST_ORDERS = 200
"""Rows of the running orders on a page; the schedule files of the run folder have them all."""


def schedule(run: ReportedRun) -> Section:
    """Charts over the horizon, and the running orders."""
    plan = run.plan
    if not plan.groups:
        return Section(
            "What to run when", "Nothing runs: the forecast holds no load, and no instance is kept up without it."
        )
    starts, reshards = plan.totals.instance_starts, sum(one.instances for one in plan.reshards)
    changed = f" and {count(reshards, 're-shard')}" if reshards else ""
    text = f"{count(len(_orders(plan)), 'running order')}, {count(starts, 'instance start')}{changed} over the horizon."
    charts = [_gpus_by_pool(run), _gpus_by_kind(run), _clocks(run), _pools_over_time(run), _power(run)]
    return Section("What to run when", text, charts, [_order_table(plan)])


def _gpus(group: Group) -> float:
    return group.instances * group.kind.gpus


def _gpus_by_pool(run: ReportedRun) -> Chart:
    series = largest(over_time(run.plan, lambda group: group.pool, _gpus))
    text = f"GPUs of running instances, by the pool that they serve; peak {max(gpus_in_use(run.plan)):,}."
    return areas("GPUs by pool", run.times, series, y_label="GPUs", text=text)


def _gpus_by_kind(run: ReportedRun) -> Chart:
    series = largest(dict(sorted(over_time(run.plan, shape_name, _gpus).items())))
    text = "GPUs of running instances, by GPU type and tensor parallelism."
    return areas("GPUs by kind of instance", run.times, series, y_label="GPUs", text=text, ordered=True)


def _clocks(run: ReportedRun) -> Chart:
    clocks = sorted({group.frequency_mhz for group in run.plan.groups})
    each = -(-len(clocks) // MOST_SERIES)
    bands = [clocks[first : first + each] for first in range(0, len(clocks), each)]
    names = {clock: _band_name(band) for band in bands for clock in band}
    found = over_time(run.plan, lambda group: names[group.frequency_mhz], _gpus)
    series = {_band_name(band): found[_band_name(band)] for band in bands}
    text = "GPUs by the SM clock to which they are locked, low to high."
    return areas("GPUs by clock", run.times, series, y_label="GPUs", text=text, ordered=True)


def _band_name(clocks: list[float]) -> str:
    """A clock, or a band of neighbouring ones."""
    return clock_name(clocks[0]) if len(clocks) == 1 else f"{clocks[0]:g} to {clock_name(clocks[-1])}"


def _pools_over_time(run: ReportedRun) -> Chart:
    """Mean clock of each pool's GPUs, where nothing runs none."""
    plan = run.plan
    weight = over_time(plan, lambda group: group.pool, _gpus)
    clock = over_time(plan, lambda group: group.pool, lambda group: _gpus(group) * group.frequency_mhz)
    pools = sorted(weight)
    means = [[c / w if w else math.nan for c, w in zip(clock[pool], weight[pool], strict=True)] for pool in pools]
    names = [f"{time:%b %d %H:%M}" for time in run.times]
    text = "Mean SM clock of the GPUs of each pool; empty where the pool runs nothing."
    return heat_map("Clock of each pool", names, pools, means, x_label="window start, UTC", unit="MHz", text=text)


def _power(run: ReportedRun) -> Chart:
    plan = run.plan
    hours = plan.window_s / SECONDS_PER_HOUR
    series = {site.site: [energy / hours for energy in site.energy_kwh] for site in plan.sites}
    marks = {f"cap of {s.name}": s.power_cap_kw for s in run.scenario.sites if s.power_cap_kw is not None}
    text = f"Facility power, mean of each window, PUE included; peak of all sites {number(max(power_kw(plan)))} kW."
    return lines("Power", run.times, largest(series), y_label="power, kW", text=text, marks=marks)


type _Running = tuple[tuple[str, int, str], ...]


def _orders(plan: Plan) -> list[tuple[str, int, int, _Running]]:
    """Pool, first window, end window and what runs meanwhile (kind, instances, clock), where that is one and the same."""
    running: dict[str, list[list[tuple[str, int, str]]]] = {
        pool.name: [[] for _ in range(plan.windows)] for pool in plan.pools
    }
    for group in plan.groups:
        running[group.pool][group.window].append((str(group.kind), group.instances, clock_of(group)))
    orders = []
    for pool, windows in running.items():
        for what, run in groupby(range(plan.windows), key=lambda window: tuple(sorted(windows[window]))):
            span = list(run)
            orders.append((pool, span[0], span[-1] + 1, what))
    return orders


def _order_table(plan: Plan) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for pool, first, end, what in sorted(_orders(plan), key=lambda order: (order[1], order[0])):
        told = "; ".join(f"{instances} × {kind} at {clock}" for kind, instances, clock in what) or "nothing"
        rows.append((window_start(plan, first), window_start(plan, end), pool, told))
    shown, left = rows[:MOST_ORDERS], len(rows) - MOST_ORDERS
    note = f"The first {MOST_ORDERS}; {left} more are in schedule.csv of the run folder" if left > 0 else ""
    return Table("Running orders", ("from, UTC", "to, UTC", "pool", "run"), tuple(shown), note)
