"""Small logs, written by hand in each format, and the requests that they hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from dynamo_plan.ingest.logs import find_logs, find_readers
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.requests import Rejects

type Row = tuple[str, int, int, str | None]

BEGIN = "2024-05-12T00:00:00"
ROWS: list[Row] = [
    ("2024-05-12T00:00:00.500000", 100, 20, None),
    ("2024-05-12T00:00:01.000000", 300, 120, None),
    ("2024-05-12T00:40:00.250000", 2000, 0, None),
]
"""What every sample holds: arrival in UTC, lengths, and the service where the format names one."""

AZURE_2023 = """TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-12 00:00:00.5000000,100,20
2024-05-12 00:00:01.0000000,300,120
2024-05-12 00:40:00.2500000,2000,0
"""
AZURE_2024 = """TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-12 00:00:00.500000+00:00,100,20
2024-05-12 00:00:01+00:00,300,120
2024-05-12 00:40:00.250000+00:00,2000,0
"""
AZURE_2025 = """TIMESTAMP,NumImages,ContextTokens,GeneratedTokens
2024-05-12 00:00:00.500,0,100,20
2024-05-12 00:00:01,3,300,120
2024-05-12 00:40:00.250,1,2000,0
"""
BURSTGPT = """Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
0.5,,1.2,ChatGPT,100,20,120,API log
1,7,2.5,ChatGPT,300,120,420,Conversation log
2400.25,,0.1,GPT-4,2000,0,2000,API log
"""
MOONCAKE = """{"timestamp": 500, "input_length": 100, "output_length": 20, "hash_ids": [1, 2]}
{"timestamp": 1000, "input_length": 300, "output_length": 120, "hash_ids": [1]}
{"timestamp": 2400250, "input_length": 2000, "output_length": 0, "hash_ids": []}
"""


def milliseconds(stamp: str) -> int:
    """Since 1970 [ms]."""
    return int(np.datetime64(stamp, "ms").astype(np.int64))


def dynamo(*, wrapped: bool) -> str:
    """A request trace of Dynamo: each request, and an event that is none."""
    events: list[dict[str, object]] = [
        {"schema": "dynamo.request.trace.v1", "event_type": "tool_end", "event_time_unix_ms": 5, "tool": {"name": "x"}}
    ]
    for number, (stamp, inputs, outputs, _) in enumerate(ROWS):
        where = {"input_tokens": inputs} if number else {"replay": {"input_length": inputs}}
        request = {"model": "m", "request_received_ms": milliseconds(stamp), "output_tokens": outputs, **where}
        events.append({"schema": "dynamo.request.trace.v1", "event_type": "request_end", "request": request})
    return "".join(json.dumps({"timestamp": 1, "event": event} if wrapped else event) + "\n" for event in events)


def sdk_spans(*, old: bool) -> str:
    """Spans as the SDK exports them; the first is none of a model, the failed one says nothing of its output."""
    names = ("prompt_tokens", "completion_tokens") if old else ("input_tokens", "output_tokens")
    spans: list[dict[str, object]] = [{"name": "GET", "start_time": f"{BEGIN}Z", "attributes": {"http.status": 200}}]
    for stamp, inputs, outputs, _ in ROWS:
        attributes: dict[str, object] = {"gen_ai.request.model": "m"}
        attributes |= {
            f"gen_ai.usage.{name}": length for name, length in zip(names, (inputs, outputs), strict=True) if length
        }
        spans.append({"name": "chat m", "start_time": f"{stamp}Z", "attributes": attributes})
    return "".join(json.dumps(span) + "\n" for span in spans)


def otlp_spans(*, as_texts: bool) -> str:
    """Spans as the collector's file exporter writes them, two batches."""

    def span(row: Row) -> dict[str, object]:
        stamp, inputs, outputs, _ = row
        pairs = [("gen_ai.usage.input_tokens", inputs), ("gen_ai.usage.output_tokens", outputs)]
        attributes: list[dict[str, object]] = [
            {"key": name, "value": {"intValue": str(value) if as_texts else value}} for name, value in pairs
        ]
        attributes.append({"key": "gen_ai.request.model", "value": {"stringValue": "m"}})
        return {"startTimeUnixNano": str(milliseconds(stamp) * 10**6), "attributes": attributes}

    other = {"startTimeUnixNano": "1", "attributes": [{"key": "http.method", "value": {"stringValue": "GET"}}]}
    batches = [[span(ROWS[0]), other], [span(ROWS[1]), span(ROWS[2])]]
    return "".join(
        json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}) + "\n"
        for spans in batches
    )


def read_rows(path: Path, options: LogOptions | None = None, format: str | None = None) -> tuple[list[Row], Rejects]:
    """Requests of a file, spelled out, and its rejects."""
    log = find_logs([path], options or LogOptions(), format=format)
    file, name = log.files[0]
    rejects = Rejects()
    batches = list(find_readers()[name].read(file, log.options, rejects))
    rows: list[Row] = []
    for batch in batches:
        stamps = np.datetime_as_string(batch.column(0).cast(pa.timestamp("us")).to_numpy(), unit="us")
        services = batch.column(3).cast(pa.string()).to_pylist()
        inputs, outputs = (list(map(int, batch.column(index).to_numpy())) for index in (1, 2))
        rows += zip(stamps.tolist(), inputs, outputs, services, strict=True)
    return rows, rejects
