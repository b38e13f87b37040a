"""Ways to damage the bytes of a file, from a seeded die."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Sequence

PIECES = (
    b"",
    b"null",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-1",
    b"0",
    b"1,5",
    b'"x"',
    b"true",
    b"[",
    b"]",
    b"{",
    b"}",
    b"{}",
    b"[[]]",
    b",",
    b";",
    b'"',
    b"\n",
    b"\r",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"9" * 40,
    b"9" * 5000,
    b"\xd9\xa3",
    b"inf",
    b"#",
)
"""What tools, editors and bad discs leave in a file."""


def truncate(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def flip(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        if changed:
            changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def insert(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + dice.choice(PIECES) + data[at + dice.choice((0, 0, 1, 4)) :]


def replace_value(data: bytes, dice: random.Random) -> bytes:
    """One value of JSON or CSV, between two separators, is another thing."""
    marks = [at for at, byte in enumerate(data) if byte in b":,\n"]
    if len(marks) < 2:
        return insert(data, dice)
    index = dice.randrange(len(marks) - 1)
    return data[: marks[index] + 1] + dice.choice(PIECES) + data[marks[index + 1] :]


def repeat(data: bytes, dice: random.Random) -> bytes:
    at, to = sorted(dice.randrange(len(data) + 1) for _ in range(2))
    return data[:to] + data[at:to] * dice.randint(1, 3) + data[to:]


def nest(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + b"[" * dice.choice((10, 2000)) + data[at:]


def compress(data: bytes, dice: random.Random) -> bytes:
    packed = gzip.compress(data, 1, mtime=0)
    return dice.choice((truncate, flip))(packed, dice) if dice.random() < 0.5 else packed


WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    truncate,
    flip,
    insert,
    insert,
    replace_value,
    replace_value,
    repeat,
    nest,
    compress,
)


def damaged(data: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    """One to three kinds of damage, among them the end of another file."""
    for _ in range(dice.randint(1, 3)):
        if dice.random() < 0.1:
            other = dice.choice(others)
            data = data[: dice.randrange(len(data) + 1)] + other[dice.randrange(len(other) + 1) :]
        else:
            data = dice.choice(WAYS)(data, dice)
    return data
