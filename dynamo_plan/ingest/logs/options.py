"""What a log does not say of itself, and what is asked of it; the same for all its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.ingest.gathered import did_you_mean
from dynamo_plan.units import NANOSECONDS_PER_SECOND, NS_PER_MS, US_PER_SECOND

UNITS_NS = {
    "s": NANOSECONDS_PER_SECOND,
    "ms": round(NS_PER_MS),
    "us": round(NANOSECONDS_PER_SECOND / US_PER_SECOND),
    "ns": 1,
}
"""Units in which logs count their times [ns]."""

COLUMNS = ("arrival", "input", "output", "service")
"""What a column map names."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How to read logs.

    Attributes
    ----------
    columns : dict of str to str
        Column, or dotted path of a JSON field, by `COLUMNS`; empty where the format fixes them.
    time_unit : str or None
        Of times that are numbers, of `UNITS_NS`; None takes the format's.
    zone : str or None
        IANA name of the zone of times that name none; None: such times are a fault, unless the format says what they are.
    start_ns : int
        Moment from which logs count that have a clock of their own [ns since 1970].
    """

    columns: dict[str, str] = field(default_factory=dict)
    time_unit: str | None = None
    zone: str | None = None
    start_ns: int = 0


def log_options(columns: list[str], time_unit: str | None, zone: str | None, start: str | None) -> LogOptions:
    """Options as written on the command line.

    Raises
    ------
    UsageError
        One cannot be carried out.
    """
    if time_unit is not None and time_unit not in UNITS_NS:
        allowed = f"Units are {', '.join(UNITS_NS)}"
        raise UsageError(
            Fault("log-time-unit", "--time-unit", f"{time_unit} is no unit of time", allowed, "Take one of these")
        )
    if zone is not None:
        check_zone(zone)
    return LogOptions(column_map(columns), time_unit, zone, 0 if start is None else _moment_ns(start))


def check_zone(zone: str) -> None:
    """Raise unless there is such a zone.

    Raises
    ------
    UsageError
        There is not.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        allowed, mend = "An IANA name is needed", "Write e.g. UTC or Europe/Berlin"
        raise UsageError(Fault("log-zone-unknown", "--zone", f"{zone} is no time zone", allowed, mend)) from error


def _moment_ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        what = f"{text} is no date and time with a zone"
        allowed, mend = "The moment from which the log counts", "Write e.g. 2024-05-12T00:00:00Z"
        raise UsageError(Fault("log-start", "--start", what, allowed, mend))
    return round(moment.timestamp()) * UNITS_NS["s"]


def column_map(texts: list[str]) -> dict[str, str]:
    """`arrival=ts`, `input=prompt_tokens`, ... as a map.

    Raises
    ------
    UsageError
        One is no pair, or names what no request has.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, equals, name = (part.strip() for part in text.partition("="))
        if not equals or not name or key not in COLUMNS:
            raise UsageError(
                Fault(
                    "log-column-option",
                    "--column",
                    f"{text} maps no column",
                    f"Write {'=..., '.join(COLUMNS)}=...",
                    did_you_mean(key, COLUMNS),
                )
            )
        found[key] = name
    if found and not {"arrival", "input", "output"} <= set(found):
        missing = ", ".join(name for name in COLUMNS[:3] if name not in found)
        raise UsageError(
            Fault(
                "log-column-option",
                "--column",
                f"{missing} is not named",
                "A map names arrival, input and output; service is optional",
                "Add e.g. --column arrival=timestamp",
            )
        )
    return found
