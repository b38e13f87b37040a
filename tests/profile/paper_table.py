"""Profile tables written row by row, without files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import ProfileTable

MODEL = "m"
NAN = float("nan")


class Row(NamedTuple):
    """One measured point; rate 0 is the idle row. Units: [MHz], [1/s], [ms], [W], [tokens]."""

    kind: Kind
    frequency_mhz: float
    rate_rps: float
    ttft_p99_ms: float
    power_w: float
    input_tokens: float = 100.0
    output_tokens: float = 50.0
    tbt_p99_ms: float = 20.0
    provenance: str = "measured"


def cell(
    kind: Kind,
    frequency_mhz: float,
    points: Iterable[tuple[float, float, float]],
    *,
    input_tokens: float = 100.0,
    output_tokens: float = 50.0,
    provenance: str = "measured",
) -> list[Row]:
    """Rows of one kind, clock and pair of lengths from (rate [1/s], TTFT [ms], power [W])."""
    return [
        Row(kind, frequency_mhz, rate, ttft, power, input_tokens, output_tokens, provenance=provenance)
        for rate, ttft, power in points
    ]


def profile_table(rows: Iterable[Row]) -> ProfileTable:
    """The rows as a table of model ``m``; an idle row has no latencies."""
    found = list(rows)
    rate = np.array([row.rate_rps for row in found])
    return ProfileTable(
        path="profile.csv",
        line=np.arange(2, len(found) + 2),
        model=np.array([MODEL] * len(found)),
        gpu=np.array([row.kind.gpu for row in found]),
        tp=np.array([row.kind.tp for row in found]),
        pp=np.array([row.kind.pp for row in found]),
        dtype=np.array([row.kind.dtype for row in found]),
        frequency_mhz=np.array([row.frequency_mhz for row in found]),
        input_tokens=np.array([row.input_tokens for row in found]),
        output_tokens=np.array([row.output_tokens for row in found]),
        rate_rps=rate,
        ttft_p99_ms=np.where(rate > 0, [row.ttft_p99_ms for row in found], NAN),
        tbt_p99_ms=np.where(rate > 0, [row.tbt_p99_ms for row in found], NAN),
        power_w=np.array([row.power_w for row in found]),
        provenance=np.array([row.provenance for row in found]),
        source=np.array(["on paper"] * len(found)),
    )
