"""What a workload promises: the limits that capacities and derates are computed for, and how surely they hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipe.figures import Figures, FloatArray
from recipe.lengths import Workload


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits of one input class.

    Attributes
    ----------
    ttft_ms : float
        Time to first token [ms].
    tbt_ms : float
        Mean time between tokens of a request [ms].
    quantile : float
        Share of all requests that keep each limit. It is above the 99 % of the promise, which one window in three or four breaks
        where 99 % of all requests are in time.
    """

    ttft_ms: float
    tbt_ms: float
    quantile: float

    def met_by(self, ttft_ms: FloatArray, tbt_ms: FloatArray) -> bool:
        """Whether requests with these latencies [ms] keep both limits."""
        tails = ((ttft_ms, self.ttft_ms), (tbt_ms, self.tbt_ms))
        return all(bool(np.nanquantile(values, self.quantile) <= limit) for values, limit in tails)


def slo_of(figures: Figures, workload: str, input_class: str) -> Slo:
    """The SLO of an input class S, M or L of a workload: TTFT goes by class, TBT by workload."""
    return Slo(
        ttft_ms=figures.value(f"slo_ttft_{input_class.lower()}_ms"),
        tbt_ms=figures.value(f"slo_tbt_{workload}_ms"),
        quantile=figures.value("slo_quantile"),
    )


def smallest_pool(figures: Figures, workload: Workload, bucket: str) -> int:
    """Instances of the smallest pool that a bucket's rows are for: two where it makes up most of the service."""
    return 2 if workload.shares[bucket] > figures.value("slo_pool_of_two_share") else 1
