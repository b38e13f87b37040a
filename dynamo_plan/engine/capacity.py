"""Capacity at SLO by the engine: the highest Poisson rate at which every bucket keeps its latency limits.

For profiles that state no offered load. The same draws serve every rate, so that more load is the same traffic in less time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynamo_plan.compiled import Floats
from dynamo_plan.engine.cluster import Cluster, PoolPlan
from dynamo_plan.engine.outcome import Outcome
from dynamo_plan.engine.settings import Serving, Setting
from dynamo_plan.engine.tables import Router
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.requests import Requests

REQUESTS = 60_000
"""Requests of a trial: 600 lie above a P99; the rate found then varies by about 1 % with the seed."""

STEP = 0.01
"""Relative distance of the rates tried: what the seed leaves uncertain anyway."""

LOWEST = 1e-3
"""Share of the saturated throughput below which an instance has no capacity: a limit that fails there fails without any load."""

LONGEST_S = 2e6
"""Length of a trial at most [s], within the engine's range of time: at low rates a trial has fewer requests."""

SEED = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What must hold, at a quantile of the requests of every bucket.

    At the quantile of a promise itself windows of a run at capacity break it by chance, up to every other; a higher one leaves room.

    Attributes
    ----------
    ttft_s : tuple of float
        Time to first token by bucket [s].
    tbt_s : float
        Mean time between tokens of a request [s].
    gap_s : float
        Time between two tokens, at the quantile of the tokens [s]; infinite where only the mean is promised.
    quantile : float
    """

    ttft_s: tuple[float, ...]
    tbt_s: float
    gap_s: float = math.inf
    quantile: float = 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Lengths of requests and their shares, to draw from; every array has shape (kind of request,).

    Attributes
    ----------
    input_tokens, output_tokens, bucket : array
        As in `Requests`.
    """

    input_tokens: np.ndarray[tuple[int], np.dtype[np.int64]]
    output_tokens: np.ndarray[tuple[int], np.dtype[np.int64]]
    bucket: np.ndarray[tuple[int], np.dtype[np.int64]]

    def draw(self, count: int, seed: int) -> Requests:
        """So many requests at unit rate, Poisson."""
        random = np.random.default_rng(seed)
        row = random.integers(0, self.input_tokens.size, count)
        arrival_s = np.cumsum(random.exponential(1.0, count))
        return Requests.at(arrival_s, self.input_tokens[row], self.output_tokens[row], self.bucket[row])


def keeps(found: Outcome, limits: Limits) -> bool:
    """Whether every bucket that has requests keeps its limits; a request that was not served keeps none."""
    asked = found.requests
    if not found.is_served.all():
        return False
    for bucket, ttft_s in enumerate(limits.ttft_s):
        own = asked.bucket == bucket
        if not own.any():
            continue
        if _above(found.ttft_s[own], limits.quantile) > ttft_s:
            return False
        tbt_s = found.tbt_s[own & (asked.output_tokens > 1)]
        if tbt_s.size and _above(tbt_s, limits.quantile) > limits.tbt_s:
            return False
        if math.isfinite(limits.gap_s) and found.gap_quantile_s(limits.quantile, bucket) > limits.gap_s:
            return False
    return True


def capacity_at_slo(
    model: EngineModel,
    frequency_mhz: float,
    traffic: Traffic,
    limits: Limits,
    serving: Serving = Serving(),  # noqa: B008 (frozen)
    *,
    instances: int = 1,
    router: Router = Router.LEAST_UNPREFILLED,
    count: int = REQUESTS,
    seed: int = SEED,
) -> float:
    """The highest rate per instance that keeps the limits [1/s], in steps of `STEP`; 0 where none does.

    Raises
    ------
    ValueError
        A bucket of the traffic has no limit.
    """
    if int(traffic.bucket.max()) >= len(limits.ttft_s):
        raise ValueError(f"traffic of bucket {int(traffic.bucket.max())} has no limit on TTFT")
    unit = traffic.draw(count, seed)

    def run(rate_rps: float) -> Outcome:
        first = slice(max(int(min(rate_rps * LONGEST_S, count)), 1))
        arrival_ps = (unit.arrival_ps[first] / rate_rps).astype(np.int64)
        asked = Requests(arrival_ps, unit.input_tokens[first], unit.output_tokens[first], unit.bucket[first])
        pool = PoolPlan((0,) * instances, instances, router)
        cluster = Cluster([Setting(model, frequency_mhz, serving)], [pool], asked)
        cluster.advance()
        return cluster.finish()

    # More than all requests at once yields is no lasting rate.
    flood = run(math.inf)
    if not flood.is_served.all():
        return 0.0
    most = count / flood.end_s
    # Failing at a rate is taken to mean failing at all higher ones.
    least = math.floor(math.log(LOWEST) / math.log1p(STEP))
    low, high = least - 1, 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if keeps(run(most * (1.0 + STEP) ** middle), limits) else (low, middle)
    return most * (1.0 + STEP) ** low / instances if low >= least else 0.0


def _above(values: Floats | Sequence[float], quantile: float) -> float:
    """The value that this share of all does not exceed."""
    return float(np.quantile(values, quantile, method="inverted_cdf"))
