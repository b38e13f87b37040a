"""Logs as JSON, one object a line, read in blocks by Arrow: only the fields that are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.arrow_column import READ_ERRORS, first_line
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.requests import Column

BLOCK_BYTES = 8 << 20
"""A line must fit into a block; spans and traces have long ones."""


def first_record(head: bytes) -> dict[str, Any]:
    """The object on the first line; empty where it is none."""
    for line in head.removeprefix(b"\xef\xbb\xbf").splitlines():
        if line.strip():
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                return {}
            return found if isinstance(found, dict) else {}
    return {}


def read_json(log: LogFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Batches of the fields of a schema; a field that a line does not have is null.

    Raises
    ------
    InputError
        A line is no JSON, or a field is of another type.
    """
    blocks = pyarrow.json.ReadOptions(block_size=BLOCK_BYTES)
    fields = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    with log.open() as stream, named_faults(log):
        yield from pyarrow.json.open_json(stream, read_options=blocks, parse_options=fields)  # type: ignore[arg-type]


@contextmanager
def named_faults(log: LogFile) -> Iterator[None]:
    """Turn what Arrow says of a line or a field into a fault of the log.

    Raises
    ------
    InputError
        Arrow could not read something.
    """
    try:
        yield
    except READ_ERRORS as error:
        raise InputError(
            Fault(
                "log-json",
                log.shown,
                f"the log cannot be read as JSON lines: {first_line(error)}",
                "One JSON object a line, each field always of one type",
                "Correct the line, or check --format and --column",
            )
        ) from error


def field_of(batch: pa.RecordBatch, path: tuple[str, ...]) -> Column:
    """A field, also of an object within an object; null where the outer one is."""
    column = batch.column(path[0])
    for name in path[1:]:
        column = pc.struct_field(column, [column.type.get_field_index(name)])
    return column


def as_floats(column: Column) -> NDArray[np.float64]:
    """Numbers, NaN where there is none."""
    return np.asarray(column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False))
