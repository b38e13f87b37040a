"""Latencies by bucket, and whether the SLO was kept, window by window where a window has enough requests to say so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.replay.run import Promise, Promises, Ran
from dynamo_plan.schema.replay import BucketReplay, Quantiles, Span
from dynamo_plan.units import MS_PER_SECOND, PICOSECONDS_PER_SECOND

QUANTILE = 0.99
"""At which SLOs are promised."""

LEAST_REQUESTS = 100
"""Requests below which nothing is said about a P99: of fewer, one late request is more than 1 %."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Own:
    """Requests of one bucket by arrival, shape (request,); without an answer a latency is infinite, of fewer than two tokens NaN [ms]."""

    epoch: NDArray[np.int64]
    ttft_ms: Floats
    tbt_ms: Floats
    is_served: NDArray[np.bool_]
    is_within: NDArray[np.bool_]


def bucket_replays(ran: Ran, promises: Promises, first_window: int = 0) -> tuple[BucketReplay, ...]:
    """One record per bucket that has requests.

    Parameters
    ----------
    first_window : int
        Number of the first epoch, for the spans.
    """
    outcome, traffic = ran.outcome, ran.traffic
    served = outcome.is_served
    edges_ps = np.rint(np.array(ran.schedule.edges_s[1:-1]) * PICOSECONDS_PER_SECOND).astype(np.int64)
    order = np.argsort(traffic.requests.bucket, kind="stable")
    bounds = np.searchsorted(traffic.requests.bucket[order], np.arange(len(traffic.buckets) + 1))
    ttft_ms = np.where(served, outcome.ttft_s, np.inf) * MS_PER_SECOND
    tbt_ms = np.where(served, outcome.tbt_s, np.inf) * MS_PER_SECOND
    found = []
    for number, (service, bucket) in enumerate(traffic.buckets):
        rows = order[bounds[number] : bounds[number + 1]]
        if not rows.size:
            continue
        epoch = np.searchsorted(edges_ps, traffic.requests.arrival_ps[rows], side="right")
        promise = promises.get((service, bucket.name))
        is_within = _is_within(ttft_ms[rows], tbt_ms[rows], promise) & served[rows]
        own = _Own(epoch + first_window, ttft_ms[rows], tbt_ms[rows], served[rows], is_within)
        gaps = [outcome.gap_quantile_s(share, number) * MS_PER_SECOND for share in (0.5, 0.9, 0.99)]
        found.append(
            BucketReplay(
                service=service,
                bucket=bucket.name,
                requests=int(rows.size),
                unserved=int((~own.is_served).sum()),
                ttft_ms=_quantiles(own.ttft_ms),
                tbt_ms=_quantiles(own.tbt_ms),
                gap_ms=Quantiles(*(None if np.isnan(gap) else gap for gap in gaps)),
                ttft_slo_ms=None if promise is None else promise.ttft_ms,
                tbt_slo_ms=None if promise is None else promise.tbt_ms,
                within_slo=float(own.is_within.mean()),
                spans=tuple(_spans(own, promise)),
            )
        )
    return tuple(found)


def _is_within(ttft_ms: Floats, tbt_ms: Floats, promise: Promise | None) -> NDArray[np.bool_]:
    """Which requests keep a promise by themselves; all do where there is none."""
    if promise is None:
        return np.ones(ttft_ms.size, dtype=np.bool_)
    return np.asarray(~((ttft_ms > promise.ttft_ms) | (tbt_ms > promise.tbt_ms)))


def _spans(own: _Own, promise: Promise | None) -> list[Span]:
    """Windows with enough requests by themselves, others joined to the next until there are; the last few to the span before."""
    windows, begins = np.unique(own.epoch, return_index=True)
    ends = [*begins[1:].tolist(), own.epoch.size]
    cuts: list[tuple[int, int, int]] = []
    begin = 0
    for place, end in enumerate(ends):
        if end - begin >= LEAST_REQUESTS:
            cuts.append((begin, end, int(windows[place])))
            begin = end
    if begin < own.epoch.size:
        first = cuts.pop()[0] if cuts else begin
        cuts.append((first, own.epoch.size, int(windows[-1])))
    return [_span(own, begin, end, last, promise) for begin, end, last in cuts]


def _span(own: _Own, begin: int, end: int, last: int, promise: Promise | None) -> Span:
    ttft, tbt = own.ttft_ms[begin:end], own.tbt_ms[begin:end]
    ttft_p99, tbt_p99 = quantile(ttft, QUANTILE), quantile(tbt, QUANTILE)
    is_met = promise is None or (
        ttft_p99 is not None and ttft_p99 <= promise.ttft_ms and _keeps(tbt, tbt_p99, promise.tbt_ms)
    )
    unserved = int((~own.is_served[begin:end]).sum())
    late = int((~own.is_within[begin:end]).sum())
    return Span(int(own.epoch[begin]), last, end - begin, unserved, late, ttft_p99, tbt_p99, is_met)


def _keeps(tbt_ms: Floats, tbt_p99_ms: float | None, limit_ms: float) -> bool:
    """Whether the TBT of a span keeps its limit; requests of one token have none."""
    return bool(np.isnan(tbt_ms).all()) or (tbt_p99_ms is not None and tbt_p99_ms <= limit_ms)


def _quantiles(values: Floats) -> Quantiles:
    return Quantiles(quantile(values, 0.5), quantile(values, 0.9), quantile(values, 0.99))


def quantile(values: Floats, share: float) -> float | None:
    """The value that this share of all does not exceed, NaN left out; None where there is none, or no bound."""
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    rank = max(int(np.ceil(share * known.size)) - 1, 0)
    found = float(np.partition(known, rank)[rank])
    return found if np.isfinite(found) else None
