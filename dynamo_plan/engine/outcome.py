"""What became of requests, and what the instances drew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynamo_plan.compiled import Floats, Integers
from dynamo_plan.engine.tables import OCTAVE_BINS, Counts
from dynamo_plan.schema.requests import Requests
from dynamo_plan.units import PICOSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A run of the engine.

    Attributes
    ----------
    requests : Requests
        As they arrived; in a closed loop that is known only now.
    first_token_ps, end_ps : array of int, shape (request,)
        First token, which for an output of 0 is the end of the prefill, and end [ps]; -1 where there was none.
    late_gaps : array of int32, shape (request,)
        Gaps between tokens above the limit.
    preemptions : array of int32, shape (request,)
    instance : array of int32, shape (request,)
        Slot that served it last; -1 where none did.
    gaps : array of int, shape (bucket, bin)
        Histogram of the gaps between tokens; see `gap_quantile_s`.
    energy_j : array, shape (pool, bin)
        GPU energy, idle included [J].
    host_energy_j : array, shape (pool, bin)
        Energy of the rest of the servers [J].
    on_s : array, shape (pool, bin)
        Instance time switched on [s].
    bin_s : float
        Length of a time bin [s]; the last holds all that is later.
    end_s : float
        When the run ended [s].
    rejected : int
        Requests that no instance's KV cache could hold.
    moved, squashed : int
        Moves of waiting requests to another instance, and requests given up when they had timed out.
    events, iterations : int
        Segments simulated, and engine iterations in them.
    """

    requests: Requests
    first_token_ps: Integers
    end_ps: Integers
    late_gaps: Counts
    preemptions: Counts
    instance: Counts
    gaps: Integers
    energy_j: Floats
    host_energy_j: Floats
    on_s: Floats
    bin_s: float
    end_s: float
    rejected: int
    moved: int
    squashed: int
    events: int
    iterations: int

    @property
    def is_served(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which requests ended."""
        return np.asarray(self.end_ps >= 0)

    @property
    def zero_outputs(self) -> int:
        """Requests without output tokens: served as prefill only."""
        return int((self.requests.output_tokens == 0).sum())

    @property
    def ttft_s(self) -> Floats:
        """Time to first token [s]; NaN where there was none."""
        wait = (self.first_token_ps - self.requests.arrival_ps) / PICOSECONDS_PER_SECOND
        return np.where(self.first_token_ps >= 0, wait, np.nan)

    @property
    def tbt_s(self) -> Floats:
        """Mean time between tokens of each request [s]; NaN where it had fewer than two or did not end."""
        tokens = self.requests.output_tokens - 1
        span = (self.end_ps - self.first_token_ps) / PICOSECONDS_PER_SECOND
        return np.where(self.is_served & (tokens > 0), span / np.maximum(tokens, 1), np.nan)

    @property
    def latency_s(self) -> Floats:
        """Arrival to end [s]; NaN where it did not end."""
        return np.where(self.is_served, (self.end_ps - self.requests.arrival_ps) / PICOSECONDS_PER_SECOND, np.nan)

    def gap_quantile_s(self, share: float, bucket: int | None = None) -> float:
        """The gap between tokens that this share of tokens does not exceed [s], to the upper edge of its bin; NaN without gaps."""
        counts = self.gaps.sum(axis=0) if bucket is None else self.gaps[bucket]
        total = int(counts.sum())
        if total == 0:
            return float("nan")
        rank = max(int(np.ceil(share * total)), 1)
        return float(upper_edge_ps(int(np.searchsorted(np.cumsum(counts), rank)))) / PICOSECONDS_PER_SECOND


def upper_edge_ps(number: int) -> int:
    """Longest gap of a histogram bin [ps]."""
    if number + 1 < OCTAVE_BINS:
        return number
    shift = (number + 1) // OCTAVE_BINS - 1
    return ((number + 1 - shift * OCTAVE_BINS) << shift) - 1
