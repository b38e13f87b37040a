"""The recipe by the engine, as it is shipped, beside its queue in closed form: the same stream, near the same answers."""

from __future__ import annotations

import sys

import compose
import numpy as np
import pytest
from recipe.cells import LOAD_LEVELS, Row, bucket_cells, bucket_requests, capacity_rps
from recipe.engine_costs import engine_table
from recipe.engine_serving import EngineServer
from recipe.figures import BUCKETS, Figures, Instance, read_figures
from recipe.lengths import Workload, read_workloads
from recipe.serving import WARM_UP_SHARE, ClosedForm, Server, prepare, serve
from recipe.slo import slo_of

from dynamo_plan.engine.capacity import LONGEST_S

POWER_TOLERANCE, BATCH_TOLERANCE, TTFT_TOLERANCE = 0.03, 0.10, 0.35  # several prompts share an iteration of the engine


@pytest.fixture(scope="module")
def figures() -> Figures:
    return read_figures()


@pytest.fixture(scope="module")
def chat() -> Workload:
    return read_workloads()["conversation"]


@pytest.fixture(scope="module")
def by_engine(figures: Figures) -> Server:
    return EngineServer(engine_table(figures))


@pytest.mark.parametrize(("bucket", "tp", "rate_rps"), [("LL", 8, 2.4), ("SS", 4, 8.6), ("MM", 4, 5.0), ("LL", 2, 0.5)])
def test_power_and_batch_are_those_of_the_closed_form(
    figures: Figures, chat: Workload, by_engine: Server, bucket: str, tp: int, rate_rps: float
) -> None:
    prepared = prepare(figures, Instance(tp, 1980), bucket_requests(chat, bucket))
    ours, theirs = by_engine(prepared, rate_rps), serve(prepared, rate_rps)
    assert ours.power_w == pytest.approx(theirs.power_w, rel=POWER_TOLERANCE)
    assert ours.batch == pytest.approx(theirs.batch, rel=BATCH_TOLERANCE)
    assert ours.throughput_rps == pytest.approx(rate_rps, rel=0.01)
    assert np.percentile(ours.ttft_ms, 99) == pytest.approx(np.percentile(theirs.ttft_ms, 99), rel=TTFT_TOLERANCE)


def test_rates_that_outlast_the_range_of_time_are_served_in_stretches(
    figures: Figures, chat: Workload, by_engine: Server
) -> None:
    requests = bucket_requests(chat, "LL")
    prepared = prepare(figures, Instance(2, 1980), requests)
    rate_rps = requests.gaps[-1] / (3.5 * LONGEST_S)
    found, expected = by_engine(prepared, rate_rps), serve(prepared, rate_rps)
    assert found.ttft_ms.size == round((1.0 - WARM_UP_SHARE) * requests.gaps.size)
    assert not np.isnan(found.ttft_ms).any()
    assert found.power_w == pytest.approx(expected.power_w, rel=POWER_TOLERANCE)
    assert found.throughput_rps == pytest.approx(rate_rps, rel=1e-3)
    assert np.percentile(found.ttft_ms, 99) == pytest.approx(np.percentile(expected.ttft_ms, 99), rel=0.05)


def test_two_instances_keep_latencies_that_one_does_not(figures: Figures, chat: Workload) -> None:
    """At one rate per instance: late requests are fewer behind a router, which spreads prompts and so draws a little more."""
    prepared = prepare(figures, Instance(4, 1980), bucket_requests(chat, "LS"))
    one, two = (EngineServer(engine_table(figures), count)(prepared, 0.7) for count in (1, 2))
    assert two.power_w == pytest.approx(one.power_w, rel=2 * POWER_TOLERANCE)
    assert two.batch == pytest.approx(one.batch, rel=BATCH_TOLERANCE)
    assert two.throughput_rps == pytest.approx(0.7, rel=0.01)
    assert np.percentile(two.ttft_ms, 99.8) < np.percentile(one.ttft_ms, 99.8)


@pytest.mark.slow
def test_capacity_is_below_that_of_the_closed_form_where_the_cache_binds(
    figures: Figures, chat: Workload, by_engine: Server
) -> None:
    prepared = prepare(figures, Instance(2, 1980), bucket_requests(chat, "LM"))
    slo = slo_of(figures, chat.name, "L")
    assert 0.6 < capacity_rps(prepared, slo, by_engine) / capacity_rps(prepared, slo, ClosedForm()) < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("closed_form", [False, True])
def test_cells_reach_up_to_their_capacity_and_beyond(
    figures: Figures, chat: Workload, by_engine: Server, monkeypatch: pytest.MonkeyPatch, *, closed_form: bool
) -> None:
    monkeypatch.setattr("recipe.cells.FREQUENCIES_MHZ", (1200, 1980))
    server = ClosedForm() if closed_form else by_engine
    for cell in bucket_cells(figures, chat, BUCKETS[-1], 8, server):
        assert all(server.method in row.source for row in cell.rows)
        rates = [row.request_rate_rps for row in cell.rows]
        assert rates == sorted(set(rates))
        assert rates[len(LOAD_LEVELS)] == pytest.approx(cell.capacity_rps, rel=1e-5)
        full, beyond = cell.rows[len(LOAD_LEVELS)], cell.rows[len(LOAD_LEVELS) + 1]
        limits = slo_of(figures, chat.name, "L")
        assert slo_holds(full, limits.ttft_ms, limits.tbt_ms)
        assert not slo_holds(beyond, limits.ttft_ms, limits.tbt_ms)


def slo_holds(row: Row, ttft_ms: float, tbt_ms: float) -> bool:
    assert row.ttft_p99_ms is not None
    assert row.tbt_p99_ms is not None
    return row.ttft_p99_ms <= ttft_ms and row.tbt_p99_ms <= tbt_ms


def test_the_shipped_profile_is_not_replaced_by_the_second_opinion(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["compose.py", "--closed-form"])
    with pytest.raises(SystemExit):
        compose.main()
    assert "name another folder with -d" in capsys.readouterr().err
