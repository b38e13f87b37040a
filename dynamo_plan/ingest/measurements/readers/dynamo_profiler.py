"""NVIDIA Dynamo profiler `raw_data.npz`: prefill or decode workers alone.

`prefill_ttft` [ms] over `prefill_isl`, one prompt at a time; `z_itl` [ms] over `x_kv_usage` (share of the KV cache) and `y_context_length`
[tokens]. Arrays of Python objects are never loaded. A worker that only prefills or only decodes is no instance of a profile: these rows
support fits, and `profile ingest` says what they lack.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.gathered import Faults, clipped, listed
from dynamo_plan.ingest.measurements.derived import ratio
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.schema.measurement import Latency, Measurement
from dynamo_plan.units import BYTES_PER_MIB, MS_PER_SECOND

NAME = "dynamo-profiler"
DESCRIPTION = "NVIDIA Dynamo profiler raw_data.npz, prefill or decode"

PREFILL = ("prefill_isl", "prefill_ttft")
DECODE = ("x_kv_usage", "y_context_length", "z_itl", "max_kv_tokens")
ZIP_MAGIC = b"PK\x03\x04"
MOST_ARRAY_BYTES = 16 << 20
"""A profile has hundreds of points."""
READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    NotImplementedError,
    SyntaxError,
    TypeError,
)
"""What a damaged archive or array ends in."""


def sniff(head: bytes, name: str) -> bool:
    """An archive whose first arrays have the profiler's names."""
    return head.startswith(ZIP_MAGIC) and any(f"{name}.npy".encode() in head for name in (*PREFILL, *DECODE))


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement per point."""
    arrays = _arrays(source)
    if all(name in arrays for name in PREFILL):
        for row, (fields, _) in enumerate(_points(source, arrays, PREFILL)):
            ttft_ms = fields.number("prefill_ttft")
            yield (
                Measurement(
                    where=f"{source.shown} [{row}]",
                    format=NAME,
                    input_tokens=fields.number("prefill_isl"),
                    output_tokens=1.0,
                    concurrency=1.0,
                    throughput_rps=ratio(MS_PER_SECOND, ttft_ms),
                    ttft=Latency(mean_ms=ttft_ms),
                    source=f"Dynamo profiler, prefill worker, {source.shown}",
                ),
                fields.faults,
            )
    elif all(name in arrays for name in DECODE):
        for row, (fields, most_tokens) in enumerate(_points(source, arrays, DECODE[:3])):
            usage, context = fields.number("x_kv_usage"), fields.number("y_context_length")
            in_flight = None if usage is None or most_tokens is None else usage * most_tokens
            yield (
                Measurement(
                    where=f"{source.shown} [{row}]",
                    format=NAME,
                    concurrency=ratio(in_flight, context),
                    tbt=Latency(mean_ms=fields.number("z_itl")),
                    source=f"Dynamo profiler, decode worker, {source.shown}",
                ),
                fields.faults,
            )
    else:
        what = f"the archive holds {listed(arrays) or 'no array'}"
        allowed = f"It has {listed(PREFILL)} of prefill, or {listed(DECODE)} of decode"
        raise InputError(Fault("measurement-npz", source.shown, what, allowed, "Name the profiler's raw_data.npz"))


def _points(
    source: Opened, arrays: dict[str, NDArray[np.float64]], names: tuple[str, ...]
) -> Iterator[tuple[Fields, float | None]]:
    """Records of arrays of one length, and the KV cache's tokens where they are stated."""
    lengths = {name: arrays[name].size for name in names}
    if len(set(lengths.values())) > 1:
        what = f"arrays differ in length: {listed(f'{name} {size}' for name, size in lengths.items())}"
        raise InputError(Fault("measurement-npz", source.shown, what, "One value per point", "Profile again"))
    limit = arrays.get("max_kv_tokens")
    most = float(limit[0]) if limit is not None and limit.size and math.isfinite(limit[0]) else None
    for row in range(min(lengths.values())):
        values = {name: float(arrays[name][row]) for name in names}
        yield Fields(f"{source.shown} [{row}]", values), most


def _arrays(source: Opened) -> dict[str, NDArray[np.float64]]:
    try:
        with zipfile.ZipFile(io.BytesIO(source.whole().data)) as archive:
            return {
                member.filename.removesuffix(".npy"): _array(archive, member, source)
                for member in archive.infolist()
                if member.filename.removesuffix(".npy") in (*PREFILL, *DECODE)
            }
    except READ_ERRORS as error:
        raise _damaged(source, error) from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: Opened) -> NDArray[np.float64]:
    """One array of numbers; its header is checked against its size before anything is allocated."""
    if member.file_size > MOST_ARRAY_BYTES:
        what = f"{member.filename} is larger than {MOST_ARRAY_BYTES / BYTES_PER_MIB:.0f} MiB"
        raise InputError(Fault("measurement-npz", source.shown, what, "A profile has hundreds of points", ""))
    with archive.open(member) as file:
        shape, dtype = _header(file)
    if dtype.hasobject or dtype.kind not in "iuf" or math.prod(shape) * dtype.itemsize > member.file_size:
        sort = "Python objects, which are not loaded" if dtype.hasobject else f"{dtype.name}, shape {shape}"
        what = f"{clipped(member.filename)} holds {sort}"
        raise InputError(
            Fault("measurement-npz", source.shown, what, "Arrays of plain numbers are needed", "Profile again")
        )
    with archive.open(member) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False), dtype=np.float64).ravel()


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def _damaged(source: Opened, error: BaseException) -> InputError:
    reason = clipped(str(error).split("\n", 1)[0], most=120)
    return InputError(
        Fault("measurement-npz", source.shown, f"the archive cannot be read: {reason}", "", "Copy it again")
    )
