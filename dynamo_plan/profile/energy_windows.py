"""Energy that another tool measured around a run, given to that run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dynamo_plan.schema.measurement import Measurement

LEAST_OVERLAP = 0.9
"""Time that a window and a run share over the time of both together [1]. Below, the window's mean power holds too much of what was
before and after the run."""


def with_window_energy(rows: Sequence[Measurement]) -> tuple[list[Measurement], dict[str, str]]:
    """Runs with the energy of the windows that they fill, and the windows that fit no run.

    A window is a measurement of energy without requests, as Zeus writes it. A run without power of its own takes the mean power of the
    window that it shares most time with.

    Returns
    -------
    list of Measurement
    dict of str to str
        Where each window that was given away stands, and the run that has it.
    """
    windows = [row for row in rows if _is_window(row)]
    found, given = list[Measurement](), dict[str, str]()
    for row in rows:
        fitting = [] if row.power_w is not None or _is_window(row) else windows
        window = max(fitting, key=lambda one, row=row: _overlap(row, one), default=None)  # type: ignore[misc]
        if window is None or _overlap(row, window) < LEAST_OVERLAP:
            found.append(row)
            continue
        given[window.where] = row.where
        energy_j = (window.power_w or 0.0) * (row.duration_s or 0.0)
        source = f"{row.source}; power of {window.source}"
        found.append(replace(row, power_w=window.power_w, energy_j=energy_j, gpus=window.gpus, source=source))
    return [row for row in found if row.where not in given], given


def _is_window(row: Measurement) -> bool:
    return row.throughput_rps is None and row.completed is None and row.power_w is not None


def _overlap(run: Measurement, window: Measurement) -> float:
    """Time in common over time of both [1]; 0 where either does not say when it was."""
    if run.start is None or window.start is None or not run.duration_s or not window.duration_s:
        return 0.0
    offset_s = (window.start - run.start).total_seconds()
    common_s = min(run.duration_s, offset_s + window.duration_s) - max(0.0, offset_s)
    both_s = max(run.duration_s, offset_s + window.duration_s) - min(0.0, offset_s)
    return max(common_s, 0.0) / both_s
