"""A telemetry CSV of any length, block by block: read on the machine's cores, in bounded memory."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from io import BufferedReader
from itertools import cycle
from pathlib import Path

import numpy as np

from dynamo_plan.ingest.gathered import MOST_LISTED, Faults
from dynamo_plan.ingest.kernels.samples import NEWLINE, count_lines
from dynamo_plan.ingest.telemetry.csv_block import NO_ROW, Block, GpuNames, Layout, Piece, Sheet, parse_block
from dynamo_plan.ingest.telemetry.csv_columns import Column, Role
from dynamo_plan.ingest.telemetry.options import TelemetryOptions
from dynamo_plan.ingest.telemetry.samples import Samples, Values
from dynamo_plan.parallel import cores
from dynamo_plan.schema.telemetry import Quantity

BLOCK_BYTES = 1 << 22
"""Large enough that starting on a block costs nothing, small enough for the cache."""

SAMPLE_BYTES = 1 << 16
"""Of the beginning of a file, from which the number of its rows is guessed."""

GROWTH = 1.5
"""By which the sheet grows where the lines at the beginning were longer than later ones."""

LONGEST_HEADER = 1 << 20
"""Bytes; a longer line holds no names of columns."""

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
    # One is filled while the others are read; memory that is new for every block would take longer than reading the file.
    buffers = [bytearray(BLOCK_BYTES) for _ in range(workers + 1)]
    with path.open("rb") as file, ThreadPoolExecutor(workers) as pool:
        sheet = Sheet.empty(layout, _likely_rows(file, header_lines))
        running: deque[Future[Piece]] = deque()
        for block in _blocks(file, header_lines, buffers, dropped := Counter[str]()):
            rows = slice(start, start + count_lines(block.data))
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


def _likely_rows(file: BufferedReader, header_lines: int) -> int:
    """Rows of a file if all lines are as short as the shortest at its beginning; memory that is not filled costs nothing."""
    lines = file.read(SAMPLE_BYTES).splitlines(keepends=True)[header_lines:-1]
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size // max(min((len(line) for line in lines if line.strip()), default=size or 1), 1) + 1


def _blocks(
    file: BufferedReader, header_lines: int, buffers: Sequence[bytearray], dropped: Counter[str]
) -> Iterator[Block]:
    """Whole lines of a file, a buffer at a time, and where in the file they begin; the buffers are filled in turn."""
    if file.read(len(BOM)) != BOM:
        file.seek(0)
    for _ in range(header_lines):
        file.readline(LONGEST_HEADER)
    offset, begun = file.tell(), b""
    for buffer in cycle(buffers):
        buffer[: len(begun)] = begun
        filled = len(begun) + file.readinto(memoryview(buffer)[len(begun) :])
        at_end, end = filled < len(buffer), buffer.rfind(b"\n", 0, filled) + 1
        if not end and not at_end:  # a line that no buffer holds is cut into two, of which the second is no row
            buffer[-1], end = NEWLINE, filled
        if end:
            yield Block(np.frombuffer(buffer, dtype=np.uint8, count=end), offset)
        offset, begun = offset + end, bytes(memoryview(buffer)[end:filled])
        if at_end:
            dropped[CUT_OFF] += bool(begun)  # while it was written: who knows what the last cell was to be
            return
