"""Columns that are plausible only in another unit than their name says.

A threshold stands where no real value of the right unit lies on its wrong side, so that no honest table is refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.table import Table

LEAST_MHZ = 10.0  # the slowest clock a GPU can be locked to is above 100 MHz; GHz figures are below 10
MOST_MHZ = 1e4  # no GPU runs at 10 GHz
MOST_KHZ = 1e8  # 100 GHz; beyond it, the figure must be Hz
CLOCK_UNITS = (
    (0.0, LEAST_MHZ, "GHz", "Multiply {} by 1000"),
    (MOST_MHZ, MOST_KHZ, "kHz", "Divide {} by 1000"),
    (MOST_KHZ, np.inf, "Hz", "Divide {} by 1000000"),
)
"""Above, up to [MHz], the unit that such a figure is in, and what mends it."""

LEAST_LATENCY_MS = 1.0  # no prefill over a network, and no decode step at P99, takes under 1 ms
MOST_TTFT_PER_TBT = 1000.0  # a prompt's prefill takes tens of decode steps, not thousands
LEAST_GPU_W = 2.0  # an idle GPU draws more; kilowatts per GPU are below it
MOST_GPU_W = 1e5  # milliwatts per GPU are above it
LEAST_CARBON_G_PER_KWH = 1.0  # the cleanest grids emit tens of g/kWh; kg/kWh and t/MWh are about 0.01-1.2
MOST_CARBON_G_PER_KWH = 1e4  # the dirtiest emit about 1.5 kg/kWh; g/MWh are above


def check_frequency(table: Table, frequency_mhz: NDArray[np.float64], faults: Faults) -> None:
    """Clocks look like MHz; where none does, the column is noted and not each of its rows."""
    code, column = "unit-frequency", "frequency_mhz"
    known = frequency_mhz > 0
    for low, high, unit, mend in CLOCK_UNITS:
        suspect = (frequency_mhz > low) & (frequency_mhz <= high)
        if np.count_nonzero(suspect) > 1 and bool((suspect == known).all()):
            _note_column(table, column, frequency_mhz, code, "MHz", unit, mend.format("the column"), faults)
            continue
        faults.add_rows(
            code,
            table,
            column,
            np.flatnonzero(suspect),
            lambda row, unit=unit: f"{frequency_mhz[row]:.10g} MHz is no clock of a GPU; it looks like {unit}",  # type: ignore[misc]
            f"frequency_mhz is in MHz, between {LEAST_MHZ:g} and {MOST_MHZ:g}",
            mend.format("the column"),
        )


def check_latency(table: Table, ttft_ms: NDArray[np.float64], tbt_ms: NDArray[np.float64], faults: Faults) -> None:
    """Latencies look like ms."""
    known_ttft, known_tbt = ttft_ms[ttft_ms > 0], tbt_ms[tbt_ms > 0]
    if not known_ttft.size or not known_tbt.size:
        return
    tbt_small = bool(known_tbt.max() < LEAST_LATENCY_MS)
    # A column in seconds may reach above 1 where requests queue: its median tells, or else the other column.
    ttft_in_s = bool(np.median(known_ttft) < LEAST_LATENCY_MS)
    ttft_in_s |= tbt_small and bool(known_ttft.min() < LEAST_LATENCY_MS)
    tbt_in_s = tbt_small and (ttft_in_s or bool(np.median(known_ttft) > MOST_TTFT_PER_TBT * np.median(known_tbt)))
    for column, suspect, values in (("ttft_p99_ms", ttft_in_s, ttft_ms), ("tbt_p99_ms", tbt_in_s, tbt_ms)):
        if suspect:
            _note_column(table, column, values, "unit-latency", "ms", "seconds", "Multiply the column by 1000", faults)


def check_power(table: Table, power_w: NDArray[np.float64], gpus: NDArray[np.float64], faults: Faults) -> None:
    """Powers look like W of a whole instance."""
    per_gpu = np.where(power_w > 0, power_w / np.where(gpus > 0, gpus, 1.0), np.nan)
    known = per_gpu[np.isfinite(per_gpu)]
    if known.size and known.max() < LEAST_GPU_W:
        _note_column(table, "power_w", power_w, "unit-power", "W", "kilowatts", "Multiply the column by 1000", faults)
    if known.size and known.min() > MOST_GPU_W:
        _note_column(table, "power_w", power_w, "unit-power", "W", "milliwatts", "Divide the column by 1000", faults)


def check_carbon(table: Table, carbon_g_per_kwh: NDArray[np.float64], faults: Faults) -> None:
    """Carbon intensities look like g/kWh."""
    known = carbon_g_per_kwh[carbon_g_per_kwh > 0]
    column, code = "carbon_g_per_kwh", "unit-carbon"
    if known.size and known.max() < LEAST_CARBON_G_PER_KWH:
        mend = "Multiply the column by 1000"
        _note_column(table, column, carbon_g_per_kwh, code, "g/kWh", "kg/kWh", mend, faults)
    if known.size and known.min() > MOST_CARBON_G_PER_KWH:
        mend = "Divide the column by 1000"
        _note_column(table, column, carbon_g_per_kwh, code, "g/kWh", "g/MWh", mend, faults)


def _note_column(
    table: Table,
    column: str,
    values: NDArray[np.float64],
    code: str,
    unit: str,
    looks_like: str,
    mend: str,
    faults: Faults,
) -> None:
    known = np.where(values > 0, values, np.nan)
    low, high = float(np.nanmin(known)), float(np.nanmax(known))
    faults.add(
        code,
        table.where(int(np.nanargmin(known)), column),
        f"the column runs from {low:.10g} to {high:.10g} {unit}; it looks like {looks_like}",
        f"{column} is in {unit}",
        mend,
    )
