"""Files of logs as streams of bytes, plain or compressed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.source import is_file

type Codec = Literal["gzip", "zstd"]

COMPRESSIONS: dict[bytes, Codec] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes of compressed files, and Arrow's name for the codec."""

HEAD_BYTES = 1 << 16
"""What is looked at to tell a format: the first lines, however long a header or a span is."""


BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of a log.

    Attributes
    ----------
    path : str
    shown : str
        As shown to the user.
    compression : str or None
        Arrow's name of the codec.
    """

    path: str
    shown: str
    compression: Codec | None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return os.path.getsize(self.path)

    def open(self) -> pa.NativeFile:
        """Its bytes, decompressed."""
        codec: Any = self.compression  # None is plain; the stubs know only codecs
        return pa.input_stream(self.path, compression=codec, buffer_size=None)

    def head(self) -> bytes:
        """First bytes, decompressed."""
        with self.open() as stream:
            return bytes(stream.read(HEAD_BYTES))

    def lines_of(self, offsets: Iterable[int]) -> dict[int, int]:
        """Numbers of the lines, from 1, that begin at these bytes of the decompressed content."""
        found: dict[int, int] = {}
        line, at = 1, 0
        with self.open() as stream:
            for offset in sorted(set(offsets)):
                while at < offset and (block := bytes(stream.read(min(offset - at, BLOCK_BYTES)))):
                    line += block.count(b"\n")
                    at += len(block)
                found[offset] = line
        return found


def find_log(path: Path, faults: Faults) -> LogFile | None:
    """A file that can be opened; otherwise a fault is noted."""
    if not is_file(path, faults):
        return None
    shown = os.path.normpath(path)
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        faults.add("file-unreadable", shown, f"cannot be read: {error.strerror}", "", "Check its permissions")
        return None
    codec = next((codec for first, codec in COMPRESSIONS.items() if magic.startswith(first)), None)
    return LogFile(str(path), shown, codec)
