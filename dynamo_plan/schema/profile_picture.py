"""What there is to see in a profile: readings by clock and bucket, as numbers, for whoever draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dynamo_plan.schema.kind import Kind


@dataclass(frozen=True, slots=True)
class Reading:
    """A value at a place on an axis, with the interval of its prediction error where one is known.

    `name` says more about the point, such as the clock of a dispatch.
    """

    at: float
    value: float
    low: float | None = None
    high: float | None = None
    name: str = ""


type Series = Mapping[str, tuple[Reading, ...]]
"""Readings by the name of their line."""


@dataclass(frozen=True, slots=True)
class CellPicture:
    """One bucket on one kind, against the rate [1/s], by clock.

    Attributes
    ----------
    bucket : str
    power_w : Series
        Measured points [W].
    dispatch_w : Series
        Least power over all clocks that keep the SLO [W]; the readings' names are the clocks.
    ttft_ms, tbt_ms : Series
        P99 of measured points [ms]; empty where the profile states none.
    ttft_slo_ms, tbt_slo_ms : float or None
        Their limits [ms].
    """

    bucket: str
    power_w: Series
    dispatch_w: Series
    ttft_ms: Series
    tbt_ms: Series
    ttft_slo_ms: float | None = None
    tbt_slo_ms: float | None = None


@dataclass(frozen=True, slots=True)
class KindPicture:
    """One kind, against the clock [MHz], by bucket.

    Attributes
    ----------
    model : str
    kind : Kind
    rows : int
    errors : dict of str to float
        P90 of the error with which a clock is predicted from the others, by quantity [1].
    capacity_rps : Series
        Capacity at the SLO [1/s].
    energy_j : Series
        Energy of a request at capacity [J].
    cells : tuple of CellPicture
        Of all its buckets, or of some.
    """

    model: str
    kind: Kind
    rows: int
    errors: Mapping[str, float]
    capacity_rps: Series
    energy_j: Series
    cells: tuple[CellPicture, ...]
