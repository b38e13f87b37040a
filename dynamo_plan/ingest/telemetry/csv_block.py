"""One block of a telemetry CSV: read by a kernel, checked in whole columns; a row is looked at singly only where it is faulty."""

from __future__ import annotations

import csv
import math
import mmap
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import InputError
from dynamo_plan.ingest.gathered import MOST_LISTED, Faults, clipped
from dynamo_plan.ingest.kernels import samples as kernel
from dynamo_plan.ingest.kernels.instants import NO_ZONE
from dynamo_plan.ingest.telemetry.csv_columns import Column, Role
from dynamo_plan.ingest.telemetry.local_time import in_utc
from dynamo_plan.ingest.telemetry.options import TelemetryOptions
from dynamo_plan.ingest.telemetry.samples import BLANKS, PLAUSIBLE, without_blanks
from dynamo_plan.schema.telemetry import NO_MASK, Quantity

DECIMAL_COMMA = re.compile(r"\d,\d")
LONGEST_SHOWN = 100_000
"""Characters of a faulty line that are looked at; a CSV reader refuses cells that are not much longer."""

REPEATED_HEADERS = "headers in the middle"
UNNAMED_ROWS = "rows without a GPU"
FLAGS = {"Active": 1, "Not Active": 0, "1": 1, "0": 0}
NO_ROW = -1
KINDS = {Role.TIME: kernel.TIME, Role.NUMBER: kernel.NUMBER}
MEND_COMMA = "If it has decimal commas, record with decimal points (LC_ALL=C)"
type Where = Callable[[int, Column], str]

TIMES = "A time is written 2026/04/19 02:24:28.159, in ISO 8601, or as seconds or milliseconds since 1970"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file, and the byte at which they begin."""

    data: NDArray[np.uint8]
    offset: int

    def text(self, start: int, stop: int) -> str:
        """Some of its characters."""
        return self.data[start:stop].tobytes().decode("utf-8", "replace")

    def end_of_line(self, at: int) -> int:
        """The line feed of the line that a byte lies in."""
        return at + int(np.argmax(self.data[at:] == kernel.NEWLINE))


@dataclass(frozen=True, slots=True)
class Layout:
    """What every block of a file has in common."""

    path: Path
    columns: tuple[Column, ...]
    width: int
    options: TelemetryOptions

    @property
    def shown(self) -> str:
        """Name of the file for messages."""
        return str(self.path)

    def line_at(self, offset: int) -> int:
        """Number of the line at a byte of the file; counted only for messages."""
        with self.path.open("rb") as file:
            return file.read(offset).count(b"\n") + 1

    def of(self, *roles: Role) -> list[Column]:
        """Columns with one of these roles."""
        return [column for column in self.columns if column.known.role in roles]


class GpuNames:
    """Numbers of the GPUs of a file, given in the order in which blocks come upon them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    def number(self, name: str) -> int:
        """Number of a GPU; the next one if it is new."""
        with self._lock:
            return self._numbers.setdefault(name, len(self._numbers))

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Columns of a file, or the rows of one block in them; memory is taken once, and every block fills its own part.

    Attributes
    ----------
    time_us : array of int, shape (row,)
    gpu : array of int, shape (row,)
        Number of the GPU; `NO_ROW` where there is none.
    numbers : array of float, shape (number column, row)
        In the units of their quantities, NaN where there is no value.
    throttle : array of int, shape (row,)
        `NO_MASK` where there is none.
    """

    time_us: NDArray[np.int64]
    gpu: NDArray[np.int16]
    numbers: NDArray[np.float64]
    throttle: NDArray[np.int32]

    @classmethod
    def empty(cls, layout: Layout, rows: int) -> Sheet:
        """Room for so many rows."""
        numbers = _room(np.float64, len(layout.of(Role.NUMBER)), rows)
        throttle = _room(np.int32, rows if layout.of(Role.MASK, Role.FLAG) else 0)
        return cls(_room(np.int64, rows), _room(np.int16, rows), numbers, throttle)

    def grown(self, layout: Layout, filled: int, rows: int) -> Sheet:
        """A larger sheet that begins with the filled rows of this one."""
        larger, old = Sheet.empty(layout, rows), self.part(slice(0, filled))
        new = larger.part(slice(0, filled))
        new.time_us[:], new.gpu[:], new.numbers[:], new.throttle[:] = old.time_us, old.gpu, old.numbers, old.throttle
        return larger

    def part(self, rows: slice) -> Sheet:
        """Some rows, to be filled in place."""
        return Sheet(self.time_us[rows], self.gpu[rows], self.numbers[:, rows], self.throttle[rows])


def _room[Number: np.generic](dtype: type[Number], *shape: int) -> NDArray[Number]:
    """Memory for an array, taken page by page as it is filled.

    NumPy asks for large pages, each of which is cleared at its first touch. Where a host lends a virtual machine its memory only then,
    all rows took twice the time.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, size) if size else bytearray(), dtype=dtype).reshape(shape)


@dataclass(slots=True)
class Piece:
    """What is to be said of a block."""

    dropped: Counter[str] = field(default_factory=Counter)
    faults: Faults = field(default_factory=Faults)


@dataclass(slots=True)
class _Labels:
    """Texts of a block: by column, and where they stand; and lines that are no row, such as headers in the middle."""

    codes: NDArray[np.int16]
    texts: list[list[str]]
    zone: NDArray[np.int8]
    lines_out: list[int]


def parse_block(block: Block, layout: Layout, sheet: Sheet, names: GpuNames) -> Piece:
    """Fill the rows of one block, or note its faults."""
    piece = Piece()
    labels = _read(block, layout, sheet, piece)
    rows = labels.zone.size
    sheet.gpu[rows:] = NO_ROW
    sheet = sheet.part(slice(0, rows))
    if len(piece.faults) or not rows:
        return piece

    def where(row: int, column: Column) -> str:
        return f"{layout.shown}:{_line_of(block, layout, labels.lines_out, row)} {column.name}"

    when = layout.of(Role.TIME)[0]
    try:
        sheet.time_us[:] = in_utc(
            sheet.time_us, labels.zone == NO_ZONE, layout.options.zone, lambda row: where(row, when)
        )
    except InputError as error:
        piece.faults.extend(error.faults)
        return piece
    for slot, column in enumerate(layout.of(Role.NUMBER)):
        _settle_number(column, sheet.numbers[slot], where, piece)
    _settle_throttle(layout, labels, sheet, where, piece)
    _settle_gpus(layout, labels, sheet, names, piece)
    return piece


def _read(block: Block, layout: Layout, sheet: Sheet, piece: Piece) -> _Labels:
    """All rows of a block; those that cannot be read are noted, the first few of them."""
    data, most = block.data, sheet.time_us.size
    numbers, labels = layout.of(Role.NUMBER), _labels(layout)
    kinds, slots = np.zeros((2, layout.width), dtype=np.int64)
    for group in (layout.of(Role.TIME), numbers, labels):
        for slot, column in enumerate(group):
            kinds[column.place], slots[column.place] = KINDS.get(column.known.role, kernel.LABEL), slot
    units = np.frombuffer("".join(column.known.unit for column in numbers).encode(), dtype=np.uint8)
    ends = np.cumsum([0, *(len(column.known.unit) for column in numbers)])
    zone, codes = np.empty(most, dtype=np.int8), np.empty((len(labels), most), dtype=np.int16)
    spans = np.zeros((len(labels), kernel.MOST_LABELS, 2), dtype=np.uint64)
    follows = np.zeros((len(labels), kernel.MOST_LABELS + 1), dtype=np.int64)
    counts = np.zeros(len(labels), dtype=np.int64)
    lines_out: list[int] = []
    rows, at = 0, np.uint64(0)
    while at < data.size and len(piece.faults) < MOST_LISTED:
        rows, at, fault, place = kernel.read_samples(
            data, at, kinds, slots, units, ends, sheet.time_us, zone, sheet.numbers, codes, spans, counts, follows, rows
        )
        if fault != kernel.FINE:
            number, end = layout.line_at(block.offset + int(at)), block.end_of_line(int(at))
            _note(block.text(int(at), end), number, fault, place, layout, piece)
            lines_out.append(number)
            at = np.uint64(end + 1)
    texts = [[block.text(*span) for span in spans[slot, : counts[slot]].tolist()] for slot in range(len(labels))]
    return _Labels(codes[:, :rows], texts, zone[:rows], lines_out)


def _labels(layout: Layout) -> list[Column]:
    return layout.of(Role.MASK, Role.FLAG, Role.GPU, Role.UUID)


def _note(line: str, number: int, fault: int, place: int, layout: Layout, piece: Piece) -> None:
    """Say what is wrong with a line; a header in the middle is no fault: the log was begun again."""
    where = f"{layout.shown}:{number}"
    cells = [
        cell.strip() for cell in next(csv.reader([line[:LONGEST_SHOWN].replace("\r", " ")], skipinitialspace=True))
    ]
    when = layout.of(Role.TIME)[0]
    if when.place < len(cells) and cells[when.place] == when.name:
        piece.dropped[REPEATED_HEADERS] += 1
        return
    if len(cells) != layout.width:
        comma = len(cells) > layout.width and DECIMAL_COMMA.search(line)
        what = f"the row has {len(cells)} cells, not {layout.width}"
        mend = MEND_COMMA if comma else "Remove the row"
        piece.faults.add("table-row-width", where, what, "Every row has as many cells as there are columns", mend)
        return
    column = next((one for one in layout.columns if one.place == place), None)
    name, cell = column.name if column else f"column {place + 1}", cells[place]
    if fault == kernel.BAD_TIME:
        what, mend = f"{clipped(cell)} is no time", "Correct the cell, or drop the row"
        piece.faults.add("telemetry-time", f"{where} {name}", what, TIMES, mend)
    elif fault == kernel.MANY_LABELS:
        what = f"a few thousand rows hold more than {kernel.MOST_LABELS} different texts"
        piece.faults.add("telemetry-labels", f"{where} {name}", what, "GPUs and reasons are few", "Check the column")
    elif fault == kernel.BAD_NUMBER and column is not None:
        comma = DECIMAL_COMMA.search(cell)
        code = "table-decimal-comma" if comma else "table-not-a-number"
        what = f"{clipped(cell)} {'has a decimal comma' if comma else 'is not a number'}"
        unit = f", with {column.known.unit} behind it or without" if column.known.unit else ""
        mend = MEND_COMMA if comma else "Correct the cell, or drop the row"
        piece.faults.add(code, f"{where} {name}", what, f"A number is needed{unit}", mend)
    else:
        what = "quotation marks stand inside a cell"
        piece.faults.add("table-quotes", f"{where} {name}", what, "They enclose a cell", "Correct the cell")


def _line_of(block: Block, layout: Layout, lines_out: list[int], row: int) -> int:
    """Line of a row; counted only for messages."""
    numbered = enumerate(block.data.tobytes().split(b"\n"), start=layout.line_at(block.offset))
    lines = [number for number, line in numbered if line.strip() and not line.startswith(b"#")]
    return [number for number in lines if number not in lines_out][row]


def _settle_number(column: Column, values: NDArray[np.float64], where: Where, piece: Piece) -> None:
    """Bring a column into the unit of its quantity; a value that cannot be is a fault, DCGM's blanks are none."""
    quantity, factor = column.known.quantity, column.known.factor
    if quantity is None:
        raise AssertionError("a column of numbers has a quantity")
    low, high, unit = PLAUSIBLE[quantity]
    # fmin and fmax pass NaN over; most columns need no second look.
    if np.fmin.reduce(values) * factor < low or np.fmax.reduce(values) * factor > high:
        values[:], blanks = without_blanks(quantity, values)
        piece.dropped[BLANKS] += blanks
        scaled = values * factor
        for row in np.flatnonzero((scaled < low) | (scaled > high))[:MOST_LISTED].tolist():
            what = f"{scaled[row]:.10g} {unit} is not possible for one GPU"
            allowed = f"{quantity.value} lies between {low:g} and {high:g} {unit}"
            piece.faults.add("telemetry-range", where(row, column), what, allowed, "Check unit and column")
    if factor != 1.0:
        values *= factor


def _settle_throttle(layout: Layout, labels: _Labels, sheet: Sheet, where: Where, piece: Piece) -> None:
    """The mask of reasons; single columns stand in for it where it was not asked for."""
    masks: list[NDArray[np.int32]] = []
    flags: list[NDArray[np.int32]] = []
    for slot, column in enumerate(_labels(layout)):
        if column.known.role not in (Role.MASK, Role.FLAG):
            continue
        values = np.full(len(labels.texts[slot]) + 1, NO_MASK, dtype=np.int32)
        for code, label in enumerate(labels.texts[slot]):
            try:
                values[code] = _mask(label) if column.known.bit is None else FLAGS[label] * column.known.bit
            except (ValueError, KeyError, OverflowError):
                row = int(np.argmax(labels.codes[slot] == code))
                what = f"{clipped(label)} is no mask of reasons and neither Active nor Not Active"
                allowed = "A mask is needed, e.g. 0x0000000000000004, or Active"
                piece.faults.add("telemetry-throttle", where(row, column), what, allowed, "Correct the cell")
        found = values[labels.codes[slot]]
        piece.dropped[BLANKS] += int(np.count_nonzero((found == NO_MASK) & (labels.codes[slot] >= 0)))
        (masks if column.known.bit is None else flags).append(found)
    if masks or flags:
        unknown = np.any([found == NO_MASK for found in flags], axis=0)
        sheet.throttle[:] = masks[0] if masks else np.where(unknown, NO_MASK, np.sum(flags, axis=0))


def _mask(label: str) -> int:
    """A mask, hexadecimal or decimal; DCGM's blank is none."""
    mask = float(int(label, 0)) if label[:2].casefold() == "0x" else float(label)
    if without_blanks(Quantity.THROTTLE, np.array([mask]))[1]:
        return NO_MASK
    if not 0 <= mask <= PLAUSIBLE[Quantity.THROTTLE][1] or mask != int(mask):
        raise ValueError(label)
    return int(mask)


def _settle_gpus(layout: Layout, labels: _Labels, sheet: Sheet, names: GpuNames, piece: Piece) -> None:
    """Number the GPUs; rows of those that are not asked for are none."""
    asked = set(layout.options.gpus)
    columns = _labels(layout)
    slots = [columns.index(column) for role in (Role.GPU, Role.UUID) for column in layout.of(role)]
    if not slots:
        sheet.gpu[:] = names.number(layout.options.gpus[0])
        return
    texts, codes = labels.texts[slots[-1]], labels.codes[slots[-1]]  # a UUID, where there is one, is the name
    piece.dropped[UNNAMED_ROWS] += int(np.count_nonzero(codes < 0))
    numbers = np.array([*(names.number(text) for text in texts), NO_ROW], dtype=np.int16)
    sheet.gpu[:] = numbers[codes]
    if asked:
        wanted = np.zeros(codes.size, dtype=np.bool_)
        for slot in slots:
            wanted |= np.array([*(text in asked for text in labels.texts[slot]), False], dtype=np.bool_)[
                labels.codes[slot]
            ]
        sheet.gpu[~wanted] = NO_ROW
