"""Lines of comma-separated values to columns: a time, two lengths, a name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compiled import Integers, compiled_in_place
from dynamo_plan.ingest.kernels.instants import MALFORMED, NEVER, ONE, UTC_ZONE, Bytes, Place, Whole, read_instant
from dynamo_plan.schema.requests import MOST_TOKENS

LARGEST = 2**62 // 10
"""Times beyond it [ns] are in another unit than was said."""

COMMA, FEED, RETURN, QUOTE, POINT, MINUS, COMMENT, SPACE, ZERO = 44, 10, 13, 34, 46, 45, 35, 32, 48


@compiled_in_place
def read_number(data: Bytes, at: Place, unit: int) -> tuple[Whole, Place, bool]:
    """A plain decimal number, times `unit`, cut off to a whole number; the first byte behind it; whether there was one."""
    negative = data[at] == MINUS
    if negative:
        at += ONE
    value: Whole = 0
    found = False
    while True:
        digit = np.uint8(data[at] - np.uint8(48))
        if digit > 9:
            break
        value = value * 10 + np.int64(digit)
        if value > LARGEST // unit:
            return 0, at, False
        found = True
        at += ONE
    value *= unit
    if found and data[at] == POINT:
        at += ONE
        while True:
            digit = np.uint8(data[at] - np.uint8(48))
            if digit > 9:
                break
            unit //= 10
            value += np.int64(digit) * unit
            at += ONE
    return -value if negative else value, at, found


@compiled_in_place
def read_length(data: Bytes, at: Place) -> tuple[Whole, Place]:
    """A whole number of tokens, `12` or `12.0`, and the first byte behind it; -1 where there is none, or none that fits."""
    value: Whole = 0
    count = 0
    while True:
        digit = np.uint8(data[at] - np.uint8(48))
        if digit > 9:
            break
        value = value * 10 + np.int64(digit)
        count += 1
        at += ONE
    if data[at] == POINT:
        at += ONE
        while data[at] == ZERO:
            at += ONE
    return (value if 0 < count < 10 and value <= MOST_TOKENS else -1), at


@compiled_in_place
def read_lines(
    data: Bytes,
    begin: Place,
    end: Place,
    columns: Integers,
    unit_ns: int,
    instant_ns: Integers,
    zone: NDArray[np.int8],
    input_tokens: NDArray[np.int32],
    output_tokens: NDArray[np.int32],
    names: Bytes,
    name_ends: NDArray[np.int32],
) -> tuple[int, Place, bool]:
    """Rows from `begin` on, until the output arrays are full, `end` is reached or a line cannot be read.

    Parameters
    ----------
    data : array of uint8
        Every line in it ends in a line feed.
    columns : array of int, shape (4,)
        Numbers of the columns of time, input, output and name, from 0; -1 for no name.
    unit_ns : int
        Unit of the times [ns]; 0 for ISO 8601.
    names, name_ends : array
        The names one behind the other, and where each ends, from index 1 on.

    Returns
    -------
    rows, at : int
        How many were read, and the byte to go on from.
    faulty : bool
        Whether the line that begins there cannot be read: no time or number, a length below 0, or an answer to no input.
    """
    time_column, input_column, output_column, name_column = columns[0], columns[1], columns[2], columns[3]
    last_column = max(time_column, input_column, output_column, name_column)
    last = begin
    last_s: Whole = NEVER
    rows, at, written = 0, begin, np.uint64(0)
    while at < end and rows < instant_ns.size:
        line = at
        if data[at] == FEED or data[at] == RETURN or data[at] == COMMENT:
            while data[at] != FEED:
                at += ONE
            at += ONE
            continue
        good = True
        for column in range(last_column + 1):
            while data[at] == SPACE:
                at += ONE
            quoted = data[at] == QUOTE
            if quoted:
                at += ONE
            if column == time_column:
                if unit_ns == 0:
                    first = at
                    instant, at, found, last_s = read_instant(data, at, end, last, last_s)
                    last = first
                    zone[rows] = found
                    good = found != MALFORMED
                else:
                    instant, at, good = read_number(data, at, unit_ns)
                    zone[rows] = UTC_ZONE
                instant_ns[rows] = instant
            elif column == input_column:
                value, at = read_length(data, at)
                good = bool(value >= 0)
                input_tokens[rows] = value
            elif column == output_column:
                value = 0  # an empty cell is a request that got no answer: it failed, as one of 0 tokens did
                byte = data[at]
                if byte != COMMA and byte != FEED and byte != RETURN and byte != QUOTE:
                    value, at = read_length(data, at)
                good = bool(value >= 0)
                output_tokens[rows] = value
            else:
                first = at
                while data[at] != (QUOTE if quoted else COMMA) and data[at] != FEED and data[at] != RETURN:
                    at += ONE
                if column == name_column:
                    good = bool(written + at - first <= np.uint64(names.size))
                    if good:
                        for place in range(first, at):
                            names[written] = data[place]
                            written += ONE
            if quoted:
                good = good and data[at] == QUOTE
                at += ONE
            if column < last_column:
                good = good and data[at] == COMMA
                at += ONE
            if not good:
                return rows, line, True
        while data[at] == SPACE:
            at += ONE
        if data[at] != COMMA and data[at] != FEED and data[at] != RETURN:
            return rows, line, True
        if input_tokens[rows] == 0 and output_tokens[rows] > 0:
            return rows, line, True
        while data[at] != FEED:
            at += ONE
        at += ONE
        rows += 1
        name_ends[rows] = written
    return rows, at, False
