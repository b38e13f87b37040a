"""ISO 8601 dates and times, read from bytes.

Positions are unsigned: for a signed one numba would ask at every byte whether it counts from the end, which doubles the time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compiled import Integers, compiled_in_place

NANOSECONDS = 1_000_000_000
NO_ZONE, UTC_ZONE, OTHER_ZONE, MALFORMED = 0, 1, 2, -1
"""What a time says of its zone; MALFORMED where it is no time."""

NEVER = -(2**62)
"""No date."""

ONE, UTC_BYTES, MINUTE_BYTES = np.uint64(1), np.uint64(6), np.uint64(16)
POWERS = np.array([10**exponent for exponent in range(10)])
DIGITS_OF_A_SECOND = 9

Bytes = NDArray[np.uint8]
Place = np.uint64
type Whole = int | np.int64


@compiled_in_place
def digits(data: Bytes, at: Place, count: int) -> Whole:
    """A number of exactly `count` digits; below 0 where they are none."""
    value: Whole = 0
    for _ in range(count):
        digit = np.int64(data[at]) - 48
        # What is no number stays none: NEVER times ten wraps around, and twice so it is a date.
        value = value * 10 + digit if value >= 0 and 0 <= digit <= 9 else NEVER
        at += ONE
    return value


@compiled_in_place
def days_of(year: Whole, month: Whole, day: Whole) -> Whole:
    """Days from 1970-01-01 to a date of the Gregorian calendar; NEVER where there is no such date."""
    if month < 1 or month > 12 or day < 1:
        return NEVER
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 30 + (month + month // 8) % 2
    if month == 2:
        longest = 29 if leap else 28
    if day > longest:
        return NEVER
    # Years that begin in March end in the leap day; 153 days are five months, 719468 lead from the year 0 to 1970.
    shifted = year - 1 if month <= 2 else year
    in_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + in_year - 719468


@compiled_in_place
def same_minute(data: Bytes, at: Place, before: Place) -> bool:
    """Whether two times agree to the minute, in their first sixteen bytes; one comparison of vectors."""
    different = np.uint8(0)
    for index in range(MINUTE_BYTES):
        different |= data[at + index] ^ data[before + index]
    return bool(different == 0)


@compiled_in_place
def read_minute(data: Bytes, at: Place) -> Whole:
    """Seconds since 1970-01-01T00:00 of a date and time to the minute, sixteen bytes; NEVER where it is none."""
    year, month, day = digits(data, at, 4), digits(data, at + np.uint64(5), 2), digits(data, at + np.uint64(8), 2)
    hour, minute = digits(data, at + np.uint64(11), 2), digits(data, at + np.uint64(14), 2)
    dashes = data[at + np.uint64(4)] == 45 and data[at + np.uint64(7)] == 45 and data[at + np.uint64(13)] == 58
    between = data[at + np.uint64(10)]
    if not dashes or (between != 32 and between != 84) or min(year, hour, minute) < 0 or hour > 23 or minute > 59:
        return NEVER
    days = days_of(year, month, day)
    return NEVER if days == NEVER else days * 86400 + hour * 3600 + minute * 60


@compiled_in_place
def is_utc_offset(data: Bytes, at: Place, end: Place) -> bool:
    """Whether `+00:00` stands here."""
    if at + UTC_BYTES > end or data[at] != 43 or data[at + np.uint64(3)] != 58:
        return False
    zeros = data[at + ONE] == 48 and data[at + np.uint64(2)] == 48 and data[at + np.uint64(4)] == 48
    return bool(zeros and data[at + np.uint64(5)] == 48)


@compiled_in_place
def read_instant(data: Bytes, at: Place, end: Place, last: Place, last_s: Whole) -> tuple[Whole, Place, int, Whole]:
    """A time that begins at `at` and ends before `end` at the latest.

    Parameters
    ----------
    last, last_s : int
        Where a minute stands that was read before, and its seconds since 1970: rows of a log share their minutes. NEVER if there is none.

    Returns
    -------
    instant : int
        Since 1970-01-01T00:00 in the zone UTC [ns]; what is finer is cut off.
    at : int
        The first byte behind it.
    zone : int
        `NO_ZONE`, `UTC_ZONE`, `OTHER_ZONE` or `MALFORMED`.
    minute_s : int
        Seconds of its minute, for the next call.
    """
    if end < at + MINUTE_BYTES:
        return 0, at, MALFORMED, NEVER
    minute_s = last_s
    if last_s == NEVER or not same_minute(data, at, last):
        minute_s = read_minute(data, at)
    if minute_s == NEVER:
        return 0, at, MALFORMED, NEVER
    at += MINUTE_BYTES
    second: Whole = 0
    fraction: Whole = 0
    if at + np.uint64(2) < end and data[at] == 58:
        second = digits(data, at + ONE, 2)
        if second < 0 or second > 59:
            return 0, at, MALFORMED, minute_s
        at += np.uint64(3)
        if at < end and data[at] == 46:
            at += ONE
            count = 0
            while at < end:
                digit = np.uint8(data[at] - np.uint8(48))
                if digit > 9:
                    break
                if count < DIGITS_OF_A_SECOND:
                    fraction = fraction * 10 + np.int64(digit)
                    count += 1
                at += ONE
            fraction *= POWERS[DIGITS_OF_A_SECOND - count]
    instant = (minute_s + second) * NANOSECONDS + fraction
    if is_utc_offset(data, at, end):  # what most logs write
        return instant, at + UTC_BYTES, UTC_ZONE, minute_s
    if at + ONE < end and data[at] == 32:
        at += ONE
    if at < end and data[at] == 90:
        return instant, at + ONE, UTC_ZONE, minute_s
    if at + np.uint64(2) >= end or (data[at] != 43 and data[at] != 45):
        return instant, at, NO_ZONE, minute_s
    west = data[at] == 45
    hours = digits(data, at + ONE, 2)
    minutes: Whole = 0
    at += np.uint64(3)
    if at + np.uint64(2) < end + ONE:
        colon = ONE if data[at] == 58 else np.uint64(0)
        if at + colon + ONE < end:
            minutes = digits(data, at + colon, 2)
            if minutes >= 0:
                at += colon + np.uint64(2)
    if hours < 0 or hours > 23 or minutes > 59:
        return 0, at, MALFORMED, minute_s
    offset_s = hours * 3600 + max(minutes, 0) * 60
    instant += (offset_s if west else -offset_s) * NANOSECONDS
    return instant, at, OTHER_ZONE if offset_s else UTC_ZONE, minute_s


@compiled_in_place
def read_instants(data: Bytes, offsets: Integers, instant_ns: Integers, zone: NDArray[np.int8]) -> None:
    """Times of a column of texts: `offsets` (row + 1,) into `data`; spaces around them are skipped."""
    last = np.uint64(0)
    last_s: Whole = NEVER
    for row in range(instant_ns.size):
        at, end = np.uint64(offsets[row]), np.uint64(offsets[row + 1])
        while at < end and data[at] == 32:
            at += ONE
        while end > at and data[end - ONE] == 32:
            end -= ONE
        instant, stop, found, last_s = read_instant(data, at, end, last, last_s)
        last = at
        instant_ns[row] = instant
        zone[row] = found if stop == end else MALFORMED
