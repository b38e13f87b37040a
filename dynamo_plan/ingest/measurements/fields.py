"""One record of a tool's file: values by key, what is wrong with one noted where it stands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from dynamo_plan.ingest.gathered import Faults, clipped, did_you_mean, listed
from dynamo_plan.ingest.measurements.number_format import number_format
from dynamo_plan.ingest.table import NUMBER_FAULT_WORDS, NUMBER_FAULTS, number_fault
from dynamo_plan.schema.kind import NumberFormat

NO_RATE = ("inf", "infinity", "trace")
"""What tools write for the offered rate where there is none: all requests at once, or at the times of a trace."""
MOST_NAME = 300
"""Characters of a name; the longest paths of models stay below."""


class Fields:
    """Values of one object, or of one row of a table; a value that is faulty is noted and read as absent.

    Parameters
    ----------
    where : str
        File and line, or file; what faults point at, with the key behind.
    values : mapping of str to object
    faults : Faults
        Of this record; by default a list of its own.
    path : str
        Key path from the file's root to this object, e.g. ``benchmarks[0].metrics``.
    """

    def __init__(self, where: str, values: Mapping[str, object], faults: Faults | None = None, path: str = "") -> None:
        self._file = where
        self.values = values
        self.faults = Faults() if faults is None else faults
        self._path = path

    @property
    def where(self) -> str:
        """File and line, or file and key path."""
        return f"{self._file} {self._path}".rstrip()

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def inside(self, *keys: str) -> Fields:
        """Object below these keys; an empty one where there is none."""
        found = self
        for key in keys:
            value, path = found.values.get(key), found._below(key)
            if value is not None and not isinstance(value, Mapping):
                self._note("measurement-shape", path, f"{_shown(value)} stands where an object is needed")
                value = None
            found = Fields(self._file, value or {}, self.faults, path)
        return found

    def each(self, key: str) -> Iterator[Fields]:
        """Objects of a list, each with faults of its own; a list element that is no object is read as an empty one."""
        value, path = self.values.get(key), self._below(key)
        if value is not None and not isinstance(value, list):
            self._note("measurement-shape", path, f"{_shown(value)} stands where a list is needed")
        for index, item in enumerate(value if isinstance(value, list) else []):
            child = Fields(self._file, item if isinstance(item, Mapping) else {}, path=f"{path}[{index}]")
            if not isinstance(item, Mapping):
                child._note("measurement-shape", child._path, f"{_shown(item)} stands where an object is needed")
            yield child

    def shared_with(self, faults: Faults) -> Fields:
        """The same values, their faults noted with another record's."""
        return Fields(self._file, self.values, faults, self._path)

    def text(self, *keys: str) -> str | None:
        """Text under the first of these keys that has a value."""
        for key in self._stated(keys):
            value = self.values[key]
            if isinstance(value, str) and value.isprintable() and len(value) <= MOST_NAME:
                return value.strip() or None
            self._note("measurement-shape", self._below(key), f"{_shown(value)} is no name")
        return None

    def flag(self, key: str) -> bool | None:
        """True or false."""
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return value
        self._note("measurement-shape", self._below(key), f"{_shown(value)} is neither true nor false")
        return None

    def number(self, *keys: str, factor: float = 1.0) -> float | None:
        """Number from 0 on under the first of these keys that has a value, times a factor."""
        for key in self._stated(keys):
            found = self._number(key, self.values[key])
            return None if found is None else found * factor
        return None

    def count(self, *keys: str) -> int | None:
        """Whole number from 0 on."""
        found = self.number(*keys)
        if found is None or found.is_integer():
            return None if found is None else int(found)
        key = next(self._stated(keys))
        self._note("measurement-count", self._below(key), f"{found:g} is no whole number", "A count is needed")
        return None

    def rate(self, *keys: str) -> float | None:
        """Offered rate; None where the tool says that it offered none, and sent all at once."""
        for key in keys:
            value = self.values.get(key)
            endless = isinstance(value, float) and value == math.inf
            if endless or (isinstance(value, str) and value.strip().casefold() in NO_RATE):
                return None
        return self.number(*keys)

    def number_format(self, *keys: str) -> str | None:
        """Number format of the weights under the name that tools give it; None where it is left to the model."""
        name = self.text(*keys)
        if name is None:
            return None
        known, found = number_format(name)
        if known:
            return found
        key = next(self._stated(keys))
        self._note(
            "profile-dtype",
            self._below(key),
            f"{clipped(name)} is not known",
            f"dtype is one of {listed(NumberFormat)}",
            did_you_mean(name, tuple(NumberFormat)) or "Say what it is with --set dtype=...",
        )
        return None

    def instant(self, *keys: str) -> datetime | None:
        """Moment in UTC, from seconds since 1970 or from ISO 8601 with zone."""
        for key in self._stated(keys):
            value = self.values[key]
            try:
                if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
                    when = datetime.fromisoformat(value.strip())
                    if when.tzinfo is None:
                        raise ValueError("no zone")
                    return when.astimezone(UTC)
                return datetime.fromtimestamp(self._number(key, value) or 0.0, UTC)
            except (ValueError, OverflowError, OSError):
                self._note(
                    "measurement-time",
                    self._below(key),
                    f"{_shown(value)} is no moment",
                    "ISO 8601 with time zone, or seconds since 1970, is needed",
                )
        return None

    def _number(self, key: str, value: object) -> float | None:
        path = self._below(key)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            self._note("table-not-a-number", path, f"{_shown(value)} is not a number", "A number is needed")
            return None
        text = value.strip() if isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)
        code = number_fault(text)
        if code:
            self._note(code, path, f"{clipped(text)} {NUMBER_FAULT_WORDS[code]}", *NUMBER_FAULTS[code])
            return None
        if float(text) < 0:
            self._note("measurement-negative", path, f"{clipped(text)} is below 0", "It must be 0 or more")
            return None
        return float(text)

    def _stated(self, keys: tuple[str, ...]) -> Iterator[str]:
        """Keys that have a value; an empty text is none."""
        for key in keys:
            value = self.values.get(key)
            if value is not None and not (isinstance(value, str) and not value.strip()):
                yield key

    def _below(self, key: str) -> str:
        return f"{self._path}.{key}".removeprefix(".")

    def _note(self, code: str, path: str, what: str, allowed: str = "", mend: str = "") -> None:
        place = path if path.isprintable() and len(path) <= MOST_NAME else clipped(path)
        self.faults.add(code, f"{self._file} {place}".rstrip(), what, allowed, mend)


def _shown(value: object) -> str:
    return clipped(value if isinstance(value, str) else repr(value)[:MOST_NAME])
