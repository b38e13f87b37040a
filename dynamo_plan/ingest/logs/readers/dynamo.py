"""Request traces of NVIDIA Dynamo: JSON lines, mostly gzipped, one event a line.

Only `request_end` events count. A sink may wrap each event once more, under `event`. The model is the service, where the trace names it;
the length of the input stands in `request.input_tokens` or `request.replay.input_length`.

Source: docs.nvidia.com/dynamo, request replay tracing, schema `dynamo.request.trace.v1`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynamo_plan.ingest.logs.delimited import WHOLE, Span
from dynamo_plan.ingest.logs.json_lines import as_floats, field_of, first_record, read_json
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.requests import Column, Rejects, usable
from dynamo_plan.ingest.logs.times import arrivals

NAME = "dynamo"
DESCRIPTION = "NVIDIA Dynamo request trace, JSON lines: dynamo.request.trace.v1"
IN_PARTS = False
FROM_START = False
TRACE = "dynamo.request.trace.v1"
ENDED = "request_end"
REQUEST = pa.struct(
    [
        ("model", pa.string()),
        ("request_received_ms", pa.float64()),
        ("input_tokens", pa.float64()),
        ("output_tokens", pa.float64()),
        ("replay", pa.struct([("input_length", pa.float64())])),
    ]
)
EVENT = [("schema", pa.string()), ("event_type", pa.string()), ("request", REQUEST)]
NAMES = ("request.request_received_ms", "request.replay.input_length", "request.output_tokens")


def sniff(head: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    record = first_record(head)
    event = record.get("event")
    return TRACE in (record.get("schema"), event.get("schema") if isinstance(event, dict) else None)


def read(log: LogFile, options: LogOptions, rejects: Rejects, span: Span = WHOLE) -> Iterator[pa.RecordBatch]:
    """Requests of a file."""
    wrapped = isinstance(first_record(log.head()).get("event"), dict)
    outer = ("event",) if wrapped else ()
    row = 1
    for batch in read_json(log, pa.schema([("event", pa.struct(EVENT))] if wrapped else EVENT)):
        kinds: Column = pc.equal(field_of(batch, (*outer, "event_type")), pa.scalar(ENDED))
        ended = kinds.fill_null(False)
        rows = (np.flatnonzero(ended.to_numpy(zero_copy_only=False)) + row).tolist()
        request = field_of(batch, (*outer, "request")).filter(ended)
        part = {name: pc.struct_field(request, [index]) for index, name in enumerate(names_of(REQUEST))}
        replayed = pc.struct_field(part["replay"], [0])
        stated = as_floats(part["input_tokens"])
        inputs = np.where(np.isnan(stated), as_floats(replayed), stated)
        arrival_ns = arrivals(part["request_received_ms"], "ms", options, rows, NAMES[0], rejects)
        yield usable(arrival_ns, inputs, as_floats(part["output_tokens"]), part["model"], rows, NAMES, rejects)
        row += len(batch)


def names_of(struct: pa.StructType) -> list[str]:
    """Names of the fields of an object."""
    return [struct.field(index).name for index in range(struct.num_fields)]
