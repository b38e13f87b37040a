"""Mooncake's traces: JSON lines with a time in milliseconds from the begin of the trace, and two lengths.

Source: github.com/kvcache-ai/Mooncake, Apache-2.0; also what AIPerf and Dynamo replay.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from dynamo_plan.ingest.logs.delimited import WHOLE, Span
from dynamo_plan.ingest.logs.json_lines import as_floats, first_record, read_json
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.requests import Rejects, usable
from dynamo_plan.ingest.logs.times import arrivals

NAME = "mooncake"
DESCRIPTION = "Mooncake trace, JSON lines: timestamp [ms], input_length, output_length"
IN_PARTS = False
FROM_START = True
FIELDS = ("timestamp", "input_length", "output_length")
SCHEMA = pa.schema([(name, pa.float64()) for name in FIELDS])


def sniff(head: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return set(FIELDS) <= set(first_record(head))


def read(log: LogFile, options: LogOptions, rejects: Rejects, span: Span = WHOLE) -> Iterator[pa.RecordBatch]:
    """Requests of a file."""
    row = 1
    for batch in read_json(log, SCHEMA):
        rows = range(row, row + len(batch))
        time, *lengths = (batch.column(name) for name in FIELDS)
        arrival_ns = arrivals(time, "ms", options, rows, FIELDS[0], rejects, from_start=True)
        yield usable(arrival_ns, as_floats(lengths[0]), as_floats(lengths[1]), None, rows, FIELDS, rejects)
        row += len(batch)
