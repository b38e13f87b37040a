"""Any table of requests whose columns are named on the command line: CSV, Parquet or JSON lines.

`--column arrival=ts --column input=prompt_tokens --column output=completion_tokens`, and `service=...` where there is one; in JSON a dotted
path leads into objects. Times are ISO 8601, timestamps of Parquet, or numbers with `--time-unit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.arrow_column import READ_ERRORS, first_line
from dynamo_plan.ingest.gathered import did_you_mean, listed
from dynamo_plan.ingest.logs.delimited import WHOLE, Layout, Span, read_delimited
from dynamo_plan.ingest.logs.json_lines import as_floats, field_of, first_record, read_json
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.requests import Column, Rejects, usable
from dynamo_plan.ingest.logs.times import arrivals
from dynamo_plan.ingest.parquet_file import PARQUET_MAGIC

NAME = "columns"
DESCRIPTION = "any CSV, Parquet or JSON lines, with --column arrival=... --column input=... --column output=..."
IN_PARTS = True
FROM_START = False

BATCH_ROWS = 1 << 17
"""Rows of a Parquet file that are in memory at a time."""


def sniff(head: bytes) -> bool:
    """Never: columns must be named."""
    return False


def read(log: LogFile, options: LogOptions, rejects: Rejects, span: Span = WHOLE) -> Iterator[pa.RecordBatch]:
    """Requests of a file, or of a part of it where it is CSV."""
    head = log.head()
    if not head.startswith(PARQUET_MAGIC) and not first_record(head):
        named = options.columns
        layout = Layout(named["arrival"], named["input"], named["output"], named.get("service"), options.time_unit)
        yield from read_delimited(log, layout, options, rejects, span)
        return
    if span.begin:
        return  # only CSV is read in parts: the first part reads the others whole
    names = (options.columns["arrival"], options.columns["input"], options.columns["output"])
    row = 1
    for time, inputs, outputs, service in (
        _parquet(log, options) if head.startswith(PARQUET_MAGIC) else _json(log, head, options)
    ):
        rows = range(row, row + len(time))
        arrival_ns = arrivals(time, None, options, rows, names[0], rejects)
        yield usable(arrival_ns, as_floats(inputs), as_floats(outputs), service, rows, names, rejects)
        row += len(time)


def _parquet(log: LogFile, options: LogOptions) -> Iterator[list[Column]]:
    try:
        with pyarrow.parquet.ParquetFile(log.path) as file:
            missing = [name for name in options.columns.values() if name not in file.schema_arrow.names]
            if missing:
                raise InputError(
                    Fault(
                        "log-column",
                        log.shown,
                        f"column {name} is missing; found are {listed(file.schema_arrow.names)}",
                        "Columns are those of the file",
                        did_you_mean(name, file.schema_arrow.names),
                    )
                    for name in missing
                )
            for batch in file.iter_batches(BATCH_ROWS, columns=list(options.columns.values())):
                yield [_named(batch, options.columns.get(key)) for key in ("arrival", "input", "output", "service")]
    except READ_ERRORS as error:
        raise InputError(
            Fault(
                "table-not-a-table",
                log.shown,
                f"the file begins like Parquet but cannot be read: {first_line(error)}",
                "A whole Parquet file is needed",
                "Write or copy it again",
            )
        ) from error


def _named(batch: pa.RecordBatch, name: str | None) -> Column:
    return None if name is None else batch.column(name)


def _json(log: LogFile, head: bytes, options: LogOptions) -> Iterator[list[Column]]:
    record = first_record(head)
    paths = {key: (name,) if name in record else tuple(name.split(".")) for key, name in options.columns.items()}
    kinds = {"arrival": pa.string() if options.time_unit is None else pa.float64(), "service": pa.string()}
    schema = _schema([(path, kinds.get(key, pa.float64())) for key, path in paths.items()])
    for batch in read_json(log, schema):
        yield [
            field_of(batch, paths[key]) if key in paths else None for key in ("arrival", "input", "output", "service")
        ]


def _schema(fields: list[tuple[tuple[str, ...], pa.DataType]]) -> pa.Schema:
    """Types of nested fields; those of one object together."""
    return pa.schema(_members(fields))


def _members(fields: list[tuple[tuple[str, ...], pa.DataType]]) -> list[pa.Field[Any]]:
    found = []
    for name in dict.fromkeys(path[0] for path, _ in fields):
        inner = [(path[1:], kind) for path, kind in fields if path[0] == name]
        found.append(pa.field(name, pa.struct(_members(inner)) if inner[0][0] else inner[0][1]))
    return found
