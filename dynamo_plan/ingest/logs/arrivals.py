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


type Columns = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]
"""Arrivals, inputs and outputs of some requests."""


@dataclass(slots=True, eq=False)
class Collected:
    """Requests by service, in pieces as they came.

    Attributes
    ----------
    pieces : dict of str to list of Columns
    """

    pieces: dict[str, list[Columns]] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep the requests of a batch, in arrays of their own: the batch's memory is not held."""
        # From nanoseconds as they stand: a cast would ask for a calendar.
        arrival = np.asarray(batch.column(0).cast(pa.int64()))
        inputs, outputs = (np.asarray(batch.column(number)) for number in (1, 2))
        for name, rows in _by_service(batch):
            self.pieces.setdefault(name, []).append((arrival[rows], inputs[rows], outputs[rows]))

    def merge(self, other: Collected) -> None:
        """Add another part of the log."""
        for name, own in other.pieces.items():
            self.pieces.setdefault(name, []).extend(own)

    def traces(self, path: str) -> dict[str, Trace]:
        """Requests by service, each in the order of their arrival; those of equal times in the order of the log."""
        return {name: _ordered(path, self.pieces[name]) for name in sorted(self.pieces)}


def _by_service(batch: pa.RecordBatch) -> list[tuple[str, NDArray[np.int64]]]:
    """Services of a batch, and which rows are theirs."""
    column: Column = batch.column(3)
    if column.null_count == len(batch):
        return [(UNNAMED, np.arange(len(batch)))]
    codes = np.asarray(column.indices.fill_null(-1))
    names = {code: str(name) for code, name in enumerate(column.dictionary.to_pylist())} | {-1: UNNAMED}
    return [(names[code], np.flatnonzero(codes == code)) for code in np.unique(codes).tolist()]


def _ordered(path: str, pieces: list[Columns]) -> Trace:
    arrival, inputs, outputs = (np.concatenate([piece[column] for piece in pieces]) for column in range(3))
    if (np.diff(arrival) < 0).any():
        order = np.argsort(arrival, kind="stable")
        arrival, inputs, outputs = arrival[order], inputs[order], outputs[order]
    return Trace(path, arrival, inputs, outputs)
