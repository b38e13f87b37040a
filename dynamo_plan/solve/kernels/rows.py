"""Rows of whole numbers: copy, grow, sort, tell apart. Plain loops, because they compile in a fraction of the time of NumPy's own."""

from __future__ import annotations

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled


@compiled
def copied(target: Integers, source: Integers) -> None:
    """Write one state into another."""
    for kind in range(source.size):
        target[kind] = source[kind]


@compiled
def ascending(values: Floats, count: int) -> Integers:
    """Order of the first values, least first, equal ones as they stand (heapsort on value and place)."""
    order = np.empty(count, dtype=np.int64)
    for place in range(count):
        order[place] = place
    end, root = count, count // 2
    while end > 1:
        if root > 0:
            root -= 1
        else:
            end -= 1
            order[0], order[end] = order[end], order[0]
        at = root
        while 2 * at + 1 < end:
            child = 2 * at + 1
            if child + 1 < end and before(values, order[child], order[child + 1]):
                child += 1
            if not before(values, order[at], order[child]):
                break
            order[at], order[child] = order[child], order[at]
            at = child
    return order


@compiled
def before(values: Floats, one: int, other: int) -> bool:
    """Whether one place comes before another."""
    return values[one] < values[other] or (values[one] == values[other] and one < other)


@compiled
def distinct(rows: Integers, used: int, radix: Integers) -> int:
    """Sort the first rows by their number and leave out repetitions; how many are left."""
    codes = np.zeros(used)
    for row in range(used):
        for kind in range(radix.size):
            codes[row] += rows[row, kind] * radix[kind]
    order = ascending(codes, used)
    copy = np.empty((used, radix.size), dtype=np.int64)
    for row in range(used):
        copied(copy[row], rows[row])
    kept = 0
    for row in range(used):
        if row == 0 or codes[order[row]] != codes[order[row - 1]]:
            copied(rows[kept], copy[order[row]])
            kept += 1
    return kept


@compiled
def grown(rows: Integers) -> Integers:
    """The rows with room for twice as many."""
    wider = np.empty((2 * rows.shape[0], rows.shape[1]), dtype=np.int64)
    for row in range(rows.shape[0]):
        for kind in range(rows.shape[1]):
            wider[row, kind] = rows[row, kind]
    return wider


@compiled
def longer[Numbers: (Floats, Integers)](values: Numbers) -> Numbers:
    """The numbers with room for twice as many."""
    wider = np.empty(2 * values.size, dtype=values.dtype)
    for place in range(values.size):
        wider[place] = values[place]
    return wider
