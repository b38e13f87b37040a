"""Rows of a telemetry CSV to columns: times, numbers with their units, texts of which there are few.

Every line ends in a line feed, so that no loop runs past the data. Positions are unsigned, see `instants`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compiled import Floats, Integers, compiled_in_place
from dynamo_plan.ingest.kernels.instants import MINUTE_BYTES, NO_ZONE, OTHER_ZONE, UTC_ZONE, Bytes, days_of, same_minute

SKIPPED, TIME, NUMBER, LABEL = range(4)
"""What a column is."""

FINE, BAD_TIME, BAD_NUMBER, MANY_LABELS, BAD_CELL, NARROW, WIDE = range(7)
"""What is wrong with a row; the last two: it has too few or too many cells."""

MOST_LABELS = 512
"""Texts of one column that a block may hold: GPUs of a rack, combinations of reasons."""

MOST_VALUE = 10**17
"""A further digit still fits 64 bits; those behind it are beyond what a float holds."""

LEAST_EPOCH_MS = 1e11
"""Above it a count since 1970 is of milliseconds: as seconds it would be the year 5138."""

MOST_EPOCH = 1e15
MOST_POWER = 400
US = 1_000_000
LEAST_DAYS = -(2**40)
POWERS = 10.0 ** np.arange(23)
"""Exact as floats, so that a number of up to 15 digits divided by one is the float nearest to what is written."""

COMMA, QUOTE, SPACE, NEWLINE, RETURN, POINT, MINUS, PLUS, SLASH, COLON, HASH = (
    44,
    34,
    32,
    10,
    13,
    46,
    45,
    43,
    47,
    58,
    35,
)
OPEN, CLOSE, ZERO, NINE, SMALL_E, LARGE_E, LARGE_T, LARGE_Z = 91, 93, 48, 57, 101, 69, 84, 90
NO_VALUE = ("N/A", "n/a", "ERR!", "nan", "NaN", "null", "None")
"""What tools write where there is no value; nvidia-smi also puts the reason in brackets."""

WORDS = np.array([list(word.encode().ljust(4, b"\0")) for word in NO_VALUE], dtype=np.uint8)

Place = np.uint64
Places = NDArray[np.uint64]
ONE, TWO, THREE, FOUR, SIX = (np.uint64(count) for count in (1, 2, 3, 4, 6))
DATE_BYTES, TO_MINUTE_BYTES, TO_SECOND_BYTES = np.uint64(10), np.uint64(17), np.uint64(19)


@compiled_in_place
def count_lines(data: Bytes) -> int:
    """Line feeds in the data."""
    count = 0
    for index in range(data.size):
        count += data[index] == NEWLINE
    return count


@compiled_in_place
def ends_cell(byte: int) -> bool:
    """Whether a byte ends a cell: a comma, a quotation mark or the end of the line."""
    return byte == COMMA or byte == NEWLINE or byte == QUOTE or byte == RETURN


@compiled_in_place
def pair(data: Bytes, at: Place) -> np.int64:
    """A number of two digits; below 0 where they are none."""
    tens, ones = np.int64(data[at]) - ZERO, np.int64(data[at + ONE]) - ZERO
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else np.int64(-1)


@compiled_in_place
def read_decimal(data: Bytes, at: Place) -> tuple[float, Place]:
    """A decimal number that begins at `at`, and the first byte behind it; that is `at` where there is none."""
    first = at
    negative = data[at] == MINUS
    if negative or data[at] == PLUS:
        at += ONE
    value, shift, seen = np.int64(0), 0, False
    while ZERO <= data[at] <= NINE:
        if value < MOST_VALUE:
            value = value * 10 + (np.int64(data[at]) - ZERO)
        else:
            shift += 1
        seen = True
        at += ONE
    if data[at] == POINT:
        at += ONE
        while ZERO <= data[at] <= NINE:
            if value < MOST_VALUE:
                value = value * 10 + (np.int64(data[at]) - ZERO)
                shift -= 1
            seen = True
            at += ONE
    if not seen:
        return np.nan, first
    if data[at] == SMALL_E or data[at] == LARGE_E:
        sign, here = 1, at + ONE
        if data[here] == MINUS or data[here] == PLUS:
            sign = -1 if data[here] == MINUS else 1
            here += ONE
        power, begin = np.int64(0), here
        while ZERO <= data[here] <= NINE:
            if power < MOST_POWER:
                power = power * 10 + (np.int64(data[here]) - ZERO)
            here += ONE
        if here > begin:
            shift += sign * int(power)
            at = here
    number = float(value)
    while shift < 0 and number != 0.0:
        step = min(-shift, 22)
        number /= POWERS[step]
        shift += step
    while shift > 0 and number != 0.0 and not np.isinf(number):
        step = min(shift, 22)
        number *= POWERS[step]
        shift -= step
    return (-number if negative else number), at


@compiled_in_place
def behind_no_value(data: Bytes, at: Place) -> Place:
    """The first byte behind a cell that says that there is no value; 0 where it says something else."""
    if data[at] == OPEN:
        while data[at] != CLOSE and data[at] != NEWLINE:
            at += ONE
        return at + ONE if data[at] == CLOSE else np.uint64(0)
    if ends_cell(data[at]):
        return at
    for word in range(WORDS.shape[0]):
        here, same = at, True
        for index in range(WORDS.shape[1]):
            if WORDS[word, index] == 0:
                break
            if data[here] != WORDS[word, index]:
                same = False
                break
            here += ONE
        if same and (ends_cell(data[here]) or data[here] == SPACE):
            return here
    return np.uint64(0)


@compiled_in_place
def read_minute(data: Bytes, at: Place) -> np.int64:
    """Date, hour and minute since 1970 [us]; below `LEAST_DAYS` where they are none."""
    year, century = pair(data, at + TWO), pair(data, at)
    day_at = at + np.uint64(8)
    month, day = pair(data, at + np.uint64(5)), pair(data, day_at)
    hour, minute = pair(data, at + np.uint64(11)), pair(data, at + np.uint64(14))
    between = data[at + DATE_BYTES]
    separated = data[at + np.uint64(7)] == data[at + FOUR] and (between == SPACE or between == LARGE_T)
    separated = separated and data[at + np.uint64(13)] == COLON
    if not separated or min(century, year, month, day, hour, minute) < 0 or hour > 23 or minute > 59:
        return np.int64(2 * LEAST_DAYS)
    days = days_of(int(century * 100 + year), int(month), int(day))
    return np.int64(((days * 24 + int(hour)) * 60 + int(minute)) * 60 * US if days > LEAST_DAYS else 2 * LEAST_DAYS)


@compiled_in_place
def read_moment(data: Bytes, at: Place, minute_at: Place, minute_us: np.int64) -> tuple[np.int64, Place, int, np.int64]:
    """A time that begins at `at`.

    Parameters
    ----------
    minute_at, minute_us : int
        Where the minute of an earlier time is written, and that minute since 1970 [us]: samples share their minutes. Without an
        earlier one it is the time itself.

    Returns
    -------
    moment_us : int
        As written, since 1970 [us].
    at : int
        The first byte behind it.
    zone : int
        What it says of its zone; -1 where there is no time.
    minute_us : int
        Its minute.
    """
    size = np.uint64(data.size)
    if size - at <= TO_SECOND_BYTES or (data[at + FOUR] != SLASH and data[at + FOUR] != MINUS):
        number, end = read_decimal(data, at)
        if end == at or not 0.0 <= number < MOST_EPOCH:
            return np.int64(0), at, -1, minute_us
        in_us = number * 1000.0 if number >= LEAST_EPOCH_MS else number * 1e6
        return np.int64(np.rint(in_us)), end, UTC_ZONE, minute_us
    if minute_at == at or not same_minute(data, at, minute_at):
        minute_us = read_minute(data, at)
    second = pair(data, at + TO_MINUTE_BYTES)
    if minute_us < LEAST_DAYS or data[at + MINUTE_BYTES] != COLON or second < 0 or second > 59:
        return np.int64(0), at, -1, minute_us
    moment = minute_us + second * US
    at += TO_SECOND_BYTES
    if data[at] == POINT:
        at += ONE
        scale = US
        while ZERO <= data[at] <= NINE:
            scale //= 10
            moment += (np.int64(data[at]) - ZERO) * scale
            at += ONE
    here = at
    while data[here] == SPACE:
        here += ONE
    if data[here] == LARGE_Z:
        return moment, here + ONE, UTC_ZONE, minute_us
    if (data[here] != MINUS and data[here] != PLUS) or size - here <= SIX:
        return moment, at, NO_ZONE, minute_us
    behind = here + THREE + (ONE if data[here + THREE] == COLON else np.uint64(0))
    hours, minutes = pair(data, here + ONE), pair(data, behind)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return np.int64(0), at, -1, minute_us
    ahead = (hours * 60 + minutes) * 60 * US
    return (moment + ahead if data[here] == MINUS else moment - ahead), behind + TWO, OTHER_ZONE, minute_us


@compiled_in_place
def behind_same(data: Bytes, at: Place, first: Place, stop: Place) -> Place:
    """The first byte behind a cell that holds the same text as another place; 0 where it holds something else."""
    size = stop - first
    if size >= np.uint64(data.size) - at:
        return np.uint64(0)
    different = np.uint8(0)
    for index in range(size):  # without a way out of it, so that it becomes comparisons of vectors
        different |= data[at + index] ^ data[first + index]
    return at + size if different == 0 and ends_cell(data[at + size]) else np.uint64(0)


@compiled_in_place
def label_of(data: Bytes, at: Place, stop: Place, spans: Places, count: int) -> np.int64:
    """Number of a text among those seen, or `count` where it is new."""
    for code in range(count):
        if spans[code, 1] - spans[code, 0] == stop - at:
            same, here, there = True, at, spans[code, 0]
            while here < stop:
                if data[here] != data[there]:
                    same = False
                    break
                here += ONE
                there += ONE
            if same:
                return np.int64(code)
    return np.int64(count)


@compiled_in_place
def read_samples(
    data: Bytes,
    at: Place,
    kinds: Integers,
    slots: Integers,
    units: Bytes,
    unit_ends: Integers,
    moment_us: Integers,
    zone: NDArray[np.int8],
    numbers: Floats,
    codes: NDArray[np.int16],
    spans: Places,
    counts: Integers,
    follows: Integers,
    row: int,
) -> tuple[int, Place, int, int]:
    """Rows from `at` on, to the end of the data or to the first that cannot be read.

    Parameters
    ----------
    kinds, slots : array of int, shape (column,)
        What each column is, and which row of `numbers` or `codes` it goes to.
    units, unit_ends : array
        Units of the numbers one behind the other, and where each ends, from index 1 on; a cell may repeat its unit.
    moment_us, zone : array, shape (row,)
        Times since 1970 as written [us], and what each says of its zone.
    numbers : array of float, shape (number column, row)
        NaN where a cell says that there is no value.
    codes : array of int, shape (label column, row)
        Index into the column's `spans`; -1 where there is no value.
    spans : array of uint, shape (label column, label, 2)
        Where in `data` each text begins and ends; `counts` says how many there are.
    follows : array of int, shape (label column, label + 1)
        Which text came after each, and in the last place which came last. GPUs come in turn and reasons stay: it mostly does so again.
    row : int
        Where in the output to go on.

    Returns
    -------
    rows, at : int
        Rows in the output, and where to go on: at the end, or at the line that cannot be read.
    fault, column : int
        What is wrong with that line, and in which column.
    """
    end, width = np.uint64(data.size), kinds.size
    minute_at, minute_us = end, np.int64(0)
    while at < end:
        line = at
        if data[at] == NEWLINE or data[at] == RETURN or data[at] == HASH:
            while data[at] != NEWLINE:
                at += ONE
            at += ONE
            continue
        for column in range(width):
            while data[at] == SPACE:
                at += ONE
            quoted = data[at] == QUOTE
            if quoted:
                at += ONE
            kind, slot = kinds[column], slots[column]
            if kind == NUMBER:
                number, here = read_decimal(data, at)
                if here > at:
                    while data[here] == SPACE:
                        here += ONE
                    if not ends_cell(data[here]):
                        for index in range(unit_ends[slot], unit_ends[slot + 1]):
                            if data[here] != units[index]:
                                return row, line, BAD_NUMBER, column
                            here += ONE
                else:
                    here = behind_no_value(data, at)
                    if here == 0:
                        return row, line, BAD_NUMBER, column
                numbers[slot, row] = number
                at = here
            elif kind == TIME:
                first = at
                before = minute_at if minute_at < end else at
                moment_us[row], at, found, minute_us = read_moment(data, at, before, minute_us)
                if found < 0:
                    return row, line, BAD_TIME, column
                minute_at, zone[row] = first, found
            elif kind == LABEL:
                latest = follows[slot, MOST_LABELS]
                code, first = follows[slot, latest], at
                at = np.uint64(0)
                if code < counts[slot]:
                    at = behind_same(data, first, spans[slot, code, 0], spans[slot, code, 1])
                if at == 0:
                    at, code = first, np.int64(-1)
                    while (quoted or data[at] != COMMA) and data[at] != NEWLINE and data[at] != QUOTE:
                        at += ONE
                    stop = at
                    while stop > first and (data[stop - ONE] == SPACE or data[stop - ONE] == RETURN):
                        stop -= ONE
                    if behind_no_value(data, first) == 0:
                        code = label_of(data, first, stop, spans[slot], counts[slot])
                        if code == MOST_LABELS:
                            return row, line, MANY_LABELS, column
                        if code == counts[slot]:
                            spans[slot, code, 0], spans[slot, code, 1] = first, stop
                            counts[slot] += 1
                if code >= 0:
                    follows[slot, latest] = code
                    follows[slot, MOST_LABELS] = code
                codes[slot, row] = code
            else:
                while (quoted or data[at] != COMMA) and data[at] != NEWLINE and data[at] != QUOTE:
                    at += ONE
            while data[at] == SPACE or data[at] == RETURN:
                at += ONE
            closed = data[at] == QUOTE
            if closed:
                at += ONE
                while data[at] == SPACE or data[at] == RETURN:
                    at += ONE
            if closed != quoted or (data[at] != COMMA and data[at] != NEWLINE):
                return row, line, (BAD_NUMBER if kind == NUMBER else BAD_TIME if kind == TIME else BAD_CELL), column
            if column < width - 1:
                if data[at] != COMMA:
                    return row, line, NARROW, column
                at += ONE
        if data[at] != NEWLINE:
            return row, line, WIDE, width - 1
        at += ONE
        row += 1
    return row, at, FINE, 0
