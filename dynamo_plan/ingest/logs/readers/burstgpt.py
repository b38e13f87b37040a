"""BurstGPT: months of requests to GPT-3.5 and GPT-4 at a university.

Times are seconds from midnight of a first day that is not named, in local time. Failed requests have no response tokens. Versions with
session and elapsed time have two more columns. The model is the service.

Source: github.com/HPMLL/BurstGPT, CC-BY 4.0.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from dynamo_plan.ingest.logs.delimited import WHOLE, Layout, Span, header_of, read_delimited
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.requests import Rejects

NAME = "burstgpt"
DESCRIPTION = "BurstGPT, CSV: Timestamp [s], Model, Request tokens, Response tokens"
IN_PARTS = True
FROM_START = True
LAYOUT = Layout("Timestamp", "Request tokens", "Response tokens", "Model", unit="s", from_start=True)


def sniff(head: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return {LAYOUT.time, LAYOUT.input, LAYOUT.output} <= set(header_of(head))


def read(log: LogFile, options: LogOptions, rejects: Rejects, span: Span = WHOLE) -> Iterator[pa.RecordBatch]:
    """Requests of a file or of a part of it."""
    return read_delimited(log, LAYOUT, options, rejects, span)
