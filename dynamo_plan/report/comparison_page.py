"""A comparison of systems on one page: energy, power, clocks and parallelism over time, what each knob contributes, promises kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from dynamo_plan.report.chart import Cell, Chart, Table
from dynamo_plan.report.comparison_card import (
    bound_in_words,
    conditions,
    contributions,
    outcomes_in_words,
    signed,
)
from dynamo_plan.report.page import KeyFigure, Page, Section
from dynamo_plan.report.wording import change, count, number
from dynamo_plan.schema.comparison import Comparison, SystemRun
from dynamo_plan.schema.replay import BucketReplay
from dynamo_plan.units import PERCENT_PER_ONE

MOST_STEPS = 400
"""Points of a line over time; finer ones of many systems could not be told apart, so that power is shown by window then."""

BOUND = "lower bound"


def comparison_page(comparison: Comparison, foot: str = "") -> Page:
    """The page of a comparison.

    Raises
    ------
    UsageError
        The extra `report` is not installed.
    """
    sections = [
        _energy(comparison),
        _over_time(comparison),
        _parallelism(comparison),
        _promises(comparison),
        _systems(comparison),
    ]
    subtitle = conditions(comparison).replace("\n", " · ")
    return Page(f"{comparison.name}: systems compared", sections, subtitle, foot)


def _energy(comparison: Comparison) -> Section:
    """Key figures, energy by system, totals, knobs."""
    from dynamo_plan.report.charts import bars

    energies = {run.name: run.account.energy_kwh for run in comparison.systems}
    if comparison.lower_bound.energy_kwh is not None:
        energies[BOUND] = comparison.lower_bound.energy_kwh
    told = "All sites, over the windows compared."
    named = {"energy": list(energies.values())}
    chart = bars("Facility energy", list(energies), named, y_label="energy, kWh", text=told)
    text = [bound_in_words(comparison), " ".join(outcomes_in_words(comparison))]
    tables = [_totals(comparison), _knobs(comparison), _machines(comparison)]
    figures = [_figure(comparison, run) for run in comparison.systems]
    return Section("Energy", text, [chart], tables, figures)


def _figure(comparison: Comparison, run: SystemRun) -> KeyFigure:
    base = comparison.system(comparison.baseline)
    kept = f"SLO kept in {PERCENT_PER_ONE * run.attainment:.1f} % of {count(run.spans, 'bucket-window')}"
    if base is None or base is run:
        return KeyFigure(run.name, f"{number(run.account.energy_kwh)} kWh", kept)
    against = change(base.account.energy_kwh, run.account.energy_kwh)
    return KeyFigure(run.name, against, f"{number(run.account.energy_kwh)} kWh; {kept}")


def _totals(comparison: Comparison) -> Table:
    base = comparison.system(comparison.baseline)
    columns = (
        "system",
        "energy, kWh",
        "change",
        "IT energy, kWh",
        "carbon, kg CO2e",
        "cost, USD",
        "P50, kW",
        "P99, kW",
    )
    rows = tuple(
        (
            run.name,
            run.account.energy_kwh,
            "" if base is None else change(base.account.energy_kwh, run.account.energy_kwh),
            run.account.it_energy_kwh,
            run.account.carbon_kg,
            run.account.cost_usd,
            run.power_p50_kw,
            run.power_p99_kw,
        )
        for run in comparison.systems
    )
    note = f"The change is against {comparison.baseline}, P50 and P99 are of facility power over time"
    return Table("Sums over the windows compared", columns, rows, note)


def _machines(comparison: Comparison) -> Table:
    columns = ("system", "GPU-hours", "mean GPUs", "most GPUs", "starts", "re-shards")
    rows = tuple(
        (
            run.name,
            run.account.gpu_hours,
            run.mean_gpus,
            run.peak_gpus,
            run.account.instance_starts,
            run.reshards,
        )
        for run in comparison.systems
    )
    note = "GPUs that pools held, and instances that started or took over GPUs of others of their pool"
    return Table("GPUs and instances", columns, rows, note)


def _knobs(comparison: Comparison) -> Table:
    columns = (
        "knob",
        "system",
        "against",
        "energy change",
        "energy, kWh",
        "windows kept, %",
        "windows kept without, %",
    )
    rows = tuple(
        (
            one.knob.name,
            one.run.name,
            one.base.name,
            one.energy,
            signed(one.energy_kwh),
            PERCENT_PER_ONE * one.run.attainment,
            PERCENT_PER_ONE * one.base.attainment,
        )
        for one in contributions(comparison)
    )
    return Table("What each knob contributes", columns, rows)


def _over_time(comparison: Comparison) -> Section:
    """Power, GPUs and clock of all systems, each a line."""
    runs, windows = comparison.systems, comparison.windows
    power = {run.name: _shortened(run.course.power_kw, windows) for run in runs}
    gpus = {run.name: [float(sum(own)) for own in zip(*run.course.gpus.values(), strict=True)] for run in runs}
    clocks = {run.name: [clock or math.nan for clock in run.course.clock_mhz] for run in runs}
    charts = [
        _lines(comparison, "Facility power", power, "power, kW"),
        _lines(comparison, "GPUs in running instances", gpus, "GPUs"),
        _lines(comparison, "Clock", clocks, "mean SM clock, MHz"),
    ]
    text = "Clocks are means over instances and time, each instance counted by its GPUs."
    return Section("Over time", text, charts)


def _lines(comparison: Comparison, title: str, series: Mapping[str, Sequence[float]], y_label: str) -> Chart:
    """A line per system over the windows compared."""
    from dynamo_plan.report.charts import lines

    count_of_times = max((len(values) for values in series.values()), default=0)
    return lines(title, _times(comparison, count_of_times), series, y_label=y_label)


def _times(comparison: Comparison, parts: int) -> list[datetime]:
    """Left edges of so many equal parts of the windows compared."""
    begin = datetime.fromisoformat(comparison.first_window_start)
    part_s = comparison.windows * comparison.window_s / max(1, parts)
    return [begin + timedelta(seconds=part_s * part) for part in range(parts)]


def _shortened(power_kw: Sequence[float], windows: int) -> list[float]:
    """Power by step, or where these are too many to be seen, the mean of each window [kW]."""
    if len(power_kw) <= max(MOST_STEPS, windows):
        return list(power_kw)
    steps = len(power_kw) // windows
    return [math.fsum(power_kw[window * steps : (window + 1) * steps]) / steps for window in range(windows)]


def _parallelism(comparison: Comparison) -> Section:
    """Running GPUs by tensor parallelism, a chart per system, the same colours in all."""
    from dynamo_plan.report.charts import areas

    shapes = sorted({shape for run in comparison.systems for shape in run.course.gpus})
    times = _times(comparison, comparison.windows)
    none = (0,) * comparison.windows
    charts = [
        areas(
            f"{run.name}: GPUs by tensor parallelism",
            times,
            {shape: [float(gpus) for gpus in run.course.gpus.get(shape, none)] for shape in shapes},
            y_label="GPUs in running instances",
        )
        for run in comparison.systems
    ]
    return Section("Tensor parallelism over time", charts=charts)


def _promises(comparison: Comparison) -> Section:
    """Who kept which SLO, and when."""
    from dynamo_plan.report.charts import heat_map

    runs = comparison.systems
    if not any(run.buckets for run in runs):
        return Section("Promises", "No request was sent to any instance.")
    names = [run.name for run in runs]
    found = [{_bucket_name(comparison, bucket): bucket for bucket in run.buckets} for run in runs]
    buckets = list(dict.fromkeys(name for own in found for name in own))
    by_bucket = [[_kept(own[name]) if name in own else math.nan for name in buckets] for own in found]
    requests = [[_requests_kept(own[name]) if name in own else math.nan for name in buckets] for own in found]
    windows = [f"{time:%m-%d %H:%M}" for time in _times(comparison, comparison.windows)]
    by_window = [_kept_by_window(run, comparison.windows) for run in runs]
    charts = [
        heat_map("Windows that keep the SLO, by bucket", buckets, names, by_bucket, unit="% of windows"),
        heat_map("Requests that keep the SLO, by bucket", buckets, names, requests, unit="% of requests"),
        heat_map("Buckets that keep the SLO, over time", windows, names, by_window, unit="% of buckets"),
    ]
    text = (
        "A window keeps the SLO of a bucket if P99 of TTFT and of TBT do; one with few requests is joined with the next. "
        "Requests keep it by themselves, each."
    )
    return Section("Promises", text, charts, [_latencies(comparison)])


def _kept(bucket: BucketReplay) -> float:
    """Share of the bucket's spans that keep the SLO [%]; NaN without any."""
    return PERCENT_PER_ONE * bucket.met / len(bucket.spans) if bucket.spans else math.nan


def _requests_kept(bucket: BucketReplay) -> float:
    """Share of the bucket's requests that keep the SLO by themselves [%]."""
    return PERCENT_PER_ONE * bucket.within_slo


def _kept_by_window(run: SystemRun, windows: int) -> list[float]:
    """Share of the buckets with requests that keep the SLO, by window [%]; NaN without any."""
    kept, known = [0] * windows, [0] * windows
    for bucket in run.buckets:
        for span in bucket.spans:
            for window in range(span.first_window, span.last_window + 1):
                known[window] += 1
                kept[window] += span.is_met
    return [PERCENT_PER_ONE * met / of if of else math.nan for met, of in zip(kept, known, strict=True)]


def _bucket_name(comparison: Comparison, bucket: BucketReplay) -> str:
    return bucket.bucket if len(comparison.services) == 1 else f"{bucket.service} {bucket.bucket}"


def _latencies(comparison: Comparison) -> Table:
    quantiles = [f"{what} P{level}, ms" for what in ("TTFT", "TBT", "token gap") for level in (50, 90, 99)]
    kept = ("TTFT SLO, ms", "TBT SLO, ms", "requests kept, %", "windows kept", "windows")
    columns = ("system", "bucket", "requests", "unserved", *quantiles, *kept)
    rows = tuple(
        (run.name, _bucket_name(comparison, bucket), *_latency_cells(bucket))
        for run in comparison.systems
        for bucket in run.buckets
    )
    note = "TBT is the mean of each request, a token gap the time between two tokens"
    return Table("Latencies by system and bucket", columns, rows, note)


def _latency_cells(bucket: BucketReplay) -> Iterator[Cell]:
    yield from (bucket.requests, bucket.unserved)
    for quantiles in (bucket.ttft_ms, bucket.tbt_ms, bucket.gap_ms):
        yield from (quantiles.p50, quantiles.p90, quantiles.p99)
    yield from (bucket.ttft_slo_ms, bucket.tbt_slo_ms)
    yield from (PERCENT_PER_ONE * bucket.within_slo, bucket.met, len(bucket.spans))


def _systems(comparison: Comparison) -> Section:
    """What each system may do, and what must be known to read the figures."""
    rows = tuple((run.name, run.meaning, " ".join(run.notes)) for run in comparison.systems)
    table = Table("Systems", ("system", "what it may change", "notes"), rows)
    return Section("The systems", " ".join(comparison.notes), tables=[table])
