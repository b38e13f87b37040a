"""What telemetry files do not say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TelemetryOptions:
    """What the user says about telemetry files.

    Attributes
    ----------
    zone : str or None
        Time zone of local times, by its IANA name, e.g. ``UTC`` or ``Europe/Berlin``.
    columns : tuple of str
        Columns of a CSV that has no header, by the names in which they were asked for.
    gpus : tuple of str
        Indices or UUIDs of the GPUs of the instance; empty: all that the files hold.
    """

    zone: str | None = None
    columns: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
