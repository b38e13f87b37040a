"""Arrow columns to columns of numbers or texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import clipped
from dynamo_plan.ingest.table import Labels, Numbers

READ_ERRORS = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, NotImplementedError)
"""What Arrow raises on content that it cannot read."""


def as_column(column: pa.ChunkedArray[Any]) -> Labels | Numbers:
    """Numbers of any width as floats, everything else as texts; times as ISO 8601 in their zone."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        empty = np.asarray(pc.is_null(column).to_numpy(), dtype=np.bool_)
        # safe=False: digits beyond 2^53 may go, which no planning quantity needs.
        return Numbers(np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64), empty)
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_nested(kind):
        column = pa.chunked_array([pa.array([str(cell) for cell in column.to_pylist()], pa.string())])
    elif not pa.types.is_dictionary(kind) and not pa.types.is_temporal(kind):
        column = column.cast(pa.string())
    return _encoded(column)


def _encoded(column: pa.ChunkedArray[Any]) -> Labels:
    """Distinct texts, spaces around them taken off, and the rows' codes."""
    whole = pa.table({"": column}).combine_chunks().column("")
    encoded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    if not encoded.num_chunks:
        return Labels((), np.empty(0, dtype=np.int64))
    chunk: Any = encoded.chunk(0)
    raw = [_text(value) for value in chunk.dictionary.to_pylist()]
    values = tuple(dict.fromkeys(text for text in raw if text))
    number = {text: index for index, text in enumerate(values)} | {"": -1}
    known: NDArray[np.int64] = np.array([*(number[text] for text in raw), -1], dtype=np.int64)
    return Labels(values, known[np.asarray(chunk.indices.cast(pa.int64()).fill_null(-1).to_numpy(), dtype=np.int64)])


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value.isoformat() if hasattr(value, "isoformat") else value).strip()


def first_line(error: BaseException) -> str:
    """What an error of a library says, without the lines that only its makers can read."""
    return clipped(str(error).split("\n", 1)[0], most=120)
