"""Azure's public traces of LLM inference, 2023 to 2025.

Times are UTC; those of 2023 have seven decimals and no zone, those of 2024 end in `+00:00`, some without decimals. The multimodal trace of
2025 adds `NumImages`, which is not used: its text and image tokens are one number.

Source: github.com/Azure/AzurePublicDataset, CC-BY 4.0.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from dynamo_plan.ingest.logs.delimited import WHOLE, Layout, Span, header_of, read_delimited
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.requests import Rejects

NAME = "azure"
DESCRIPTION = "Azure LLM inference trace, CSV: TIMESTAMP, ContextTokens, GeneratedTokens"
IN_PARTS = True
FROM_START = False
LAYOUT = Layout("TIMESTAMP", "ContextTokens", "GeneratedTokens", zone="UTC")


def sniff(head: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return {LAYOUT.time, LAYOUT.input, LAYOUT.output} <= set(header_of(head))


def read(log: LogFile, options: LogOptions, rejects: Rejects, span: Span = WHOLE) -> Iterator[pa.RecordBatch]:
    """Requests of a file or of a part of it."""
    return read_delimited(log, LAYOUT, options, rejects, span)
