"""How often each length occurs: lengths are small whole numbers, so that percentiles are exact and parts add up."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dynamo_plan.ingest.logs.requests import columns_of
from dynamo_plan.units import PERCENT_PER_ONE


def _none() -> NDArray[np.int64]:
    return np.zeros(1, dtype=np.int64)


@dataclass(slots=True, eq=False)
class ExactLengths:
    """Requests that got an answer, by length.

    Attributes
    ----------
    service : str or None
        The one whose requests count; None counts all.
    input, output : array of int, shape (tokens,)
        Requests of this length.
    """

    service: str | None = None
    input: NDArray[np.int64] = field(default_factory=_none)
    output: NDArray[np.int64] = field(default_factory=_none)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the requests of a batch."""
        if self.service is not None and batch.column(3).null_count < len(batch):
            batch = batch.filter(pc.equal(batch.column(3).cast(pa.string()), pa.scalar(self.service)))
        _, inputs, outputs = columns_of(batch)
        inputs, outputs = inputs[outputs > 0], outputs[outputs > 0]
        self.input, self.output = _sum(self.input, np.bincount(inputs)), _sum(self.output, np.bincount(outputs))

    def merge(self, other: ExactLengths) -> None:
        """Add the counts of another part of the log."""
        self.input, self.output = _sum(self.input, other.input), _sum(self.output, other.output)


def percentile(requests: NDArray[np.int64], percent: float) -> int:
    """Least length that at least so many per cent of the requests do not exceed [tokens]."""
    reached = np.cumsum(requests)
    return int(np.searchsorted(reached, percent / PERCENT_PER_ONE * reached[-1]))


def _sum(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    longer, shorter = (one, other) if one.size >= other.size else (other, one)
    total = longer.astype(np.int64)
    total[: shorter.size] += shorter
    return total
