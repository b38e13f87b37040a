"""What a rule says about a claim that does not hold, and how far two figures may lie apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

AGREEMENT: Final = 1e-6
"""Relative. What solver and verifier owe each other: both solve the same cubics and sum the same 10^5 terms, so honest
results lie within 1e-9; a forgotten term is larger than 1e-6."""

RATE_FLOOR_RPS: Final = 1e-9
"""Absolute [1/s]. Rates below it are rounding: one request in thirty years."""

ENERGY_FLOOR_KWH: Final = 1e-9
"""Absolute [kWh]. Lets sums that are zero on paper differ by rounding; a single idle GPU draws 1e-2 kWh per window."""

CARBON_FLOOR_KG: Final = 1e-9
"""Absolute [kg]. The energy floor at the dirtiest grid (1 kg/kWh)."""

COST_FLOOR_USD: Final = 1e-9
"""Absolute [USD]. The energy floor at 1 USD/kWh."""

COUNT_FLOOR: Final = 1e-6
"""Absolute [1]. Counts are integers; this only forgives their passage through floating point."""

RATIO_FLOOR: Final = 1e-6
"""Absolute [1]. For ratios of order 1: utilisation and provenance shares."""

GAP_FLOOR: Final = 1e-9
"""Absolute [1]. The gap is a formula over two stated figures, so only rounding may part them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim that does not hold.

    Attributes
    ----------
    rule : str
        Name of the rule, the same as the constraint's where there is one.
    where : str
        Which pool, site or figure, and in which window.
    what : str
        The quantity, with its unit.
    expected, found : float or str
        What the evidence says, and what the plan says.
    """

    rule: str
    where: str
    what: str
    expected: float | str
    found: float | str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.what}: expected {self.expected}, found {self.found}"


def agrees(expected: float, found: float, floor: float, scale: float = 0.0) -> bool:
    """Whether two figures are the same within `AGREEMENT` of the larger of `expected` and `scale`, or within `floor`.

    `scale` is the sum of absolute terms where terms of both signs cancel. NaN agrees with nothing.
    """
    return abs(found - expected) <= max(floor, AGREEMENT * max(abs(expected), scale))


def compare_windows(
    rule: str,
    where: str,
    what: str,
    expected: NDArray[np.float64],
    found: Sequence[float],
    floor: float,
    scale: NDArray[np.float64] | None = None,
) -> Iterator[Finding]:
    """One finding per window in which a stated series departs from the recomputed one, both of shape (window,).

    A series of the wrong length is the rule `horizon`'s to report.
    """
    if len(found) != expected.size:
        return
    scales = np.zeros_like(expected) if scale is None else scale
    stated = np.asarray(found, dtype=np.float64)
    allowed = np.maximum(floor, AGREEMENT * np.maximum(np.abs(expected), scales))
    for window in np.flatnonzero(~(np.abs(stated - expected) <= allowed)).tolist():
        yield Finding(rule, f"{where} window {window}", what, float(expected[window]), float(stated[window]))
