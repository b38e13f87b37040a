"""Requests of logs one by one: for a replay, which needs each of them and not their counts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dynamo_plan.ingest.logs.requests import Column
from dynamo_plan.schema.trace import Trace

UNNAMED = ""
"""In place of a service where the log names none."""


@dataclass(slots=True, eq=False)
class Collected:
    """Batches of requests, as they came."""

    batches: list[pa.RecordBatch] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep the requests of a batch."""
        self.batches.append(batch)

    def merge(self, other: Collected) -> None:
        """Add another part of the log."""
        self.batches += other.batches

    def traces(self, path: str) -> dict[str, Trace]:
        """Requests by service, each in the order of their arrival; those of equal times in the order of the log."""
        found: dict[str, list[tuple[NDArray[np.int64], ...]]] = {}
        for batch in self.batches:
            # From nanoseconds as they stand: a cast would ask for a calendar.
            columns = (np.asarray(batch.column(0).cast(pa.int64())), *(np.asarray(batch.column(n)) for n in (1, 2)))
            for name, rows in _by_service(batch):
                found.setdefault(name, []).append(tuple(column[rows] for column in columns))
        return {name: _ordered(path, parts) for name, parts in sorted(found.items())}


def _by_service(batch: pa.RecordBatch) -> list[tuple[str, NDArray[np.bool_] | slice]]:
    """Services of a batch, and which rows are theirs."""
    column: Column = batch.column(3)
    if column.null_count == len(batch):
        return [(UNNAMED, slice(None))]
    codes = np.asarray(column.indices.fill_null(-1))
    names = {code: str(name) for code, name in enumerate(column.dictionary.to_pylist())} | {-1: UNNAMED}
    return [(names[code], codes == code) for code in np.unique(codes).tolist()]


def _ordered(path: str, parts: list[tuple[NDArray[np.int64], ...]]) -> Trace:
    arrival, inputs, outputs = (np.concatenate(column) for column in zip(*parts, strict=True))
    if (np.diff(arrival) < 0).any():
        order = np.argsort(arrival, kind="stable")
        arrival, inputs, outputs = arrival[order], inputs[order], outputs[order]
    return Trace(path, arrival, inputs.astype(np.int64), outputs.astype(np.int64))
