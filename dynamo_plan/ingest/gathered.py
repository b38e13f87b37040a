"""Faults gathered while reading, so that all of them reach the user in one go."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from dynamo_plan.errors import Fault, InputError

MOST_LISTED = 20
"""Rows listed of one fault in one column; the rest is counted. More would bury the other faults."""

ALSO_CALLED = {
    "bf8": ("bf16", "fp8_e5m2"),
    "bfloat16": ("bf16",),
    "e4m3": ("fp8_e4m3",),
    "e5m2": ("fp8_e5m2",),
    "float16": ("fp16",),
    "float8": ("fp8_e4m3",),
    "fp4": ("nvfp4", "mxfp4"),
    "fp8": ("fp8_e4m3",),
    "half": ("fp16",),
}
"""Other names that people and tools have for a number format; spelling alone would lead `fp8` to `fp16`."""


class Located(Protocol):
    """Something whose rows can be pointed at."""

    @property
    def shown(self) -> str:
        """Path as shown to the user."""

    def where(self, row: int, column: str) -> str:
        """File, line and column."""


class Faults:
    """A growing list of faults, in the order in which they should be read, each once."""

    def __init__(self) -> None:
        self._found: dict[Fault, None] = {}

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._found)

    def add(self, code: str, where: str, what: str, allowed: str = "", mend: str = "") -> None:
        """Note one fault; see `errors.Fault`."""
        self._found[Fault(code, where, what, allowed, mend)] = None

    def extend(self, faults: Iterable[Fault]) -> None:
        """Note faults that were found elsewhere."""
        self._found.update(dict.fromkeys(faults))

    def add_rows(
        self,
        code: str,
        table: Located,
        column: str,
        rows: Iterable[int],
        what: Callable[[int], str],
        allowed: str = "",
        mend: str = "",
        most: int = MOST_LISTED,
    ) -> None:
        """Note one fault per row, the first `most` in full and the others as a number."""
        indices = [int(row) for row in rows]
        for row in indices[:most]:
            self.add(code, table.where(row, column), what(row), allowed, mend)
        more = len(indices) - most
        if more > 0:
            self.add(code, f"{table.shown} {column}", f"... and {more} more of these")

    def raise_if_any(self) -> None:
        """Raise all faults.

        Raises
        ------
        InputError
            If there is at least one.
        """
        if self._found:
            raise InputError(self._found)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """`Did you mean X?`, or an empty text where nothing known looks like the word; case is ignored."""
    folded = {name.casefold(): str(name) for name in reversed(known)}
    meant = [name for name in ALSO_CALLED.get(word.casefold(), ()) if name in known]
    close = meant or [folded[name] for name in difflib.get_close_matches(word.casefold(), list(folded), n=1)]
    return f"Did you mean {' or '.join(close)}?" if close else ""


def listed(names: Iterable[object], most: int = MOST_LISTED) -> str:
    """Names with commas between, cut after `most`."""
    texts = [str(name) for name in names]
    tail = [f"... ({len(texts) - most} more)"] if len(texts) > most else []
    return ", ".join(texts[:most] + tail)


def clipped(text: str, most: int = 60) -> str:
    """Text in quotation marks, control characters escaped, cut after `most` characters."""
    return repr(text if len(text) <= most else text[:most] + "...")
