"""What was seen of an instance's GPUs while it was measured, and what that says about the measurement."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, StrEnum

import numpy as np
from numpy.typing import NDArray

NO_MASK = -1
"""Throttle mask of a sample that has none."""


class Quantity(StrEnum):
    """What a sample may hold; the values are the names of the fields of `Telemetry`."""

    POWER = "power_w"
    SM_CLOCK = "sm_clock_mhz"
    TEMPERATURE = "temperature_c"
    UTILISATION = "utilisation"
    ENERGY = "energy_j"
    THROTTLE = "throttle"


class ThrottleReason(IntFlag):
    """Why a GPU's clock is where it is. Source: NVML, `nvmlClocksEventReasons`."""

    IDLE = 0x1
    CLOCK_SETTING = 0x2
    SOFTWARE_POWER_CAP = 0x4
    HARDWARE_SLOWDOWN = 0x8
    SYNC_BOOST = 0x10
    SOFTWARE_THERMAL = 0x20
    HARDWARE_THERMAL = 0x40
    POWER_BRAKE = 0x80


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Samples of GPUs, of each in the order of its times and none twice; every array has shape (sample,).

    A quantity that no file states is None; one that a sample lacks is NaN, or `NO_MASK`.

    Attributes
    ----------
    paths : tuple of str
        Where the samples came from, for messages.
    gpus : tuple of str
        Names of the GPUs: UUIDs where the files give them, else indices.
    gpu : array of int
        Index into `gpus`.
    time : array of datetime64[us]
        When the sample was taken, UTC.
    power_w : array of float or None
        Electrical power of one GPU [W].
    sm_clock_mhz : array of float or None
        SM clock [MHz].
    temperature_c : array of float or None
        Temperature of the GPU, not of its memory [°C].
    utilisation : array of float or None
        Share of time in which a kernel ran [1].
    energy_j : array of float or None
        Counter of energy since some earlier moment [J]; falls where the driver was loaded anew.
    throttle : array of int or None
        Bits of `ThrottleReason`.
    dropped : tuple of (str, int)
        What was left out of the files, and how many cells or rows.
    """

    paths: tuple[str, ...]
    gpus: tuple[str, ...]
    gpu: NDArray[np.int16]
    time: NDArray[np.datetime64]
    power_w: NDArray[np.float64] | None = None
    sm_clock_mhz: NDArray[np.float64] | None = None
    temperature_c: NDArray[np.float64] | None = None
    utilisation: NDArray[np.float64] | None = None
    energy_j: NDArray[np.float64] | None = None
    throttle: NDArray[np.int32] | None = None
    dropped: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        return int(self.gpu.size)

    def rows_of(self, gpu: int) -> NDArray[np.int64]:
        """Rows of one GPU, in the order of their times."""
        return np.flatnonzero(self.gpu == gpu)


class Outcome(StrEnum):
    """What a check says; `overall` of `profile.evidence` ranks them."""

    CLEAN = "clean"
    SUSPECT = "suspect"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    INFORMATIVE = "informative"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check says about one measurement.

    Attributes
    ----------
    check : str
        Name of the check, e.g. ``clock_held``.
    outcome : Outcome
    reason : str
        The figures it rests on, with their units.
    """

    check: str
    outcome: Outcome
    reason: str

    def __str__(self) -> str:
        return f"{self.check}: {self.outcome}: {self.reason}"
