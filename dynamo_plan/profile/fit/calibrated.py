"""A profile whose capacities are lowered to what a replay found: rates are scaled, powers read off their curve at the lower rates.

So capacity at the SLO becomes this share of what it was, and power at a rate stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.schema.profile import ProfileTable, Provenance

MOST_CAPACITY = 1.0


def calibrated(table: ProfileTable, model: str, shares: Mapping[Bucket, float]) -> ProfileTable:
    """The profile with the rates of all cells inside these buckets scaled; scaled rows are ``fitted``.

    Parameters
    ----------
    shares : mapping of Bucket to float
        Share of the capacity that is left, above 0 and up to 1 [1].
    """
    rate, power = table.rate_rps.copy(), table.power_w.copy()
    scaled = np.ones(len(table))
    columns = (table.gpu, table.tp, table.pp, table.dtype, table.frequency_mhz, table.input_tokens, table.output_tokens)
    cells: dict[tuple[object, ...], list[int]] = {}
    for row, key in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        if str(table.model[row]) == model:
            cells.setdefault(key, []).append(row)
    for own in cells.values():
        lengths = float(table.input_tokens[own[0]]), float(table.output_tokens[own[0]])
        share = next((share for bucket, share in shares.items() if bucket.holds(*lengths)), MOST_CAPACITY)
        rows = np.array(sorted(own, key=lambda row: float(rate[row])))
        scaled[rows] = share
        power[rows] = _power_at(table.rate_rps[rows], table.power_w[rows], share)
        rate[rows] = table.rate_rps[rows] * share
    is_scaled = (scaled < MOST_CAPACITY) & (table.rate_rps > 0)
    provenance = np.where(is_scaled, Provenance.FITTED.value, table.provenance)
    source = [
        f"{text}; rates x {part:.4f} (replay)" if lowered else text
        for text, part, lowered in zip(table.source.tolist(), scaled, is_scaled, strict=True)
    ]
    return replace(table, rate_rps=rate, power_w=power, provenance=provenance, source=np.array(source))


def _power_at(rate: NDArray[np.float64], power: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Power of a cell's rows at this share of their rates, on the curve through them; held below the lowest rate measured."""
    from scipy.interpolate import PchipInterpolator

    if rate.size < 2 or share == MOST_CAPACITY:
        return power
    return np.asarray(PchipInterpolator(rate, power)(np.maximum(rate * share, rate[0])), dtype=np.float64)
