"""Requests as every reader of logs hands them on: batches of columns, and rows that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import MOST_LISTED
from dynamo_plan.schema.requests import MOST_TOKENS

NO_TIME = np.iinfo(np.int64).min
"""In place of a time that cannot be read; Arrow and NumPy know it as missing."""

SCHEMA = pa.schema(
    [
        pa.field("arrival", pa.timestamp("ns", "UTC"), nullable=False),
        pa.field("input_tokens", pa.int32(), nullable=False),
        pa.field("output_tokens", pa.int32(), nullable=False),
        pa.field("service", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""A request: when it came, its lengths; 0 output tokens for one that failed; null where the log names no service or model."""


type Column = Any
"""A `pyarrow.Array` of any type; its stubs know neither nested types nor texts as operands."""


class Flaw(StrEnum):
    """What keeps a row from being a request; the code of the fault."""

    ROW = "log-row"
    TIME = "log-time"
    ZONE = "log-zone"
    LENGTH = "log-length"


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be used.

    Attributes
    ----------
    place : int
        Byte at which its line begins, or where `is_row` its number from 1.
    column : str
        What the file calls the column; empty for the whole row.
    what : str
        The value and what is wrong with it.
    """

    flaw: Flaw
    place: int
    is_row: bool
    column: str
    what: str


@dataclass(slots=True)
class Rejects:
    """Rows of one file that cannot be used: the first ones, and how many there are."""

    first: list[Reject] = field(default_factory=list)
    count: int = 0

    def add(self, flaw: Flaw, place: int, column: str, what: str, *, is_row: bool = False) -> None:
        """Note one."""
        self.count += 1
        if len(self.first) < MOST_LISTED:
            self.first.append(Reject(flaw, place, is_row, column, what))


def request_batch(
    arrival_ns: NDArray[np.int64],
    input_tokens: NDArray[np.int32],
    output_tokens: NDArray[np.int32],
    service: Column | None = None,
) -> pa.RecordBatch:
    """A batch of the schema; arrays are not copied."""
    if service is None:
        codes = pa.nulls(len(arrival_ns), pa.int32())
        service = pa.DictionaryArray.from_arrays(codes, pa.nulls(0, pa.string()))
    # By their buffers: `pa.array` would import pandas, if it is there, to ask whether it was given a column of it.
    given: tuple[Any, ...] = (arrival_ns, input_tokens, output_tokens)
    columns = [
        pa.Array.from_buffers(field.type, len(values), [None, pa.py_buffer(values)])
        for field, values in zip(SCHEMA, given, strict=False)
    ]
    return pa.RecordBatch.from_arrays([*columns, _readable(service.dictionary_encode())], schema=SCHEMA)


def _readable(names: Column) -> Column:
    """Names with what is no UTF-8 in them replaced: nothing before has asked for that."""
    try:
        names.dictionary.validate(full=True)
    except pa.ArrowInvalid:
        texts = [name.decode("utf-8", "replace") for name in names.dictionary.cast(pa.binary()).to_pylist()]
        return pa.DictionaryArray.from_arrays(names.indices, pa.array(texts)).cast(pa.string()).dictionary_encode()
    return names


def columns_of(batch: pa.RecordBatch) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Arrivals [ns since 1970], and lengths [tokens] of a batch; arrays are not copied."""
    return _values(batch.column(0), np.int64), _values(batch.column(1), np.int32), _values(batch.column(2), np.int32)


def _values[Kind: np.generic](column: Column, kind: type[Kind]) -> NDArray[Kind]:
    return np.frombuffer(column.buffers()[1], dtype=kind)[column.offset : column.offset + len(column)]


def usable(
    arrival_ns: NDArray[np.int64],
    input_tokens: NDArray[np.float64],
    output_tokens: NDArray[np.float64],
    service: Column | None,
    rows: Sequence[int],
    columns: tuple[str, str, str],
    rejects: Rejects,
) -> pa.RecordBatch:
    """Rows that are requests; the others are noted.

    Parameters
    ----------
    arrival_ns : array
        `NO_TIME` where there is none; that is noted already.
    input_tokens, output_tokens : array
        NaN where the log says nothing: without an output a request failed, and only then its input may be 0.
    rows : sequence of int
        Number of each row in its file, from 1.
    columns : tuple of str
        What the file calls time, input and output.
    """
    output_tokens = np.where(np.isnan(output_tokens), 0.0, output_tokens)
    good = arrival_ns != NO_TIME
    answered = (output_tokens > 0).astype(np.float64)
    for name, values, least in ((columns[1], input_tokens, answered), (columns[2], output_tokens, 0.0)):
        fits = (values >= least) & (values <= MOST_TOKENS) & (values == np.floor(values))
        for row in np.flatnonzero(good & ~fits).tolist():
            rejects.add(Flaw.LENGTH, int(rows[row]), name, length_flaw(values[row]), is_row=True)
        good &= fits
    kept = None if service is None else service.filter(pa.array(good))
    return request_batch(
        arrival_ns[good], input_tokens[good].astype(np.int32), output_tokens[good].astype(np.int32), kept
    )


def length_flaw(value: float) -> str:
    """What is wrong with a length [tokens]."""
    if np.isnan(value):
        return "there is no number of tokens"
    if value < 0:
        return f"{value:g} tokens are below 0"
    if value == 0:
        return "there is an answer to an input of 0 tokens"
    return f"{value:.10g} tokens are {'no whole number' if value != np.floor(value) else 'beyond every request'}"
