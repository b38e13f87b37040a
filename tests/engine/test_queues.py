"""With a batch of one the engine is a single-server queue, whose mean waits are known (Pollaczek and Khinchine)."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.engine import Serving, simulate
from dynamo_plan.schema.requests import Requests
from tests.engine.cases import machine

REQUESTS = 1_500_000
SERVICE_S = 0.001

# One microsecond per prompt token and nothing else.
SERVER = machine(
    kv_tokens=1 << 22,
    iteration_s=(0.0, 1e-6, 1e-6),
    context_s=0.0,
    prefill_tokens=(1.0, 2.0),
    prefill_s=(1e-6, 2e-6),
    overhead_s=0.0,
)


def mean_wait_s(service_tokens: np.ndarray, load: float, seed: int) -> float:
    """Mean wait of requests whose service is their prompt."""
    random = np.random.default_rng(seed)
    arrival_s = np.cumsum(random.exponential(SERVICE_S / load, service_tokens.size))
    found = simulate(
        SERVER, 2000.0, Requests.at(arrival_s, service_tokens, 1), Serving(chunk_tokens=1 << 18, max_batch=1)
    )
    return float((found.ttft_s - service_tokens * 1e-6).mean())


def drawn(name: str, seed: int) -> np.ndarray:
    """Service times in microseconds, of mean 1,000: constant, exponential, or a mixture of squared variation 4."""
    random = np.random.default_rng(seed)
    if name == "M/D/1":
        return np.full(REQUESTS, 1000)
    if name == "M/M/1":
        return np.maximum(np.rint(random.exponential(1000.0, REQUESTS)), 1).astype(np.int64)
    is_long = random.random(REQUESTS) < 0.1
    mean = np.where(is_long, 1000 + 9 * 408.25, 1000 - 408.25)
    return np.maximum(np.rint(random.exponential(mean)), 1).astype(np.int64)


@pytest.mark.slow
@pytest.mark.parametrize("load", [0.5, 0.7])
@pytest.mark.parametrize(("name", "variation"), [("M/D/1", 0.0), ("M/M/1", 1.0), ("M/G/1", 4.0)])
def test_mean_wait(name: str, variation: float, load: float) -> None:
    theory_s = load / (1 - load) * (1 + variation) / 2 * SERVICE_S
    assert mean_wait_s(drawn(name, seed=1), load, seed=2) == pytest.approx(theory_s, rel=0.02)


@pytest.mark.slow
def test_mean_wait_with_decode() -> None:
    # Service: a prefill of 1 ms, then 9 iterations of 1 us.
    random = np.random.default_rng(5)
    service_s, load = 0.001 + 9e-6, 0.7
    arrival_s = np.cumsum(random.exponential(service_s / load, REQUESTS))
    found = simulate(SERVER, 2000.0, Requests.at(arrival_s, 1000, 10), Serving(chunk_tokens=1 << 18, max_batch=1))
    wait_s = float((found.ttft_s - 0.001).mean())
    assert wait_s == pytest.approx(load / (1 - load) / 2 * service_s, rel=0.02)
