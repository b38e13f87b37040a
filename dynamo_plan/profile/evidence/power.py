"""Mean power of an instance over a window: by the trapezoid over sampled powers, and by the energy counters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.evidence.case import MOST_GAP, Window
from dynamo_plan.units import US_PER_SECOND


def by_trapezoid_w(window: Window) -> float | None:
    """Mean power of all GPUs together [W], linear between samples; None where a GPU lacks samples."""
    power_w = window.telemetry.power_w
    return None if power_w is None else _sum(window, power_w, _trapezoid_j)


def by_counter_w(window: Window) -> float | None:
    """Mean power of all GPUs together [W] from their energy counters; None where a GPU lacks samples.

    A counter that falls was set back to 0 since the sample before: of that step only what it shows afterwards is counted.
    """
    energy_j = window.telemetry.energy_j
    return None if energy_j is None else _sum(window, energy_j, _counter_j)


def largest_gap(window: Window, values: NDArray[np.float64]) -> float:
    """Longest time without a sample of this quantity on any GPU, edges included, as a share of the window."""
    worst = 0.0
    for gpu in range(len(window.telemetry.gpus)):
        time_us, _ = _series(window, gpu, values)
        seen = time_us[(time_us >= window.start_us) & (time_us <= window.end_us)]
        steps = np.diff(np.concatenate(([window.start_us], seen, [window.end_us])))
        worst = max(worst, float(steps.max()) / (window.end_us - window.start_us))
    return worst


def resets(window: Window) -> int:
    """How often a counter falls inside the window."""
    energy_j = window.inside.energy_j
    if energy_j is None:
        return 0
    count = 0
    for gpu in range(len(window.inside.gpus)):
        found = energy_j[window.inside.rows_of(gpu)]
        count += int(np.count_nonzero(np.diff(found[~np.isnan(found)]) < 0))
    return count


def _sum(window: Window, values: NDArray[np.float64], energy_j: object) -> float | None:
    assert callable(energy_j)
    if largest_gap(window, values) > MOST_GAP:
        return None
    total_w = 0.0
    for gpu in range(len(window.telemetry.gpus)):
        time_us, series = _series(window, gpu, values)
        begin, end = max(window.start_us, time_us[0]), min(window.end_us, time_us[-1])
        # Edges without a neighbour outside are taken to be like the rest.
        total_w += energy_j(time_us, series, begin, end) / ((end - begin) / US_PER_SECOND)
    return total_w


def _series(window: Window, gpu: int, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Times [us] and values of a GPU: those inside the window, and the nearest on either side."""
    rows = window.telemetry.rows_of(gpu)
    time_us, series = window.telemetry.time[rows].astype(np.int64), values[rows]
    known = ~np.isnan(series)
    time_us, series = time_us[known], series[known]
    first = max(int(np.searchsorted(time_us, window.start_us, side="right")) - 1, 0)
    last = int(np.searchsorted(time_us, window.end_us, side="left")) + 1
    return time_us[first:last], series[first:last]


def _trapezoid_j(time_us: NDArray[np.int64], power_w: NDArray[np.float64], begin: int, end: int) -> float:
    within = (time_us > begin) & (time_us < end)
    times = np.concatenate(([begin], time_us[within], [end]))
    powers = np.interp(times, time_us, power_w)
    return float(np.trapezoid(powers, (times - begin) / US_PER_SECOND))


def _counter_j(time_us: NDArray[np.int64], energy_j: NDArray[np.float64], begin: int, end: int) -> float:
    steps = np.diff(energy_j)
    used = np.concatenate(([0.0], np.cumsum(np.where(steps < 0, energy_j[1:], steps))))
    first, last = np.interp([begin, end], time_us, used)
    return float(last - first)
