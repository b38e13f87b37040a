"""Input files as bytes, with the name that the user knows them by."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from dynamo_plan.ingest.gathered import Faults, did_you_mean, listed
from dynamo_plan.schema.plan import InputFile

FOREIGN_MAGIC = {b"PK\x03\x04": "a zip archive or a spreadsheet", b"\x1f\x8b": "gzip-compressed", b"\xff\xfe": "UTF-16"}
"""First bytes of files that people take for a table or a scenario, and what they are."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read.

    Attributes
    ----------
    shown : str
        Path as shown to the user: as written, relative to where the command runs.
    path : Path
    data : bytes
    """

    shown: str
    path: Path
    data: bytes

    def as_input_file(self, role: str, folder: Path) -> InputFile:
        """Identity of the file for the plan; the path is relative to `folder`, the scenario's."""
        relative = Path(os.path.relpath(self.path, folder)).as_posix()
        return InputFile(role, relative, len(self.data), hashlib.sha256(self.data).hexdigest())


def foreign_sort(data: bytes) -> str:
    """What a file is that is neither text nor Parquet, by its first bytes; empty where they tell nothing."""
    return next((name for magic, name in FOREIGN_MAGIC.items() if data.startswith(magic)), "")


def read_source(path: Path, faults: Faults, named_in: str = "") -> Source | None:
    """Read a file; note a fault and return None where that cannot be done.

    Parameters
    ----------
    named_in : str
        Where the path stands, e.g. ``scenario.yaml:7:14 services[0].profile``; by default the path itself.
    """
    shown = os.path.normpath(path)
    try:
        return Source(shown, path, path.read_bytes()) if is_file(path, faults, named_in) else None
    except (OSError, ValueError) as error:
        _note_unreadable(error, shown, faults, named_in)
        return None


def is_file(path: Path, faults: Faults, named_in: str = "") -> bool:
    """Whether a path leads to a regular file; otherwise a fault is noted. For `named_in` see `read_source`."""
    shown = os.path.normpath(path)
    where = named_in or shown
    name = f"{shown} " if named_in else ""  # where the path itself is the place, once is enough
    try:
        if path.is_dir():
            faults.add(
                "file-is-folder",
                where,
                f"{name}is a folder, it holds {listed(_names(path), 5) or 'nothing'}",
                "A file is needed",
                "Name one of its files",
            )
        elif not path.exists():
            faults.add("file-not-found", where, f"{name}does not exist", "", _nearby(path))
        elif not path.is_file():
            faults.add("file-unreadable", where, f"{name}is not a regular file", "A file on disk is needed")
        else:
            return True
    except (OSError, ValueError) as error:
        _note_unreadable(error, shown, faults, named_in)
    return False


def _note_unreadable(error: OSError | ValueError, shown: str, faults: Faults, named_in: str) -> None:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    what = f"{f'{shown!r} ' if named_in else ''}cannot be read: {reason}"
    faults.add("file-unreadable", named_in or shown, what, "", "Check the path and its permissions")


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))


def _nearby(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {os.path.normpath(folder)}; paths in a scenario are relative to the scenario file"
    names = _names(folder)
    here = "This folder" if folder == Path() else os.path.normpath(folder)
    return did_you_mean(path.name, names) or f"{here} holds {listed(names, 8) or 'nothing'}"
