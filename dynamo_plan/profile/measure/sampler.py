"""Samples of the GPUs while requests run."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from dynamo_plan.profile.measure.gpus import Gpus, Sample
from dynamo_plan.schema.telemetry import NO_MASK, Quantity, Telemetry
from dynamo_plan.units import US_PER_SECOND

PERIOD_S = 0.1
"""NVML renews power about every 25 to 100 ms; more often would show the same value twice."""


class Sampler:
    """Samples GPUs in the background, from `with` to its end.

    Parameters
    ----------
    gpus : Gpus
    began : float
        Seconds since 1970 when `time.monotonic` was 0; times are told by the latter, which never jumps.
    """

    def __init__(self, gpus: Gpus, began: float) -> None:
        self._gpus, self._began = gpus, began
        self._rows: list[tuple[float, list[Sample]]] = []
        self._lock, self._done = threading.Lock(), threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def sample_now(self) -> None:
        """One sample at this moment, so that the counters are known at the edges of a measurement."""
        with self._lock:
            begun = time.monotonic()
            found = self._gpus.sample()
            # The counters are read one after another; the middle is the moment of them all.
            self._rows.append(((begun + time.monotonic()) / 2.0, found))

    def _run(self) -> None:
        try:
            while not self._done.wait(PERIOD_S):
                self.sample_now()
        except Exception as error:  # raised to the user by `telemetry`, from the thread that asks
            self._failure = error

    def telemetry(self) -> Telemetry:
        """All samples so far; what stopped the sampling is raised here."""
        if self._failure is not None:
            raise self._failure
        with self._lock:
            rows = list(self._rows)
        count, times = len(self._gpus.names), np.array([self._began + at_s for at_s, _ in rows])
        flat = [found[gpu] for gpu in range(count) for _, found in rows]
        columns: dict[str, Any] = {quantity.value: _column(quantity, flat) for quantity in Quantity}
        return Telemetry(
            ("NVML",),
            self._gpus.names,
            np.repeat(np.arange(count, dtype=np.int16), len(rows)),
            np.tile(np.rint(times * US_PER_SECOND).astype(np.int64).view("datetime64[us]"), count),
            **columns,
        )


def _column(quantity: Quantity, flat: Sequence[Sample]) -> Any:
    if not any(quantity in sample for sample in flat):
        return None
    if quantity is Quantity.THROTTLE:
        return np.array([int(sample.get(quantity, NO_MASK)) for sample in flat], dtype=np.int32)
    return np.array([sample.get(quantity, np.nan) for sample in flat], dtype=np.float64)
