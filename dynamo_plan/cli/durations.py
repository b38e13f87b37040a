"""Durations on the command line: a number and its unit."""

from __future__ import annotations

import re

from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.units import HOURS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE

DURATION = re.compile(r"(?P<number>\d+(\.\d+)?)\s?(?P<unit>s|min|h|d)", re.ASCII)
UNITS_S = {"s": 1.0, "min": SECONDS_PER_MINUTE, "h": SECONDS_PER_HOUR, "d": HOURS_PER_DAY * SECONDS_PER_HOUR}


def duration_s(text: str, option: str) -> float:
    """A duration such as `30min` [s].

    Raises
    ------
    UsageError
        It is none.
    """
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            Fault(
                "duration-syntax",
                option,
                f"{text!r} is no duration",
                "A duration is a number and its unit: s, min, h or d",
                "Write e.g. 30min, 24h or 7d",
            )
        )
    return float(match["number"]) * UNITS_S[match["unit"]]
