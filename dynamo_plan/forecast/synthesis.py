"""Requests drawn from a rate curve, a joint distribution of lengths and a burstiness.

Arrivals of a bucket are a renewal process whose intervals are Gamma distributed, on a clock that runs at the bucket's rate: over long
stretches its index of dispersion is the squared coefficient of variation of the intervals, so a shape of one over it gives the burstiness
that was measured, 1 being Poisson arrivals. The process begins in equilibrium: in every window as many requests are expected as the rate
says. Buckets are drawn apart; that their bursts may coincide is not kept.

Source: D. R. Cox, Renewal Theory, 1962.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.schema.history import History
from dynamo_plan.schema.request_counts import LengthHistogram, RequestStatistics
from dynamo_plan.units import NANOSECONDS_PER_SECOND

CHUNK_REQUESTS = 500_000
"""Requests that are in memory at a time, about."""

SPARE_DEVIATIONS = 4.0
"""Intervals are drawn for as many requests as are expected and so many standard deviations more; what is missing is drawn again."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Requests in the order of their arrival; arrays of shape (request,).

    Attributes
    ----------
    arrival_ns : array of int
        [ns since 1970]
    input_tokens, output_tokens : array of int
    """

    arrival_ns: NDArray[np.int64]
    input_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]


def draw_requests(load: History, like: RequestStatistics, seed: int) -> Iterator[Drawn]:
    """Requests of a whole load, in parts.

    Raises
    ------
    InputError
        A bucket has load, and no length of its requests is known.
    """
    rates = load.bucket_rate_rps
    streams = [
        _Stream(
            rates[:, index] * load.windows.window_s,
            _dispersion(like, name),
            _Lengths.of(like, name, load.path) if rates[:, index].any() else None,
            np.random.default_rng([seed, index]),
        )
        for index, name in enumerate(load.buckets)
    ]
    start_ns = load.windows.start.astype("datetime64[s]").astype(np.int64) * NANOSECONDS_PER_SECOND
    for first, last in _chunks(rates.sum(axis=1) * load.windows.window_s):
        parts = [stream.draw(first, last, load.windows.window_s) for stream in streams]
        offset_s, inputs, outputs = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(offset_s, kind="stable")
        arrival_ns = start_ns[first] + np.rint(offset_s[order] * NANOSECONDS_PER_SECOND).astype(np.int64)
        yield Drawn(arrival_ns, inputs[order], outputs[order])


def scaled(load: History, factor: float) -> History:
    """The load with all rates multiplied."""
    return replace(load, rate_rps=load.rate_rps * factor)


class _Stream:
    """Requests of one bucket; `level` is the count, as expected, at which the next one arrives."""

    def __init__(
        self, expected: NDArray[np.float64], dispersion: float, lengths: _Lengths | None, random: np.random.Generator
    ) -> None:
        self._edges = np.concatenate([[0.0], np.cumsum(expected)])
        self._dispersion = dispersion
        self._shape = 1.0 / dispersion
        self._lengths = lengths
        self._random = random
        # Time to the next request at any moment of a running process: an even part of an interval that is drawn by its length.
        self._level = random.random() * random.gamma(self._shape + 1.0, dispersion)

    def draw(
        self, first: int, last: int, window_s: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Requests of the windows from `first` to before `last`: seconds from the begin of the first, and lengths."""
        edges = self._edges[first : last + 1]
        levels = [np.empty(0)]
        while self._level < edges[-1]:
            expected = edges[-1] - self._level
            count = int(expected + SPARE_DEVIATIONS * np.sqrt(expected * self._dispersion)) + 1
            steps = self._random.gamma(self._shape, self._dispersion, count)
            reached = self._level + np.concatenate([[0.0], np.cumsum(steps)])
            inside = int(np.searchsorted(reached, edges[-1]))
            levels.append(reached[: min(inside, count)])
            self._level = float(reached[min(inside, count)])
        found = np.concatenate(levels)
        offset_s = np.interp(found, edges, np.arange(edges.size) * float(window_s))
        if self._lengths is None:
            return offset_s, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        return offset_s, *self._lengths.draw(found.size, self._random)


@dataclass(frozen=True, slots=True, eq=False)
class _Lengths:
    """Pairs of bins of one bucket, and how likely each is, summed up."""

    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    likely: NDArray[np.float64]

    @classmethod
    def of(cls, like: RequestStatistics, name: str, path: str) -> _Lengths:
        """Lengths of a bucket's requests.

        Raises
        ------
        InputError
            None is known.
        """
        bucket = next((bucket for bucket in like.buckets if bucket.name == name), None)
        histogram = like.lengths
        rows, columns = np.nonzero(histogram.requests)
        if bucket is not None:
            inside = [bucket.holds(*pair) for pair in zip(*_lower_ends(histogram, rows, columns), strict=True)]
            rows, columns = rows[inside], columns[inside]
        if bucket is None or not rows.size:
            raise InputError(
                Fault(
                    "synthesize-lengths",
                    f"{path} bucket {name}",
                    "there is load, and the statistics know no request of this bucket",
                    "Lengths are drawn from requests that were seen",
                    "Build the statistics from a log that has such requests, with the same buckets",
                )
            )
        edges = (histogram.input_edges, histogram.output_edges)
        lower = np.stack([edge[index] for edge, index in zip(edges, (rows, columns), strict=True)])
        upper = np.stack([edge[index + 1] for edge, index in zip(edges, (rows, columns), strict=True)])
        total = np.cumsum(histogram.requests[rows, columns])
        return cls(lower, upper, total / total[-1])

    def draw(self, count: int, random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of lengths [tokens]; within a bin all are as likely."""
        pair = np.searchsorted(self.likely, random.random(count), side="right")
        inputs, outputs = (
            random.integers(low[pair], high[pair]) for low, high in zip(self.lower, self.upper, strict=True)
        )
        return inputs, outputs


def _lower_ends(
    histogram: LengthHistogram, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[list[int], list[int]]:
    return histogram.input_edges[rows].tolist(), histogram.output_edges[columns].tolist()


def _dispersion(like: RequestStatistics, name: str) -> float:
    """Index of dispersion of a bucket; arrivals of which nothing is known are taken as Poisson."""
    names = [bucket.name for bucket in like.buckets]
    found = float(like.dispersion[names.index(name)]) if name in names else np.nan
    return found if found > 0 else 1.0


def _chunks(expected: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Runs of windows with about `CHUNK_REQUESTS` requests each."""
    number = np.floor(np.concatenate([[0.0], np.cumsum(expected)[:-1]]) / CHUNK_REQUESTS)
    begins = np.flatnonzero(np.diff(number, prepend=-1.0))
    yield from zip(begins.tolist(), [*begins[1:].tolist(), expected.size], strict=True)
