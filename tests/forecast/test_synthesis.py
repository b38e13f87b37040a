"""Requests drawn from a load are as many, as long and as bursty as it says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from dynamo_plan.forecast import synthesis
from dynamo_plan.forecast.synthesis import draw_requests, scaled
from dynamo_plan.schema.bucket import bucket_grid
from dynamo_plan.schema.history import History
from dynamo_plan.schema.load import Windows
from dynamo_plan.schema.request_counts import LengthHistogram, RequestStatistics
from tests.ingest.faultcase import only_fault

WINDOW_S = 600
BUCKETS = bucket_grid((100, None), (50, None))


def load(*rates_rps: tuple[float, ...]) -> History:
    start = np.datetime64("2024-05-12", "s") + np.arange(len(rates_rps)) * np.timedelta64(WINDOW_S, "s")
    names = tuple(bucket.name for bucket in BUCKETS)
    return History("load.csv", "chat", Windows(start, WINDOW_S), names, np.arange(4), np.array(rates_rps))


def like(*dispersion: float) -> RequestStatistics:
    """Short inputs are of 10 or 20 to 29 tokens, long ones of 100; short outputs of 1, long ones of 50; LS was never seen."""
    requests = np.zeros((4, 2))
    requests[0, 0], requests[1, 0], requests[2, 1], requests[1, 1] = 1, 3, 5, 2
    lengths = LengthHistogram(np.array([10, 20, 30, 101]), np.array([1, 50, 51]), requests[:3])
    return RequestStatistics("chat", BUCKETS, np.array(dispersion), lengths)


LIKE = like(1.0, 1.0, 1.0, 1.0)


def drawn(history: History, statistics: RequestStatistics = LIKE, seed: int = 1) -> tuple[NDArray[np.int64], ...]:
    parts = list(draw_requests(history, statistics, seed))
    return tuple(
        np.concatenate(column)
        for column in zip(*((part.arrival_ns, part.input_tokens, part.output_tokens) for part in parts), strict=True)
    )


def test_as_many_as_the_rates_say() -> None:
    history = load(*[(10.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), (30.0, 0.0, 0.0, 0.0)] * 4)
    arrival_ns, *_ = drawn(history)
    window = (arrival_ns - history.windows.start[0].astype("datetime64[ns]").astype(np.int64)) // (WINDOW_S * 10**9)
    counts = np.bincount(window, minlength=12).reshape(4, 3)
    assert counts[:, 1].tolist() == [0, 0, 0, 0]
    # Poisson: four windows of 6000 and of 18000 requests, five standard deviations.
    assert abs(counts[:, 0].sum() - 24_000) < 5 * np.sqrt(24_000)
    assert abs(counts[:, 2].sum() - 72_000) < 5 * np.sqrt(72_000)
    assert (np.diff(arrival_ns) >= 0).all()


@pytest.mark.parametrize("dispersion", [0.25, 1.0, 4.0])
def test_as_bursty_as_was_measured(dispersion: float) -> None:
    history = load(*[(50.0, 0.0, 0.0, 0.0)] * 40)
    arrival_ns, *_ = drawn(history, like(dispersion, 1.0, 1.0, 1.0))
    per_10_s = np.bincount((arrival_ns - arrival_ns.min()) // 10**10)[:-1]
    assert per_10_s.var() / per_10_s.mean() == pytest.approx(dispersion, rel=0.12)
    assert per_10_s.mean() == pytest.approx(500, rel=0.02)


def test_lengths_are_those_of_the_bucket() -> None:
    _, inputs, outputs = drawn(load((5.0, 0.0, 0.0, 0.0)))
    assert set(outputs.tolist()) <= set(range(1, 50))
    assert set(inputs.tolist()) <= set(range(10, 30))
    assert np.mean(inputs >= 20) == pytest.approx(0.75, abs=0.04)
    _, inputs, outputs = drawn(load((0.0, 5.0, 0.0, 0.0)))
    assert set(outputs.tolist()) == {50}
    assert inputs.min() >= 20


def test_same_seed_same_trace_however_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    history = load(*[(5.0, 2.0, 0.0, 0.0)] * 6)
    once, again, other = drawn(history), drawn(history), drawn(history, seed=2)
    assert all((one == two).all() for one, two in zip(once, again, strict=True))
    assert once[0].size != other[0].size or (once[0] != other[0]).any()
    monkeypatch.setattr(synthesis, "CHUNK_REQUESTS", 5_000)
    parts = list(draw_requests(history, LIKE, 1))
    assert len(parts) > 1
    assert all(one.arrival_ns[-1] <= two.arrival_ns[0] for one, two in pairwise(parts))


def test_scaled() -> None:
    assert drawn(scaled(load((5.0, 0.0, 0.0, 0.0)), 4.0))[0].size == pytest.approx(12_000, rel=0.05)


def test_unknown_burstiness_is_poisson() -> None:
    history = load((5.0, 0.0, 0.0, 0.0))
    assert (drawn(history, like(np.nan, 1.0, 1.0, 1.0))[0] == drawn(history)[0]).all()


def test_a_bucket_that_was_never_seen() -> None:
    history = load((1.0, 0.0, 1.0, 0.0))
    only_fault(lambda: drawn(history), "synthesize-lengths", "load.csv bucket LS", "no request of this bucket")


def test_no_load_is_no_request() -> None:
    assert drawn(load((0.0, 0.0, 0.0, 0.0)))[0].size == 0
