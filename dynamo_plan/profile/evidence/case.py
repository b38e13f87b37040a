"""A measurement with all that is known of how it was made; what the checks judge by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.measurement import Measurement
from dynamo_plan.schema.telemetry import Outcome, Quantity, Telemetry, ThrottleReason, Verdict
from dynamo_plan.units import US_PER_SECOND


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a measurement within its telemetry.

    Attributes
    ----------
    telemetry : Telemetry
        All of it: what lies just outside is needed to interpolate at the edges.
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
    rows = (time_us >= start_us) & (time_us <= end_us)
    if not rows.any():
        when = f"{measurement.start:%Y-%m-%dT%H:%M:%SZ}"
        first, last = (np.datetime_as_string(time, unit="s") for time in (telemetry.time.min(), telemetry.time.max()))
        return (
            None,
            f"no sample of the {measurement.duration_s:g} s from {when}; telemetry runs from {first}Z to {last}Z",
        )
    return Window(telemetry, start_us, end_us, _cut(telemetry, rows)), ""


def unknown(check: str, reason: str) -> Verdict:
    """The verdict of a check that has nothing to go by."""
    return Verdict(check, Outcome.UNKNOWN, reason)


def graded(value: float, clean: float, suspect: float) -> Outcome:
    """Clean up to one limit, suspect up to the other, rejected beyond."""
    return Outcome.CLEAN if value <= clean else Outcome.SUSPECT if value <= suspect else Outcome.REJECTED


def _cut(telemetry: Telemetry, rows: NDArray[np.bool_]) -> Telemetry:
    columns = {quantity.value: getattr(telemetry, quantity) for quantity in Quantity}
    kept: dict[str, Any] = {name: None if column is None else column[rows] for name, column in columns.items()}
    return Telemetry(telemetry.paths, telemetry.gpus, telemetry.gpu[rows], telemetry.time[rows], **kept)
