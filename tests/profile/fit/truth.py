"""An instance whose every quantity is a formula, measured at will: what a fit must find again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import ProfileTable

KIND = Kind("h100", 4, 1, "bf16")
CLOCKS_MHZ = (800.0, 1100.0, 1400.0, 1700.0, 1980.0)
LENGTHS = ((100.0, 50.0), (100.0, 400.0), (2000.0, 50.0), (2000.0, 400.0))
IN_FLIGHT = (1.0, 4.0, 16.0, 64.0)


def ttft_ms(given: float, clock: float, load: float) -> float:
    """Prompt tokens over the clock, beside a floor; multiplicative in load."""
    return (20.0 + 90.0 * given / clock) * math.sqrt(load)


def tbt_ms(clock: float, load: float) -> float:
    """Bandwidth floor plus compute by the clock."""
    return 10.0 + (4.0 + 0.2 * load) * 1000.0 / clock


def power_w(clock: float, load: float) -> float:
    """Leakage, flat voltage, rising voltage; more at load."""
    ghz = clock / 1000.0
    return (300.0 + 80.0 * ghz + 30.0 * ghz**3) * (1.0 + 0.2 * math.log2(load))


def truth_table(
    clocks: Iterable[float] = CLOCKS_MHZ,
    lengths: Iterable[tuple[float, float]] = LENGTHS,
    loads: Iterable[float] = IN_FLIGHT,
    noise: Callable[[], float] = lambda: 1.0,
    kind: Kind = KIND,
    *,
    closed: bool = True,
    idle: bool = False,
) -> ProfileTable:
    """Rows of every combination; each latency and power times `noise()`. Without `closed` the concurrency is not stated."""
    rows = []
    for given, made in lengths:
        for clock in clocks:
            if idle:
                rows.append((clock, given, made, 0.0, np.nan, np.nan, 200.0 + 0.05 * clock, np.nan))
            for load in loads:
                ttft, tbt = ttft_ms(given, clock, load) * noise(), tbt_ms(clock, load) * noise()
                rate = load / (ttft + (made - 1.0) * tbt) * 1000.0
                rows.append((clock, given, made, rate, ttft, tbt, power_w(clock, load) * noise(), load))
    columns = np.array(rows).T
    count = len(rows)
    return ProfileTable(
        path="truth.csv",
        line=np.arange(2, count + 2),
        model=np.repeat("m", count),
        gpu=np.repeat(kind.gpu, count),
        tp=np.repeat(kind.tp, count),
        pp=np.repeat(kind.pp, count),
        dtype=np.repeat(kind.dtype, count),
        frequency_mhz=columns[0],
        input_tokens=columns[1],
        output_tokens=columns[2],
        rate_rps=columns[3],
        ttft_p99_ms=columns[4],
        tbt_p99_ms=columns[5],
        power_w=columns[6],
        provenance=np.repeat("measured", count),
        source=np.repeat("on paper", count),
        concurrency=columns[7] if closed else None,
    )
