"""What a workload promises: the limits that capacities and derates are computed for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipe.figures import Figures, FloatArray


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits [ms] of one input class: on the P99 of TTFT, and on the P99 over requests of each request's mean TBT."""

    ttft_ms: float
    tbt_ms: float

    def met_by(self, ttft_ms: FloatArray, tbt_ms: FloatArray) -> bool:
        """Whether requests with these latencies [ms] keep both limits."""
        return bool(np.nanpercentile(ttft_ms, 99) <= self.ttft_ms and np.nanpercentile(tbt_ms, 99) <= self.tbt_ms)


def slo_of(figures: Figures, workload: str, input_class: str) -> Slo:
    """The SLO of an input class S, M or L of a workload: TTFT goes by class, TBT by workload."""
    return Slo(
        ttft_ms=figures.value(f"slo_ttft_{input_class.lower()}_ms"), tbt_ms=figures.value(f"slo_tbt_{workload}_ms")
    )
