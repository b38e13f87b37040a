"""What a cross-check says: target, ours, and how independent the comparison is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table; ``holds`` is None where target and figure cannot be compared."""

    name: str
    target: str
    ours: str
    status: str
    holds: bool | None


def within(values: Sequence[float], targets: Sequence[float], tolerance: float) -> bool:
    """Whether each value is within a relative tolerance of its target."""
    return all(abs(v / t - 1.0) <= tolerance for v, t in zip(values, targets, strict=True))


def joined(values: Sequence[float], form: str) -> str:
    """Values in one format, separated by slashes."""
    return " / ".join(format(v, form) for v in values)
