"""One more row at the end of a profile that is there already, whose own bytes stay as they are."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from dynamo_plan.emit.profile_table import COLUMNS, ProfileRow, profile_bytes


def appended(path: Path, content: bytes | None, row: ProfileRow) -> bytes:
    """Content of a CSV profile with one more row; without content a new one.

    Columns that the profile does not have are left out, see `left_out`; its others are empty in the new row.
    """
    new = profile_bytes(path, [row], with_p99=True)
    if content is None:
        return new
    names = _names(content)
    (cells,) = csv.DictReader(io.StringIO(new.decode()))
    line = io.StringIO()
    writer = csv.DictWriter(line, names, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writerow(cells)
    return content.rstrip(b"\r\n") + b"\n" + line.getvalue().encode()


def left_out(content: bytes | None) -> list[str]:
    """Columns of a measured row for which a profile has none."""
    names = list(COLUMNS) if content is None else _names(content)
    return [name for name in COLUMNS if name not in names]


def _names(content: bytes) -> list[str]:
    lines = (line for line in content.decode("utf-8-sig").splitlines() if line.strip() and not line.startswith("#"))
    return [name.strip() for name in next(csv.reader(lines))]
