"""Requests to one service: when they come, how long their prompts and answers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamo_plan.units import PICOSECONDS_PER_SECOND

MOST_TOKENS = 2**24
"""Tokens of one request beyond which a length is a mistake; times of longer ones would leave the range of the engine."""

type Column = NDArray[np.integer[Any]]
"""Something about every request, in whole numbers: of millions of requests, so in as few bytes as will do."""


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """Requests by arrival; every array has shape (request,).

    Attributes
    ----------
    arrival_ps : array of int
        Arrival after the begin of the run [ps], ascending.
    input_tokens, output_tokens : array of int
        Lengths [tokens]; an output of 0 is a request that ends with its prefill.
    bucket : array of int
        Class of each request, from 0: what latencies are told apart by.

    Raises
    ------
    ValueError
        Lengths of the arrays differ, arrivals are not ascending from 0, an input is below 1 or an output or bucket below 0.
    """

    arrival_ps: NDArray[np.int64]
    input_tokens: Column
    output_tokens: Column
    bucket: Column

    def __post_init__(self) -> None:
        """Refuse what no engine could serve."""
        arrays = (self.arrival_ps, self.input_tokens, self.output_tokens, self.bucket)
        if len({array.shape for array in arrays}) != 1 or self.arrival_ps.ndim != 1:
            raise ValueError(f"columns of requests differ in shape: {[array.shape for array in arrays]}")
        if not len(self):
            return
        if self.arrival_ps[0] < 0 or (np.diff(self.arrival_ps) < 0).any():
            raise ValueError("arrivals of requests must ascend from 0")
        if self.input_tokens.min() < 1 or self.output_tokens.min() < 0 or self.bucket.min() < 0:
            raise ValueError("a request has at least 1 input token, 0 output tokens and bucket 0")
        if max(self.input_tokens.max(), self.output_tokens.max()) > MOST_TOKENS:
            raise ValueError(f"a request has at most {MOST_TOKENS:,} input or output tokens")

    def __len__(self) -> int:
        return int(self.arrival_ps.size)

    @classmethod
    def at(
        cls, arrival_s: ArrayLike, input_tokens: ArrayLike, output_tokens: ArrayLike, bucket: ArrayLike = 0
    ) -> Requests:
        """Requests from arrivals in seconds; lengths and buckets may be one number for all."""
        arrival = np.rint(np.asarray(arrival_s, dtype=np.float64) * PICOSECONDS_PER_SECOND).astype(np.int64)
        rest = (
            np.broadcast_to(np.asarray(one), arrival.shape).astype(np.int64)
            for one in (input_tokens, output_tokens, bucket)
        )
        return cls(arrival, *rest)
