"""Runs of one operating point, as one measurement."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace

from dynamo_plan.schema.measurement import Latency, Measurement

AVERAGED = ("throughput_rps", "power_w")
ADDED = ("energy_j", "duration_s", "completed", "failed")


def by_point(rows: Sequence[Measurement]) -> list[list[Measurement]]:
    """Rows grouped by operating point, in the order of their first runs.

    Lengths are means over the requests of a run, which differ a little where they are drawn: to the token they are the same. A row
    without offered rate and concurrency is never taken for the repeat of another.
    """
    groups: dict[Hashable, list[Measurement]] = {}
    for index, row in enumerate(rows):
        has_load = row.offered_rps is not None or row.concurrency is not None
        groups.setdefault(_point(row) if has_load else index, []).append(row)
    return list(groups.values())


def with_repeats_averaged(rows: Sequence[Measurement]) -> list[Measurement]:
    """One measurement per operating point, in the order of their first runs.

    Rates, powers and each statistic of the latencies are means over the runs that state them; energy, duration and counts are sums where
    all runs state them.
    """
    return [_mean(group) if len(group) > 1 else group[0] for group in by_point(rows)]


def _point(row: Measurement) -> tuple[Hashable, ...]:
    made = (row.format, row.engine, row.provenance)
    kind = (row.model, row.gpu, row.tp, row.pp, row.dtype, row.frequency_mhz)
    lengths = tuple(None if tokens is None else round(tokens) for tokens in (row.input_tokens, row.output_tokens))
    # In an open loop the requests in flight are a result, and differ.
    return (*made, *kind, *lengths, row.offered_rps, row.concurrency if row.offered_rps is None else None)


def _mean(runs: Sequence[Measurement]) -> Measurement:
    values: dict[str, float | None] = {name: _average([getattr(run, name) for run in runs]) for name in AVERAGED}
    for name in ADDED:
        stated = [getattr(run, name) for run in runs]
        values[name] = None if None in stated else sum(stated)
    clean = [run.is_clean for run in runs]
    return replace(
        runs[0],
        ttft=_latency([run.ttft for run in runs]),
        tbt=_latency([run.tbt for run in runs]),
        is_clean=None if None in clean else all(clean),
        source=f"{runs[0].source}; mean of {len(runs)} runs",
        **values,  # type: ignore[arg-type]
    )


def _latency(runs: Sequence[Latency]) -> Latency:
    names = ("mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms")
    return Latency(*(_average([getattr(run, name) for run in runs]) for name in names))


def _average(values: Sequence[float | None]) -> float | None:
    stated = [value for value in values if value is not None]
    return math.fsum(stated) / len(stated) if stated else None
