"""Step 9: tokens of KV cache that an instance holds, and the wait of a request that finds it full."""

from __future__ import annotations

import math

from recipe.figures import BYTES_PER_GB, Figures

NEGLIGIBLE_QUEUE_SIGMA = 6.0  # slots free beyond the mean, in standard deviations, at which waiting is impossible


def kv_tokens(figures: Figures, tp: int) -> float:
    """KV cache of one instance [tokens]."""
    usable_gb = (
        figures.value("hbm_utilisation") * figures.value("hbm_gb")
        - figures.value("weights_gb") / tp
        - figures.value("hbm_overhead_gb")
    )
    return usable_gb * BYTES_PER_GB * tp / figures.value("kv_bytes_per_token")


def admission_wait_ms(slots: float, batch: float, peakedness: float, residence_ms: float, quantile: float) -> float:
    """Quantile of the wait [ms] for KV memory; infinite when the batch needs more slots than there are.

    The cache is a queue with ``slots`` servers = requests of mean size that fit; ``batch`` is the offered load and a
    request holds its slot for ``residence_ms``. Demand that varies more than Poisson's, by the factor ``peakedness``
    (variance over mean), is taken by Hayward's approximation: Erlang's delay formula with servers and load divided by it.

    Source: A. A. Fredericks, "Congestion in blocking systems - a simple approximation technique", Bell System
    Technical Journal 59 (1980).
    """
    servers, load = slots / peakedness, batch / peakedness
    if load >= servers:
        return math.inf
    if servers > load + NEGLIGIBLE_QUEUE_SIGMA * math.sqrt(load) + 1.0:
        return 0.0
    waits = _delay_probability(servers, load)
    return max(0.0, math.log(waits / (1.0 - quantile))) * residence_ms / (servers - load)


def _delay_probability(servers: float, load: float) -> float:
    """Erlang's delay formula; between whole servers the blocking of the two neighbours is interpolated."""
    blocked, whole = 1.0, math.floor(servers)
    for server in range(1, whole + 1):
        blocked = load * blocked / (server + load * blocked)
    one_more = load * blocked / (whole + 1 + load * blocked)
    blocked += (servers - whole) * (one_more - blocked)
    return blocked * servers / (servers - load * (1.0 - blocked))
