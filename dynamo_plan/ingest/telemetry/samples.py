"""Samples as the files give them, and their joining to one `Telemetry`: in order, each sample once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.kernels.gpu_rows import mark_used, rises
from dynamo_plan.schema.telemetry import NO_MASK, Quantity, Telemetry

INT32_BLANK = (2147483632.0, 2147483647.0)
FLOAT_BLANK = (140737488355328.0, 140737488355343.0)
INT64_BLANK = (9.22e18, 9.23e18)
"""What DCGM writes where it has no value, the 15 numbers above it saying why: 0x7ffffff0, 2^47, and 0x7ffffffffffffff0, of which text
may keep a few digits only. No quantity comes near the latter two. Source: DCGM, dcgm_structs.h."""

BLANKS = "DCGM blanks"
REPEATS = "samples given twice"

PLAUSIBLE = {
    Quantity.POWER: (0.0, 1e5, "W"),
    Quantity.SM_CLOCK: (0.0, 2e4, "MHz"),
    Quantity.TEMPERATURE: (-60.0, 200.0, "°C"),
    Quantity.UTILISATION: (0.0, 1.0, "of the time"),
    Quantity.ENERGY: (0.0, 1e12, "J"),
    Quantity.THROTTLE: (0.0, 2.0**31 - 1.0, "(mask)"),
}
"""What a sample of one GPU can be at all, and its unit; wide enough that only another unit or a broken cell lies outside."""


type Values = NDArray[Any]
"""Floats, or whole numbers for reasons."""


def empty(quantity: Quantity, size: int) -> Values:
    """A column in which no sample has the quantity."""
    if quantity is Quantity.THROTTLE:
        return np.full(size, NO_MASK, dtype=np.int32)
    return np.full(size, np.nan)


def known(values: Values) -> NDArray[np.bool_]:
    """Which samples have the quantity."""
    return values != NO_MASK if values.dtype.kind == "i" else ~np.isnan(values)


@dataclass(slots=True)
class Samples:
    """Samples in the order of their file; every array has shape (sample,).

    Attributes
    ----------
    gpus : tuple of str
    gpu : array of int
        Index into `gpus`.
    time_us : array of int
        Microseconds since 1970, UTC.
    values : dict of Quantity to array
        As `empty` makes them: NaN where a sample lacks the quantity, `NO_MASK` for reasons.
    dropped : Counter
        What was left out, by what it was.
    """

    gpus: tuple[str, ...]
    gpu: NDArray[np.int16]
    time_us: NDArray[np.int64]
    values: dict[Quantity, Values]
    dropped: Counter[str] = field(default_factory=Counter)


def without_blanks(quantity: Quantity, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Values as a file states them with DCGM's blanks made NaN, and how many there were."""
    blank = np.zeros(values.size, dtype=np.bool_)
    for first, last in (INT32_BLANK, FLOAT_BLANK, INT64_BLANK):
        # NaN compares false, so a missing cell is no blank. A counter of millijoules passes 2^31 after an hour.
        if quantity is not Quantity.ENERGY or first > INT32_BLANK[1]:
            blank |= (values >= first) & (values <= last)
    count = int(np.count_nonzero(blank))
    return (np.where(blank, np.nan, values) if count else values), count


def joined(parts: Sequence[Samples], paths: Sequence[str], faults: Faults) -> Telemetry | None:
    """All samples as one telemetry; None, with the fault noted, where nothing was measured."""
    names = tuple(sorted({name for part in parts for name in _used(part)}, key=_number_first))
    gpu = _whole([_renumbered(part, names) for part in parts], np.int16)
    time_us = _whole([part.time_us for part in parts], np.int64)
    sizes = [part.time_us.size for part in parts]
    order, first = _order(gpu, time_us, len(names)), None
    if order is not None:
        gpu, time_us = gpu[order], time_us[order]
        first = _first_of_each(gpu, time_us)
    dropped = sum((part.dropped for part in parts), Counter[str]())
    columns: dict[str, Any] = {}
    repeats = 0
    for quantity in Quantity:
        whole = _column(quantity, parts, sizes)
        if whole is None:
            continue
        columns[quantity.value], twice = _once(whole if order is None else whole[order], first)
        repeats = max(repeats, twice)
    if repeats:
        dropped[REPEATS] += repeats
    if not columns or not gpu.size:
        what = "there is no sample of power, energy, clock, temperature, utilisation or throttling"
        faults.add("telemetry-nothing", ", ".join(paths), what, "At least one is needed", "Check what was recorded")
        return None
    return Telemetry(
        tuple(paths),
        names,
        gpu if first is None else gpu[first],
        (time_us if first is None else time_us[first]).view("datetime64[us]"),
        **columns,
        dropped=tuple(sorted(dropped.items())),
    )


def _number_first(name: str) -> tuple[bool, int, str]:
    """Order of GPU names: indices as numbers, then all others."""
    return (not name.isdecimal(), len(name) if name.isdecimal() else 0, name)


def _used(part: Samples) -> list[str]:
    """GPUs that have a sample."""
    is_used = np.zeros(len(part.gpus), dtype=np.bool_)
    mark_used(part.gpu, is_used)
    return [name for name, used in zip(part.gpus, is_used.tolist(), strict=True) if used]


def _renumbered(part: Samples, names: Sequence[str]) -> NDArray[np.int16]:
    """The GPU of every sample as an index into `names`, which hold all that are used."""
    index = {name: position for position, name in enumerate(names)}
    numbers = [index.get(name, -1) for name in part.gpus]
    same = numbers == list(range(len(numbers)))  # so it mostly is, and millions of rows need no second look
    return part.gpu if same else np.array(numbers, dtype=np.int16)[part.gpu]


def _order(gpu: NDArray[np.int16], time_us: NDArray[np.int64], gpus: int) -> NDArray[np.int64] | None:
    """Rows by GPU, then by time, then as they came; None where the times of every GPU rise as it is."""
    latest_us = np.full(gpus, np.iinfo(np.int64).min)
    return None if rises(gpu, time_us, latest_us) else np.lexsort((time_us, gpu))


def _first_of_each(gpu: NDArray[np.int16], time_us: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """First row of every pair of GPU and time, in sorted rows; None where every row is one."""
    changes = (gpu[1:] != gpu[:-1]) | (time_us[1:] != time_us[:-1])
    return None if bool(changes.all()) else np.flatnonzero(np.concatenate(([True], changes)))


def _whole[Number: np.generic](parts: list[NDArray[Number]], dtype: type[Number]) -> NDArray[Number]:
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype=dtype), *parts])


def _column(quantity: Quantity, parts: Sequence[Samples], sizes: Sequence[int]) -> Values | None:
    """One quantity over all parts, taken out of them so that it is not held twice; None where none states it."""
    found = [part.values.pop(quantity, None) for part in parts]
    if not any(column is not None and _is_stated(column) for column in found):
        return None
    filled = [empty(quantity, size) if column is None else column for column, size in zip(found, sizes, strict=True)]
    return filled[0] if len(filled) == 1 else np.concatenate(filled)


def _is_stated(values: Values) -> bool:
    """Whether some sample has the quantity; where the first one does, that is all there is to see."""
    return bool(known(values[:1]).any() or known(values).any())


def _once(values: Values, first: NDArray[np.int64] | None) -> tuple[Values, int]:
    """The first value of each group of rows that is one, and how many further ones there were."""
    if first is None:
        return values, 0
    here, rows = known(values), np.arange(values.size)
    found = np.minimum.reduceat(np.where(here, rows, values.size - 1), first)
    further = np.add.reduceat(here.astype(np.int64), first) - 1
    nothing = NO_MASK if values.dtype.kind == "i" else np.nan
    return np.where(further >= 0, values[found], nothing).astype(values.dtype), int(further[further > 0].sum())
