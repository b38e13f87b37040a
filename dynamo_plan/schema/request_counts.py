"""What a log of requests says about the load of one service: counts, lengths and burstiness per window and bucket."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.schema.load import Windows


@dataclass(frozen=True, slots=True, eq=False)
class LengthHistogram:
    """Joint distribution of the lengths of requests; edges of buckets are edges of bins.

    Attributes
    ----------
    input_edges, output_edges : array of int, shape (bin + 1,)
        Lower ends of the bins, then the upper end of the last, which lies outside it [tokens].
    requests : array, shape (input bin, output bin)
        Requests whose lengths fall into the bins; whole numbers where requests were counted.
    """

    input_edges: NDArray[np.int64]
    output_edges: NDArray[np.int64]
    requests: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RequestCounts:
    """Load of one service; arrays have shape (window, bucket).

    Numbers of requests are whole where they were counted, and expected ones where the source gives rates.

    Attributes
    ----------
    service : str
    windows : Windows
        From the first to the last request; windows without one are there too.
    buckets : tuple of Bucket
    requests : array
        Requests that got an answer.
    failed : array
        Requests whose output has no token, by input class and the shortest output class; not among `requests`.
    rate_rps : array
        Mean arrival rate [1/s]: requests over the window's length, or what a gap was filled with.
    input_tokens, output_tokens : array
        Sums over the requests [tokens].
    input_squares, output_squares : array
        Sums of squares [tokens^2].
    dispersion : array
        Index of dispersion: variance over mean of the counts in sub-windows [1]; 1 for Poisson arrivals, NaN where it is not known.
    sub_window_s : float
        Length of a sub-window [s].
    lengths : LengthHistogram or None
        None where the source does not say which input goes with which output.
    filled : array of bool, shape (window,)
        Windows without a request whose rates were filled in.
    client : str
        The client whose load it is; empty for all of them.
    """

    service: str
    windows: Windows
    buckets: tuple[Bucket, ...]
    requests: NDArray[np.float64]
    failed: NDArray[np.float64]
    rate_rps: NDArray[np.float64]
    input_tokens: NDArray[np.float64]
    output_tokens: NDArray[np.float64]
    input_squares: NDArray[np.float64]
    output_squares: NDArray[np.float64]
    dispersion: NDArray[np.float64]
    sub_window_s: float
    lengths: LengthHistogram | None
    filled: NDArray[np.bool_]
    client: str = ""

    @property
    def mix(self) -> NDArray[np.float64]:
        """Share of each bucket in all requests, shape (bucket,) [1]."""
        total: NDArray[np.float64] = self.requests.sum(axis=0)
        return total / max(float(total.sum()), 1.0)

    @property
    def bucket_dispersion(self) -> NDArray[np.float64]:
        """Index of dispersion of each bucket over all windows, weighted by requests, shape (bucket,) [1]; NaN where it is not known."""
        known = np.isfinite(self.dispersion)
        weight = np.where(known, self.requests, 0.0).sum(axis=0)
        total = np.where(known, self.dispersion * self.requests, 0.0).sum(axis=0)
        found: NDArray[np.float64] = np.divide(total, weight, out=np.full(weight.size, np.nan), where=weight > 0)
        return found

    @property
    def statistics(self) -> RequestStatistics | None:
        """What its requests are like; None where their lengths are not known together."""
        if self.lengths is None:
            return None
        return RequestStatistics(self.service, self.buckets, self.bucket_dispersion, self.lengths)


@dataclass(frozen=True, slots=True, eq=False)
class RequestStatistics:
    """What requests of one service are like: enough to draw others like them.

    Attributes
    ----------
    service : str
    buckets : tuple of Bucket
    dispersion : array, shape (bucket,)
        Index of dispersion of the arrivals [1]; NaN where it is not known.
    lengths : LengthHistogram
    """

    service: str
    buckets: tuple[Bucket, ...]
    dispersion: NDArray[np.float64]
    lengths: LengthHistogram
