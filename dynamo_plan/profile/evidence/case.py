"""A measurement with all that is known of how it was made; what the checks judge by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.measurement import Measurement
from dynamo_plan.schema.telemetry import Outcome, Quantity, Telemetry, ThrottleReason, Verdict
from dynamo_plan.units import US_PER_SECOND

MOST_GAP = 0.3
"""Longest time between two samples, or between a sample and an edge, as a share of the run. Beyond it a power is made of what nobody saw;
counters are held to the same, so that both are of the run and not of its surroundings."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a measurement within its telemetry.

    Attributes
    ----------
    telemetry : Telemetry
        Of the run and of `MOST_GAP` of its length on either side, to interpolate at the edges.
    start_us, end_us : int
        Microseconds since 1970, UTC.
    inside : Telemetry
        The samples from start to end.
    """

    telemetry: Telemetry
    start_us: int
    end_us: int
    inside: Telemetry

    @property
    def duration_s(self) -> float:
        """Length of the window [s]."""
        return (self.end_us - self.start_us) / US_PER_SECOND

    def busy(self) -> NDArray[np.bool_]:
        """Which samples inside are not idle, shape (sample,): by the reason for the clock, and by utilisation."""
        busy = np.ones(len(self.inside), dtype=np.bool_)
        if self.inside.throttle is not None:
            busy &= (self.inside.throttle < 0) | (self.inside.throttle & ThrottleReason.IDLE == 0)
        if self.inside.utilisation is not None:
            busy &= self.inside.utilisation != 0.0  # NaN, not known, is not idle
        return busy


@dataclass(frozen=True, slots=True)
class Case:
    """What a check is given.

    Attributes
    ----------
    measurement : Measurement
    window : Window or None
    missing : str
        Why there is no window.
    repeats : tuple of Measurement
        Further measurements of the same operating point.
    """

    measurement: Measurement
    window: Window | None
    missing: str
    repeats: tuple[Measurement, ...] = ()


def window_of(measurement: Measurement, telemetry: Telemetry | None) -> tuple[Window | None, str]:
    """The window of a measurement, or why there is none."""
    if telemetry is None:
        return None, "no telemetry"
    if measurement.start is None or not measurement.duration_s:
        return None, "the measurement does not say when it began and how long it took"
    start_us = round(measurement.start.timestamp() * US_PER_SECOND)
    end_us = start_us + round(measurement.duration_s * US_PER_SECOND)
    time_us = telemetry.time.astype(np.int64)
    around_us = round((end_us - start_us) * MOST_GAP)
    near = _rows(telemetry, np.flatnonzero((time_us >= start_us - around_us) & (time_us <= end_us + around_us)))
    near_us = near.time.astype(np.int64)
    inside = _rows(near, np.flatnonzero((near_us >= start_us) & (near_us <= end_us)))
    if not len(inside):
        when = f"{measurement.start:%Y-%m-%dT%H:%M:%SZ}"
        first, last = (np.datetime_as_string(time, unit="s") for time in (telemetry.time.min(), telemetry.time.max()))
        return (
            None,
            f"no sample of the {measurement.duration_s:g} s from {when}; telemetry runs from {first}Z to {last}Z",
        )
    return Window(near, start_us, end_us, inside), ""


def unknown(check: str, reason: str) -> Verdict:
    """The verdict of a check that has nothing to go by."""
    return Verdict(check, Outcome.UNKNOWN, reason)


def graded(value: float, clean: float, suspect: float) -> Outcome:
    """Clean up to one limit, suspect up to the other, rejected beyond."""
    return Outcome.CLEAN if value <= clean else Outcome.SUSPECT if value <= suspect else Outcome.REJECTED


def _rows(telemetry: Telemetry, rows: NDArray[np.int64]) -> Telemetry:
    columns = {quantity.value: getattr(telemetry, quantity) for quantity in Quantity}
    kept: dict[str, Any] = {name: None if column is None else column[rows] for name, column in columns.items()}
    return Telemetry(telemetry.paths, telemetry.gpus, telemetry.gpu[rows], telemetry.time[rows], **kept)
