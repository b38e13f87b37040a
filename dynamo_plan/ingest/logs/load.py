"""Counts of a log to the load of its services: windows without a hole, burstiness, and gaps named or filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.gaps import filled_rates
from dynamo_plan.ingest.kernels.counting import FAILED, INPUT, INPUT_SQUARED, OUTPUT, OUTPUT_SQUARED, REQUESTS
from dynamo_plan.ingest.logs.counts import Counts, Tally
from dynamo_plan.schema.load import Windows
from dynamo_plan.schema.request_counts import LengthHistogram, RequestCounts
from dynamo_plan.units import PERCENT_PER_ONE

SUMS = ("requests", "failed", "rate_rps", "input_tokens", "output_tokens", "input_squares", "output_squares")
"""What adds up over clients."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Windows without a request between others that have some: `first` to `last`, by index."""

    first: int
    last: int

    @property
    def windows(self) -> int:
        """How many."""
        return self.last - self.first + 1


def load_of(counts: Counts, service: str, name: str) -> RequestCounts:
    """Load of a service of the log, under a name; its windows run from the log's first request to its last."""
    tally = counts.tallies[service]
    grid, bins = counts.grid, counts.bins
    first, last = (at_ns // grid.window_ns for at_ns in (counts.first_ns, counts.last_ns))
    whole = Tally(tally.first, tally.cells, tally.fine, tally.joint, tally.outside)
    whole.cover(first, last, grid.steps)
    start = (np.arange(first, last + 1) * grid.window_s).astype("datetime64[s]")
    cells = whole.cells.astype(np.float64)
    return RequestCounts(
        service=name,
        windows=Windows(start, grid.window_s),
        buckets=bins.buckets,
        requests=cells[:, :, REQUESTS],
        failed=cells[:, :, FAILED],
        rate_rps=cells[:, :, REQUESTS] / grid.window_s,
        input_tokens=cells[:, :, INPUT],
        output_tokens=cells[:, :, OUTPUT],
        input_squares=cells[:, :, INPUT_SQUARED],
        output_squares=cells[:, :, OUTPUT_SQUARED],
        dispersion=_dispersion(whole.fine, counts),
        sub_window_s=grid.window_s / grid.steps,
        lengths=LengthHistogram(bins.input.edges, bins.output.edges, tally.joint.astype(np.float64)),
        filled=np.zeros(start.size, dtype=np.bool_),
    )


def together(loads: Sequence[RequestCounts]) -> list[RequestCounts]:
    """Loads of clients added up to that of their service; others as they are."""
    found: dict[str, RequestCounts] = {}
    for load in loads:
        so_far = found.get(load.service)
        found[load.service] = load if so_far is None else _sum(so_far, load)
    return list(found.values())


def _sum(one: RequestCounts, other: RequestCounts) -> RequestCounts:
    """Two clients as one; the dispersion of independent arrivals is the mean over their requests."""
    added = {name: getattr(one, name) + getattr(other, name) for name in SUMS}
    weighted = sum(np.nan_to_num(load.dispersion) * load.requests for load in (one, other))
    unknown = np.full(one.dispersion.shape, np.nan)
    dispersion = np.divide(weighted, added["requests"], out=unknown, where=added["requests"] > 0)
    return replace(one, client="", dispersion=dispersion, **added)


def partly_covered(counts: Counts) -> dict[str, float]:
    """Share of its first and of its last window that the log covers [1], where that is less than all but a sub-window."""
    window_ns = counts.grid.window_ns
    shares = {
        "first": 1.0 - counts.first_ns % window_ns / window_ns,
        "last": (counts.last_ns % window_ns + 1) / window_ns,
    }
    return {name: share for name, share in shares.items() if share < 1.0 - 1.0 / counts.grid.steps}


def find_gaps(load: RequestCounts) -> list[Gap]:
    """Runs of windows in which no request arrived, neither answered nor failed, and nothing was filled in."""
    arrived = load.requests.sum(axis=1) + load.failed.sum(axis=1)
    empty = np.concatenate([[False], (arrived == 0) & ~load.filled, [False]])
    begins, ends = np.flatnonzero(~empty[:-1] & empty[1:]), np.flatnonzero(empty[:-1] & ~empty[1:])
    return [Gap(int(first), int(end) - 1) for first, end in zip(begins, ends, strict=True)]


def with_gaps_filled(load: RequestCounts) -> RequestCounts:
    """The load with rates in its gaps, see `gaps.filled_rates`; counts of requests stay as they are."""
    known = np.ones(len(load.windows), dtype=np.bool_)
    for gap in find_gaps(load):
        known[gap.first : gap.last + 1] = False
    if known.all() or not known.any():
        return load
    return replace(
        load, rate_rps=filled_rates(load.rate_rps, known, load.windows.window_s), filled=load.filled | ~known
    )


def _dispersion(fine: NDArray[np.int32], counts: Counts) -> NDArray[np.float64]:
    """Variance over mean of the counts in sub-windows, per window and bucket; of the outer windows the sub-windows that the log covers."""
    steps, step_ns = counts.grid.steps, counts.grid.window_ns // counts.grid.steps
    shaped = fine.reshape(-1, steps, fine.shape[1]).astype(np.float64)
    found = _ratio(shaped)
    begin, end = (at_ns % counts.grid.window_ns // step_ns for at_ns in (counts.first_ns, counts.last_ns))
    if len(shaped) == 1:
        return _ratio(shaped[:, begin + 1 : end])
    found[0] = _ratio(shaped[:1, begin + 1 :])[0]
    found[-1] = _ratio(shaped[-1:, :end])[0]
    return found


def _ratio(shaped: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance over mean along the second axis; NaN where there are fewer than two values or none above 0."""
    if shaped.shape[1] < 2:
        return np.full((shaped.shape[0], shaped.shape[2]), np.nan)
    mean = shaped.mean(axis=1)
    unknown = np.full(mean.shape, np.nan)
    ratio: NDArray[np.float64] = np.divide(shaped.var(axis=1, ddof=1), mean, out=unknown, where=mean > 0)
    return ratio


@dataclass(frozen=True, slots=True)
class BucketFigures:
    """A bucket over all windows: numbers of requests, their share [%], rates [1/s], mean lengths [tokens], index of dispersion [1].

    None where it is not known: there was no request.
    """

    requests: float
    failed: float
    share_percent: float
    mean_rps: float
    peak_rps: float
    mean_input_tokens: float | None
    mean_output_tokens: float | None
    dispersion: float | None


def bucket_figures(load: RequestCounts) -> list[BucketFigures]:
    """Figures of every bucket, for people."""
    requests, inputs, outputs = (sums.sum(axis=0) for sums in (load.requests, load.input_tokens, load.output_tokens))
    return [
        BucketFigures(
            requests=float(requests[bucket]),
            failed=float(load.failed[:, bucket].sum()),
            share_percent=float(load.mix[bucket]) * PERCENT_PER_ONE,
            mean_rps=float(load.rate_rps[:, bucket].mean()),
            peak_rps=float(load.rate_rps[:, bucket].max()),
            mean_input_tokens=_per(inputs[bucket], requests[bucket]),
            mean_output_tokens=_per(outputs[bucket], requests[bucket]),
            dispersion=None if np.isnan(dispersion) else float(dispersion),
        )
        for bucket, dispersion in enumerate(load.bucket_dispersion)
    ]


def moment(at_ns: int) -> str:
    """ISO 8601 to the second, with zone."""
    return f"{np.datetime64(at_ns, 'ns').astype('datetime64[s]')}Z"


def _per(total: float, count: float) -> float | None:
    return float(total / count) if count else None
