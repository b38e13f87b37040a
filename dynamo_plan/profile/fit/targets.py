"""Lengths at which a profile has to have rows for a service's buckets."""

from __future__ import annotations

import math

from dynamo_plan.profile.fit.lengths import Lengths
from dynamo_plan.schema.bucket import Bucket

OPEN_END = 2.0
"""A class without upper edge is taken at this many times its lower one: where most of a falling tail lies."""

OPEN_START = 0.5
"""The shortest class is taken at this share of its upper edge: it begins at 0, which has no logarithm."""


def bucket_lengths(buckets: tuple[Bucket, ...], measured: list[Lengths]) -> tuple[Lengths, ...]:
    """Pairs of lengths to have rows at: those measured inside each bucket, else what is typical of its classes."""
    given, made = (sorted({pair[axis] for pair in measured}) for axis in (0, 1))
    found: list[Lengths] = []
    for bucket in buckets:
        inside = [pair for pair in measured if bucket.holds(*pair)]
        typical = (
            _typical(bucket.input_min_tokens, bucket.input_max_tokens, given),
            _typical(bucket.output_min_tokens, bucket.output_max_tokens, made),
        )
        found += inside or [typical]
    return tuple(dict.fromkeys(found))


def _typical(low: int, high: int | None, measured: list[float]) -> float:
    """Typical length of a class [tokens]: the mean log of those measured in it, else its middle on a log scale."""
    inside = [tokens for tokens in measured if low <= tokens and (high is None or tokens < high)]
    if inside:
        return float(round(math.exp(math.fsum(map(math.log, inside)) / len(inside))))
    if high is None:
        return OPEN_END * max(low, 1)
    return OPEN_START * high if low == 0 else float(round(math.sqrt(low * high)))
