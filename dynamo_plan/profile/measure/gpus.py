"""The GPUs of this machine through NVML: samples, and locked clocks that are always reset."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.extras import extra
from dynamo_plan.schema.telemetry import Quantity
from dynamo_plan.units import MILLIJOULES_PER_JOULE, MILLIWATTS_PER_WATT, PERCENT_PER_ONE

type Sample = dict[Quantity, float]


class Gpus(Protocol):
    """GPUs of one instance."""

    names: tuple[str, ...]

    def sample(self) -> list[Sample]:
        """What each GPU shows now; a quantity that it cannot tell is left out."""

    def lock(self, frequency_mhz: float) -> None:
        """Lock the SM clocks."""

    def reset(self) -> None:
        """Let the GPUs set their clocks again."""


@contextmanager
def open_gpus(indices: Sequence[int] | None, count: int) -> Iterator[Gpus]:
    """The GPUs with these indices, by default all of the machine, which must be `count`.

    Raises
    ------
    UsageError
        NVML is not there, or has other GPUs than asked for.
    """
    with extra("gpu"):
        import pynvml  # type: ignore[import-untyped]
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        what = f"NVML does not start: {error}"
        mend = "Run it on the machine of the GPUs, with NVIDIA's driver, or measure with --no-power"
        raise UsageError(Fault("measure-nvml", "profile measure", what, "", mend)) from error
    try:
        found = int(pynvml.nvmlDeviceGetCount())
        chosen = list(range(found)) if indices is None else list(indices)
        if len(set(chosen)) != count or not set(chosen) <= set(range(found)):
            what = f"GPUs {', '.join(map(str, chosen)) or 'none'} of the {found} of this machine are not the {count} of the instance"
            mend = "Name those on which it runs: --gpu-id 0 --gpu-id 1"
            raise UsageError(Fault("measure-gpus", "--gpu-id", what, "TP x PP of them, each once", mend))
        yield NvmlGpus(pynvml, chosen)
    finally:
        pynvml.nvmlShutdown()


class NvmlGpus:
    """GPUs by their indices."""

    def __init__(self, nvml: Any, indices: Sequence[int]) -> None:
        self._nvml = nvml
        self._indices = tuple(indices)
        self._handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in indices]
        self.names = tuple(str(index) for index in indices)
        # Drivers before 535 know the reasons by their older name only.
        newer = getattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", None)
        reasons = newer or nvml.nvmlDeviceGetCurrentClocksThrottleReasons
        self._reads = {
            Quantity.ENERGY: lambda gpu: nvml.nvmlDeviceGetTotalEnergyConsumption(gpu) / MILLIJOULES_PER_JOULE,
            Quantity.POWER: lambda gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / MILLIWATTS_PER_WATT,
            Quantity.SM_CLOCK: lambda gpu: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM),
            Quantity.TEMPERATURE: lambda gpu: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU),
            Quantity.UTILISATION: lambda gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu / PERCENT_PER_ONE,
            Quantity.THROTTLE: reasons,
        }

    def sample(self) -> list[Sample]:
        """What each GPU shows now; a quantity that it cannot tell is left out."""
        return [self._of(handle) for handle in self._handles]

    def _of(self, handle: Any) -> Sample:
        found: Sample = {}
        for quantity, read in self._reads.items():
            try:
                found[quantity] = float(read(handle))
            except self._nvml.NVMLError_NotSupported:
                continue  # absent in the telemetry, where the checks see it
        return found

    def lock(self, frequency_mhz: float) -> None:
        """Lock the SM clocks of all GPUs.

        Raises
        ------
        UsageError
            A GPU has no such clock, or the user may not lock it.
        """
        for index, handle in zip(self._indices, self._handles, strict=True):
            supported = self._supported_mhz(handle)
            if supported and frequency_mhz not in supported:
                near = sorted(supported, key=lambda clock: abs(clock - frequency_mhz))[:3]
                what = f"GPU {index} has no clock of {frequency_mhz:g} MHz"
                mend = f"Take one of its clocks, e.g. {', '.join(f'{clock:g}' for clock in sorted(near))}"
                raise UsageError(Fault("measure-clock", "--lock-clocks", what, "", mend))
        for index, handle in zip(self._indices, self._handles, strict=True):
            try:
                self._nvml.nvmlDeviceSetGpuLockedClocks(handle, int(frequency_mhz), int(frequency_mhz))
            except self._nvml.NVMLError as error:
                what = f"the clock of GPU {index} cannot be locked: {error}"
                mend = f"Let root do it, nvidia-smi -i {index} -lgc {frequency_mhz:g}, and say --locked-at {frequency_mhz:g}"
                raise UsageError(
                    Fault("measure-clock", "--lock-clocks", what, "It takes root's rights", mend)
                ) from error

    def reset(self) -> None:
        """Let the GPUs set their clocks again; tries all of them before it says that one did not.

        Raises
        ------
        UsageError
            With the command that does it by hand.
        """
        failed = {}
        for index, handle in zip(self._indices, self._handles, strict=True):
            try:
                self._nvml.nvmlDeviceResetGpuLockedClocks(handle)
            except self._nvml.NVMLError as error:
                failed[index] = str(error)
        if failed:
            ids = ",".join(map(str, failed))
            what = f"the clocks of GPU {ids} are still locked: {next(iter(failed.values()))}"
            raise UsageError(Fault("measure-clock", "--lock-clocks", what, "", f"Reset them: nvidia-smi -i {ids} -rgc"))

    def _supported_mhz(self, handle: Any) -> set[float]:
        try:
            memory_mhz = max(self._nvml.nvmlDeviceGetSupportedMemoryClocks(handle))
            return {float(mhz) for mhz in self._nvml.nvmlDeviceGetSupportedGraphicsClocks(handle, memory_mhz)}
        except self._nvml.NVMLError:
            return set()  # a GPU that does not list its clocks refuses a wrong one itself


@contextmanager
def locked_clocks(gpus: Gpus, frequency_mhz: float | None) -> Iterator[None]:
    """Lock the clocks for the time of the body, where one is asked for, and reset them however it ends.

    Ctrl-C, a closed terminal and a plain `kill` end the body in order; nothing can be done about ``kill -9``.
    """
    if frequency_mhz is None:
        yield
        return
    with _ended_in_order():
        try:
            gpus.lock(frequency_mhz)
            yield
        finally:
            with _undisturbed():
                gpus.reset()


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Turn signals that would end the process at once into `SystemExit`, with the code that a shell expects."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handled({signal.SIGTERM: leave, signal.SIGHUP: leave}):
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no further Ctrl-C come between."""
    with _handled(dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN)):
        yield


@contextmanager
def _handled(handlers: dict[signal.Signals, Any]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals, and may say what they do
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
