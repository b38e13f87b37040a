"""Bins of lengths: fine enough to draw lengths from, coarse enough to count pairs of them, and cut at the edges of the buckets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.bucket import Bucket, bucket_grid
from dynamo_plan.schema.requests import MOST_TOKENS

EXACT_TOKENS = 32
"""Shorter lengths have a bin each."""

BINS_PER_DOUBLING = 16
"""Longer ones share a bin with those at most 4.4 % away: less than lengths of requests vary from day to day."""

TABLE_TOKENS = 1 << 16
"""Lengths below are found in a table, which stays in a cache; longer ones are rare."""


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Bins and classes of one length.

    Attributes
    ----------
    edges : array of int, shape (bin + 1,)
        Lower ends of the bins, then the end of the last [tokens].
    classes : array of int, shape (bin,)
        Class of each bin; -1 beyond the last bucket.
    table : array of int
        Bin of every length below `TABLE_TOKENS`.
    """

    edges: NDArray[np.int64]
    classes: NDArray[np.int16]
    table: NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Binning:
    """Buckets, and bins of both lengths."""

    buckets: tuple[Bucket, ...]
    input: Axis
    output: Axis
    outputs: int


def binning(input_edges: tuple[int | None, ...], output_edges: tuple[int | None, ...]) -> Binning:
    """Bins for buckets with these upper edges [tokens], see `bucket_grid`."""
    buckets = bucket_grid(input_edges, output_edges)
    return Binning(buckets, _axis(input_edges), _axis(output_edges), len(output_edges))


def _axis(upper: tuple[int | None, ...]) -> Axis:
    doublings = int(np.log2(MOST_TOKENS / EXACT_TOKENS))
    grown = EXACT_TOKENS * 2.0 ** (np.arange(doublings * BINS_PER_DOUBLING + 1) / BINS_PER_DOUBLING)
    bounded = [edge for edge in upper if edge is not None]
    regular = np.concatenate([np.arange(EXACT_TOKENS), np.ceil(grown)]).astype(np.int64)
    edges = np.unique([*regular.tolist(), *bounded, MOST_TOKENS + 1])
    edges = edges[edges <= MOST_TOKENS + 1]
    classes = np.searchsorted(bounded, edges[:-1], side="right")
    classes[classes >= len(upper)] = -1
    table = np.searchsorted(edges, np.arange(TABLE_TOKENS), side="right") - 1
    return Axis(edges, classes.astype(np.int16), table.astype(np.int16))
