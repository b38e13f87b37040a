"""OpenTelemetry spans of generative AI, JSON lines: as the SDK's exporter writes them, or OTLP as the collector's file exporter does.

A span is a request if it states its input tokens; without output tokens it failed. Both generations of attribute names are known. Its
model is the service.

Source: OpenTelemetry semantic conventions for generative AI; OTLP/JSON, where 64-bit integers are texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dynamo_plan.ingest.logs.delimited import WHOLE, Span
from dynamo_plan.ingest.logs.json_lines import as_floats, first_record, named_faults, read_json
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.requests import Column, Rejects, usable
from dynamo_plan.ingest.logs.times import arrivals

NAME = "otel"
DESCRIPTION = "OpenTelemetry gen_ai spans, JSON lines: gen_ai.usage.input_tokens, gen_ai.usage.output_tokens"
IN_PARTS = False
FROM_START = False
INPUTS = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
OUTPUTS = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
MODEL = "gen_ai.request.model"
NUMBERS = (*INPUTS, *OUTPUTS)
NUMBER_IN_OTLP = re.compile(rb'"intValue"\s*:\s*-?\d')

SDK_ATTRIBUTES = pa.struct([*((name, pa.float64()) for name in NUMBERS), (MODEL, pa.string())])
SDK_SCHEMA = pa.schema([("start_time", pa.string()), ("attributes", SDK_ATTRIBUTES)])

type Columns = dict[str, Column]


def sniff(head: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    record = first_record(head)
    return "resourceSpans" in record or (isinstance(record.get("attributes"), dict) and "start_time" in record)


def read(log: LogFile, options: LogOptions, rejects: Rejects, span: Span = WHOLE) -> Iterator[pa.RecordBatch]:
    """Requests of a file."""
    head = log.head()
    is_otlp = "resourceSpans" in first_record(head)
    time_name = "startTimeUnixNano" if is_otlp else "start_time"
    schema = _otlp_schema(pa.float64() if NUMBER_IN_OTLP.search(head) else pa.string()) if is_otlp else SDK_SCHEMA
    row = 1
    for batch in read_json(log, schema):
        with named_faults(log):  # numbers that OTLP writes as texts may be none
            time, columns = _otlp_columns(batch) if is_otlp else _sdk_columns(batch)
            inputs, outputs = (_either(columns, names) for names in (INPUTS, OUTPUTS))
        asked = ~np.isnan(inputs)
        kept = pa.array(asked)
        rows = (np.flatnonzero(asked) + row).tolist()
        names = (time_name, INPUTS[0], OUTPUTS[0])
        arrival_ns = arrivals(time.filter(kept), "ns", options, rows, time_name, rejects)
        model = columns[MODEL].filter(kept)
        yield usable(arrival_ns, inputs[asked], outputs[asked], model, rows, names, rejects)
        row += len(time)


def _either(columns: Columns, names: tuple[str, str]) -> NDArray[np.float64]:
    new, old = (as_floats(columns[name]) for name in names)
    return np.where(np.isnan(new), old, new)


def _sdk_columns(batch: pa.RecordBatch) -> tuple[Column, Columns]:
    attributes = batch.column("attributes")
    return batch.column("start_time"), {
        name: pc.struct_field(attributes, [index]) for index, name in enumerate((*NUMBERS, MODEL))
    }


def _otlp_schema(integer: pa.DataType) -> pa.Schema:
    value = pa.struct([("intValue", integer), ("stringValue", pa.string())])
    attribute = pa.struct([("key", pa.string()), ("value", value)])
    span = pa.struct([("startTimeUnixNano", pa.string()), ("attributes", pa.list_(attribute))])
    scope = pa.struct([("spans", pa.list_(span))])
    return pa.schema([("resourceSpans", pa.list_(pa.struct([("scopeSpans", pa.list_(scope))])))])


def _otlp_columns(batch: pa.RecordBatch) -> tuple[Column, Columns]:
    """Spans of all lines as rows: their times, and the attributes that count as columns."""
    spans = batch.column(0)
    for _ in range(2):
        spans = pc.struct_field(pc.list_flatten(spans), [0])
    spans = pc.list_flatten(spans)
    time = pc.struct_field(spans, [0]).cast(pa.int64())
    attributes = pc.struct_field(spans, [1])
    owner = pc.list_parent_indices(attributes)
    flat = pc.list_flatten(attributes)
    key, value = pc.struct_field(flat, [0]), pc.struct_field(flat, [1])
    return time, {
        name: _column(name, key, pc.struct_field(value, [1 if name == MODEL else 0]), owner, len(spans))
        for name in (*NUMBERS, MODEL)
    }


def _column(name: str, key: Column, value: Column, owner: Column, count: int) -> Column:
    """One attribute of every span; null where a span has none of this name."""
    found = pc.equal(key, pa.scalar(name))
    places = np.full(count, -1, dtype=np.int64)
    spans = owner.filter(found).to_numpy(zero_copy_only=False)
    places[spans] = np.arange(spans.size)
    return value.filter(found).take(pa.array(places, mask=places < 0))
