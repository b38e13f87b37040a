"""Files of measuring tools, which may be large or compressed: a stream of bytes, or all of them up to a limit."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.source import Source
from dynamo_plan.units import BYTES_PER_GIB, BYTES_PER_MIB

GZIP_MAGIC = b"\x1f\x8b"
HEAD_BYTES = 1 << 16
"""Enough for the keys at the top of any summary; what is sniffed."""
MOST_DOCUMENT_BYTES = 256 << 20
"""A file that must be in memory as a whole; as Python objects it takes about ten times this."""
MOST_LINE_BYTES = 64 << 20
"""One line of a file that is read line by line; a run's summary with all requests in it stays below."""
MOST_INFLATED_BYTES = 8 << 30
"""A compressed file that is read line by line, in all."""
MOST_RATIO = 250
"""Text of measurements shrinks 5 to 50 fold; a file made to exhaust a reader shrinks 1000 fold."""
FREE_BYTES = 16 << 20
"""Inflated size up to which the ratio does not matter: small regular tables shrink very well."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that can be read, and its first bytes.

    Attributes
    ----------
    shown : str
        Path as shown to the user.
    path : Path
    head : bytes
        First bytes, inflated and without byte order mark.
    zone : ZoneInfo or None
        Zone of local times that the file writes without one.
    """

    shown: str
    path: Path
    head: bytes = b""
    zone: ZoneInfo | None = None

    @contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """Give the content, inflated.

        Raises
        ------
        InputError
            Here or while reading, where the file or its compression fails or a limit is passed.
        """
        try:
            with self.path.open("rb") as file:
                magic = file.read(len(GZIP_MAGIC))
                file.seek(0)
                yield io.BufferedReader(_Inflated(file, self.shown)) if magic == GZIP_MAGIC else file
        except OSError as error:
            what = f"cannot be read: {error.strerror or error}"
            raise InputError(
                Fault("file-unreadable", self.shown, what, "", "Check the path and its permissions")
            ) from error

    def whole(self) -> Source:
        """Read all of it.

        Raises
        ------
        InputError
            Where it cannot be read or is larger than `MOST_DOCUMENT_BYTES`.
        """
        with self.stream() as file:
            data = file.read(MOST_DOCUMENT_BYTES + 1)
        if len(data) > MOST_DOCUMENT_BYTES:
            raise InputError(
                Fault(
                    "measurement-too-large",
                    self.shown,
                    f"the file is larger than {MOST_DOCUMENT_BYTES / BYTES_PER_MIB:.0f} MiB",
                    "A file of this format is read as a whole",
                    "Write it without the details of each request, or split it",
                )
            )
        return Source(self.shown, self.path, data)


def open_file(path: Path, shown: str, zone: ZoneInfo | None = None) -> Opened:
    """Open a file for reading and look at its first bytes.

    Raises
    ------
    InputError
        Where it cannot be read.
    """
    found = Opened(shown, path)
    with found.stream() as file:
        head = file.read(HEAD_BYTES)
    return Opened(shown, path, head.removeprefix(b"\xef\xbb\xbf"), zone)


class _Inflated(io.RawIOBase):
    """A gzip stream that ends in a fault where it is damaged or grows beyond reason."""

    def __init__(self, file: BinaryIO, shown: str) -> None:
        super().__init__()
        self._file, self._shown, self._inflated = file, shown, 0
        self._gzip = gzip.GzipFile(fileobj=file, mode="rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._gzip.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise self._fault(
                "measurement-gzip", f"the compressed file is damaged: {error}", "Copy it again"
            ) from error
        self._inflated += len(data)
        if self._inflated > FREE_BYTES and self._inflated > MOST_RATIO * self._file.tell():
            what = f"the file inflates more than {MOST_RATIO} fold, as no measurement does"
            raise self._fault("measurement-gzip", what, "Inflate it yourself if you trust it")
        if self._inflated > MOST_INFLATED_BYTES:
            what = f"the file inflates to more than {MOST_INFLATED_BYTES / BYTES_PER_GIB:.0f} GiB"
            raise self._fault("measurement-gzip", what, "Split it")
        buffer[: len(data)] = data
        return len(data)

    def _fault(self, code: str, what: str, mend: str) -> InputError:
        return InputError(Fault(code, self._shown, what, "", mend))
