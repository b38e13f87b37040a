"""A replay on one page: what was promised and what happened, power, clocks and parallelism over time, every bucket's latencies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from dynamo_plan.report.chart import Cell, Chart, Table
from dynamo_plan.report.page import KeyFigure, Page, Section
from dynamo_plan.report.replay_card import MEASURES, requests_in_words
from dynamo_plan.report.wording import change, count, number
from dynamo_plan.schema.replay import BucketReplay, Replay
from dynamo_plan.units import PERCENT_PER_ONE, SECONDS_PER_HOUR

MOST_STEPS = 2000
"""Points of a line over time; power of longer replays is shown by window."""


def replay_page(replay: Replay, foot: str = "") -> Page:
    """The page of a replay.

    Raises
    ------
    UsageError
        The extra `report` is not installed.
    """
    hours = replay.windows * replay.window_s / SECONDS_PER_HOUR
    subtitle = f"{', '.join(replay.services)}: {number(hours)} h from {replay.first_window_start}"
    sections = [_summary(replay), _over_time(replay), _latencies(replay), _windows(replay)]
    return Page(f"{replay.name}, replayed", sections, subtitle, foot)


def _summary(replay: Replay) -> Section:
    spans = sum(len(bucket.spans) for bucket in replay.buckets)
    figures = [
        KeyFigure(
            "energy",
            f"{number(replay.replayed.energy_kwh)} kWh",
            f"{change(replay.planned.energy_kwh, replay.replayed.energy_kwh)} against the plan",
        ),
        KeyFigure("SLO kept", f"{PERCENT_PER_ONE * replay.attainment:.1f} %", f"of {count(spans, 'bucket-window')}"),
        KeyFigure("requests", f"{replay.requests:,}", f"{replay.completed:,} answered in full"),
        KeyFigure("power", f"{number(replay.power_p50_kw)} kW", f"median; P99 {number(replay.power_p99_kw)} kW"),
    ]
    rows = tuple(
        (label, float(getattr(replay.replayed, name)), float(getattr(replay.planned, name))) for label, name in MEASURES
    )
    return Section(
        "What was promised, and what happened",
        [" ".join(requests_in_words(replay)), " ".join(replay.notes)],
        tables=[Table("Sums over the windows replayed", ("", "replayed", "planned"), rows)],
        figures=figures,
    )


def _over_time(replay: Replay) -> Section:
    from dynamo_plan.report.charts import areas, lines

    begin = datetime.fromisoformat(replay.first_window_start)
    times = [begin + timedelta(seconds=replay.window_s * window) for window in range(replay.windows)]
    hours, course = replay.window_s / SECONDS_PER_HOUR, replay.course
    planned = [sum(site.planned_kwh[window] for site in replay.sites) / hours for window in range(replay.windows)]
    happened = [sum(site.energy_kwh[window] for site in replay.sites) / hours for window in range(replay.windows)]
    series = {"replayed": happened, "planned": planned}
    charts: list[Chart] = [lines("Facility power, mean of each window", times, series, y_label="power, kW")]
    if replay.windows < len(course.power_kw) <= MOST_STEPS:
        steps = [begin + timedelta(seconds=course.step_s * step) for step in range(len(course.power_kw))]
        title = f"Facility power, means of {course.step_s:g} s"
        charts.append(lines(title, steps, {"replayed": list(course.power_kw)}, y_label="power, kW"))
    charts.append(lines("Clock", times, {"mean clock": list(course.clock_mhz)}, y_label="SM clock, MHz"))
    gpus = {name: [float(amount) for amount in own] for name, own in course.gpus.items()}
    charts.append(areas("GPUs by tensor parallelism", times, gpus, y_label="GPUs in running instances"))
    return Section("Over time", "Clocks are means over instances, each counted by its GPUs.", charts)


def _latencies(replay: Replay) -> Section:
    quantiles = [f"{what} P{level}, ms" for what in ("TTFT", "TBT", "token gap") for level in (50, 90, 99)]
    kept = ("TTFT SLO, ms", "TBT SLO, ms", "requests kept, %", "windows kept", "windows")
    columns = ("service", "bucket", "requests", "unserved", *quantiles, *kept)
    table = Table("Latencies by bucket", columns, tuple(tuple(_row(bucket)) for bucket in replay.buckets))
    text = "TBT is the mean of each request, a token gap the time between two tokens. Requests count to the bucket of their true lengths."
    return Section("Latencies", text, tables=[table])


def _row(bucket: BucketReplay) -> Iterator[Cell]:
    yield from (bucket.service, bucket.bucket, bucket.requests, bucket.unserved)
    for quantiles in (bucket.ttft_ms, bucket.tbt_ms, bucket.gap_ms):
        yield from (quantiles.p50, quantiles.p90, quantiles.p99)
    yield from (
        bucket.ttft_slo_ms,
        bucket.tbt_slo_ms,
        PERCENT_PER_ONE * bucket.within_slo,
        bucket.met,
        len(bucket.spans),
    )


def _windows(replay: Replay) -> Section:
    begin = datetime.fromisoformat(replay.first_window_start)

    def time(window: int) -> datetime:
        return begin + timedelta(seconds=replay.window_s * (window - replay.first_window))

    rows = tuple(
        (
            time(span.first_window),
            time(span.last_window + 1),
            bucket.service,
            bucket.bucket,
            span.requests,
            span.ttft_p99_ms,
            span.tbt_p99_ms,
        )
        for bucket in replay.buckets
        for span in bucket.spans
        if not span.is_met
    )
    if not rows:
        return Section("Windows beyond the SLO", "None.")
    columns = ("from, UTC", "to, UTC", "service", "bucket", "requests", "TTFT P99, ms", "TBT P99, ms")
    return Section("Windows beyond the SLO", tables=[Table("Windows beyond the SLO", columns, rows)])
