"""A telemetry CSV of any length, block by block: read on the machine's cores, in bounded memory."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dynamo_plan.ingest.gathered import MOST_LISTED, Faults
from dynamo_plan.ingest.kernels.samples import NEWLINE
from dynamo_plan.ingest.telemetry.csv_block import NO_ROW, Block, GpuNames, Layout, Piece, Sheet, parse_block
from dynamo_plan.ingest.telemetry.csv_columns import Column, Role
from dynamo_plan.ingest.telemetry.options import TelemetryOptions
from dynamo_plan.ingest.telemetry.samples import Samples, Values
from dynamo_plan.parallel import cores
from dynamo_plan.schema.telemetry import Quantity

BLOCK_BYTES = 1 << 22
"""Large enough that starting on a block costs nothing, small enough for the cache."""

SAMPLE_LINES = 1000
GROWTH = 1.5
"""By which the sheet grows where the lines at the beginning were longer than later ones."""

LONGEST_LINE = 1 << 20
"""Bytes; a longer one is no row of a table."""

BOM = b"\xef\xbb\xbf"
CUT_OFF = "last lines without an end"


def read_stream(
    path: Path,
    columns: tuple[Column, ...],
    width: int,
    options: TelemetryOptions,
    faults: Faults,
    *,
    header_lines: int,
) -> Samples | None:
    """Read the columns of a CSV whose rows have `width` cells; note faults and return None where that cannot be done."""
    layout = Layout(path, columns, width, options)
    if not layout.of(Role.GPU, Role.UUID) and len(options.gpus) != 1:
        what = "no column says which GPU a row is of"
        mend = "Record index or uuid too, or say that it is one: --gpu-id 0"
        faults.add("telemetry-gpu-unnamed", layout.shown, what, "Rows of several GPUs must be told apart", mend)
        return None
    workers = min(cores(), 8)  # the reading of the file does not feed more
    pieces: list[Piece] = []
    names, start = GpuNames(), 0
    with path.open("rb") as file, ThreadPoolExecutor(workers) as pool:
        sheet = Sheet.empty(layout, _likely_rows(file, header_lines))
        running: deque[Future[Piece]] = deque()
        for block in _blocks(file, header_lines, dropped := Counter[str]()):
            # Five times as fast as `bytes.count`, in the one thread for which all others wait.
            lines = int(np.count_nonzero(np.frombuffer(block.data, dtype=np.uint8) == NEWLINE))
            rows = slice(start, start + lines)
            if rows.stop > sheet.gpu.size:
                wait(running)  # they still write into the smaller one
                sheet = sheet.grown(layout, start, int(rows.stop * GROWTH))
            running.append(pool.submit(parse_block, block, layout, sheet.part(rows), names))
            start = rows.stop
            if len(running) > workers:
                pieces.append(running.popleft().result())
                if len(pieces[-1].faults):
                    break
        pieces += [one.result() for one in running]
    for piece in pieces:
        faults.extend(list(piece.faults)[:MOST_LISTED])
        dropped += piece.dropped
    if any(len(piece.faults) for piece in pieces):
        return None
    return _samples(layout, sheet.part(slice(0, start)), list(names), dropped)


def _samples(layout: Layout, sheet: Sheet, names: list[str], dropped: Counter[str]) -> Samples:
    """The rows of a sheet as they stand in the file."""
    is_row = sheet.gpu != NO_ROW
    if not is_row.all():
        time_us, gpu, numbers = sheet.time_us[is_row], sheet.gpu[is_row], sheet.numbers[:, is_row]
        sheet = Sheet(time_us, gpu, numbers, sheet.throttle[is_row] if sheet.throttle.size else sheet.throttle)
    values: dict[Quantity, Values] = {}
    for slot, column in enumerate(layout.of(Role.NUMBER)):
        if column.known.quantity is not None:
            values[column.known.quantity] = sheet.numbers[slot]
    if sheet.throttle.size:
        values[Quantity.THROTTLE] = sheet.throttle
    return Samples(tuple(names), sheet.gpu, sheet.time_us, values, dropped)


def _likely_rows(file: BinaryIO, header_lines: int) -> int:
    """Rows of a file if all lines are as short as the shortest at its beginning; memory that is not filled costs nothing."""
    lines = file.read(BLOCK_BYTES).splitlines(keepends=True)[header_lines:SAMPLE_LINES]
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size // max(min((len(line) for line in lines if line.strip()), default=size or 1), 1) + 1


def _blocks(file: BinaryIO, header_lines: int, dropped: Counter[str]) -> Iterator[Block]:
    """Whole lines of a file, several megabytes at a time, and where in the file they begin."""
    if file.read(len(BOM)) != BOM:
        file.seek(0)
    for _ in range(header_lines):
        file.readline(LONGEST_LINE)
    offset = file.tell()
    while data := file.read(BLOCK_BYTES):
        data += file.readline(LONGEST_LINE)
        if not data.endswith(b"\n"):  # cut off while it was written: who knows what the last cell was to be
            whole, _, rest = data.rpartition(b"\n")
            dropped[CUT_OFF] += bool(rest)
            data = whole + b"\n" if whole else b""
        if data:
            yield Block(data, offset)
        offset = file.tell()
