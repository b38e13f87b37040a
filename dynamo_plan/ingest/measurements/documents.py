"""JSON files: one object, a list of objects, or one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.gathered import clipped
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import MOST_LINE_BYTES, Opened
from dynamo_plan.ingest.source import foreign_sort
from dynamo_plan.units import BYTES_PER_MIB


def has_keys(head: bytes, *keys: str) -> bool:
    """Whether the first bytes of a JSON file hold all these keys."""
    return head.lstrip()[:1] in (b"{", b"[") and all(f'"{key}"'.encode() in head for key in keys)


def json_objects(source: Opened, notes: Notes, *, lines: bool = False) -> Iterator[Fields]:
    """Objects of a file; with `lines` every line is one, and a line that is none is rejected alone.

    A file whose first line is a whole object and not all of the file is read line by line too.

    Raises
    ------
    InputError
        Where the file as a whole is not JSON.
    """
    if lines or _is_lines(source):
        with source.stream() as file:
            yield from _objects_of_lines(source, file, notes)
        return
    document = _parsed(source.whole().data, source.shown, 1)
    if isinstance(document, Mapping):
        yield Fields(source.shown, document)
    elif isinstance(document, list):
        yield from Fields(source.shown, {"": document}).each("")
    else:
        raise InputError(_fault(source.shown, "the file holds no JSON object"))


def _is_lines(source: Opened) -> bool:
    with source.stream() as file:
        first, second = file.readline(MOST_LINE_BYTES), file.readline(MOST_LINE_BYTES)
    return bool(second.strip()) and first.rstrip().endswith(b"}") and second.lstrip().startswith(b"{")


def _objects_of_lines(source: Opened, file: BinaryIO, notes: Notes) -> Iterator[Fields]:
    number = 0
    while line := file.readline(MOST_LINE_BYTES):
        number += 1
        where = f"{source.shown}:{number}"
        if len(line) == MOST_LINE_BYTES and not line.endswith(b"\n"):
            what = f"the line is longer than {MOST_LINE_BYTES / BYTES_PER_MIB:.0f} MiB"
            notes.reject(where, [_fault(where, what, "Write it without the details of each request")])
            return  # where the next line begins cannot be told
        if not line.strip():
            continue
        try:
            value = _parsed(line, source.shown, number)
        except InputError as error:
            notes.reject(where, error.faults)
            continue
        if isinstance(value, Mapping):
            yield Fields(where, value)
        else:
            notes.reject(where, [_fault(where, "the line holds no JSON object")])


def _parsed(data: bytes, shown: str, line: int) -> object:
    """JSON from bytes that begin on a line of the file."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        place = f"{shown}:{line + error.lineno - 1}:{error.colno}"
        if not error.doc[error.pos :].strip() or error.msg.startswith("Unterminated string"):
            mend = "The file seems cut off: copy it again, or let the run end"
            raise InputError(_fault(place, "not JSON: it ends in the middle", mend)) from error
        raise InputError(_fault(place, f"not JSON: {error.msg}", "Correct the line")) from error
    except UnicodeDecodeError as error:
        sort = foreign_sort(data)
        place = f"{shown}:{line + data.count(b'\n', 0, error.start)}"
        what = f"the file is {sort}" if sort else f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise InputError(_fault(place, what, "Save the file as UTF-8")) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or nested without end
        reason = clipped(str(error).split("\n", 1)[0], most=120)
        raise InputError(_fault(f"{shown}:{line}", f"not JSON: {reason}")) from error


def _fault(where: str, what: str, mend: str = "") -> Fault:
    return Fault("measurement-json", where, what, "", mend)
