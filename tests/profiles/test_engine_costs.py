"""The engine table of the shipped profile: the recipe's own figures, and the same instance as an independent simulation sees it."""

from __future__ import annotations

from pathlib import Path

import compose
import engine_check
import numpy as np
import pytest
from recipe import decode, memory, prefill
from recipe.engine_costs import BATCHES, engine_table
from recipe.figures import (
    BUCKETS,
    FREQUENCIES_MHZ,
    MS_PER_S,
    PROFILES,
    TENSOR_PARALLEL,
    Figures,
    Instance,
    read_figures,
)
from recipe.fleets import INPUT_CLASSES, Fleet, Fleets, traffic_of
from recipe.lengths import Workload, read_workloads
from recipe.serving import draw_requests, prepare

from dynamo_plan.engine import Router, Serving, simulate
from dynamo_plan.engine.settings import extended
from dynamo_plan.ingest import read_engine_table
from dynamo_plan.schema.engine_table import EngineEntry
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.schema.requests import Requests
from tests.profiles.iteration_simulation import simulate as simulate_by_token

NAME, CODING_NAME = "llama-2-70b-h100.engine.csv", "llama-2-70b-h100-coding.engine.csv"
BETWEEN_KNOTS = 1e-2  # of the curves that are tabulated
REMAKE_TOLERANCE = 1e-6  # seven digits are written
OTHER_DRAWS = 0.05  # what a capacity scatters by
SAME_COURSE = 0.05  # the token simulation takes an iteration at the mean context, the engine at the actual one


@pytest.fixture(scope="module")
def figures() -> Figures:
    return read_figures()


@pytest.fixture(scope="module")
def chat() -> Workload:
    return read_workloads()["conversation"]


def entry_of(tp: int) -> EngineEntry:
    entry = read_engine_table(PROFILES / NAME).of("llama-2-70b", Kind("h100", tp, 1, "bf16"))
    assert entry is not None
    return entry


def test_the_shipped_table_is_what_the_recipe_makes(figures: Figures) -> None:
    shipped = read_engine_table(PROFILES / NAME).entries
    made = engine_table(figures).entries
    assert [one.kind for one in shipped] == [one.kind for one in made]
    for ours, theirs in zip(made, shipped, strict=True):
        assert ours.evidence == theirs.evidence
        assert (ours.chunk_tokens, ours.max_batch, ours.prefill_first) == (
            theirs.chunk_tokens,
            theirs.max_batch,
            theirs.prefill_first,
        )
        for name in type(ours.costs).__slots__:
            if name != "name":
                np.testing.assert_allclose(
                    getattr(ours.costs, name), getattr(theirs.costs, name), rtol=REMAKE_TOLERANCE, err_msg=name
                )


def test_both_services_run_on_the_same_machines() -> None:
    assert (PROFILES / CODING_NAME).read_bytes() == (PROFILES / NAME).read_bytes()


def test_every_row_says_that_it_is_composed() -> None:
    for entry in read_engine_table(PROFILES / NAME).entries:
        assert {one.provenance for at in entry.evidence for one in at} == {Provenance.COMPOSED}
        assert entry.costs.frequency_mhz.tolist() == list(FREQUENCIES_MHZ)


def test_writing_twice_gives_the_same_bytes(figures: Figures, tmp_path: Path) -> None:
    compose.compose_engine(figures, tmp_path)
    first = (tmp_path / NAME).read_bytes()
    compose.compose_engine(figures, tmp_path)
    assert (tmp_path / NAME).read_bytes() == first


@pytest.mark.parametrize("tp", TENSOR_PARALLEL)
@pytest.mark.parametrize("frequency_mhz", FREQUENCIES_MHZ)
def test_an_iteration_costs_what_the_recipe_says(figures: Figures, tp: int, frequency_mhz: int) -> None:
    costs, instance = entry_of(tp).costs, Instance(tp, frequency_mhz)
    clock = list(FREQUENCIES_MHZ).index(frequency_mhz)
    for batch, context in ((1.0, 100.0), (7.0, 900.0), (100.0, 3000.0)):
        expected = decode.iteration(figures, instance, context).time_ms(batch) / MS_PER_S
        alpha = float(extended(np.array([batch]), costs.batch, costs.iteration_s[clock])[0])
        assert alpha + costs.context_s[clock, 1] * batch * context == pytest.approx(expected, rel=REMAKE_TOLERANCE)
    tokens = np.array([3.0, 30.0, 300.0, 700.0, 1500.0, 3000.0, 3900.0, 7400.0])
    wall_s = prefill.wall_time_ms(figures, prefill.gpu_time_ms(figures, instance, tokens)) / MS_PER_S
    found_s = costs.iteration_s[clock, 0] + extended(tokens, costs.prefill_tokens, costs.prefill_s[clock])
    np.testing.assert_allclose(found_s, wall_s, rtol=BETWEEN_KNOTS)
    expected_w = tp * prefill.power_w(figures, instance, tokens)
    found_w = extended(tokens, costs.prefill_tokens, costs.prefill_power_w[clock])
    np.testing.assert_allclose(found_w, expected_w, rtol=2 * BETWEEN_KNOTS)
    assert costs.idle_power_w[clock] == pytest.approx(tp * decode.idle_power_w(figures, instance), rel=REMAKE_TOLERANCE)


def test_the_cache_and_the_context_that_power_is_stated_for(figures: Figures, chat: Workload) -> None:
    assert [entry_of(tp).costs.kv_tokens for tp in TENSOR_PARALLEL] == [
        int(memory.kv_tokens(figures, tp)) for tp in TENSOR_PARALLEL
    ]
    requests, _ = draw_requests([chat.lengths[b] for b in BUCKETS], [chat.shares[b] for b in BUCKETS], 20_000, 1)
    held = np.average(requests.input_tokens + requests.output_tokens / 2, weights=requests.output_tokens)
    assert figures.value("engine_power_context_tokens") == pytest.approx(held, rel=0.02)


@pytest.mark.parametrize("tp", TENSOR_PARALLEL)
def test_power_at_the_context_of_a_real_mix_is_near_that_at_the_stated_one(figures: Figures, tp: int) -> None:
    """The engine tabulates decode power by batch alone; half or twice the context moves it little."""
    costs = entry_of(tp).costs
    stated = figures.value("engine_power_context_tokens")
    for batch in (3.0, 12.0, 24.0):
        found = float(extended(np.array([batch]), costs.batch, costs.decode_power_w[-1])[0])
        for context in (stated / 2, stated, 2 * stated):
            one = decode.iteration(figures, Instance(tp, 1980), context)
            expected = tp * decode.power_w(figures, Instance(tp, 1980), batch, one.time_ms(batch))
            assert found == pytest.approx(expected, rel=0.05 if context != stated else BETWEEN_KNOTS)


def test_batches_begin_at_0_and_ascend() -> None:
    assert BATCHES[0] == 0.0
    assert (np.diff(BATCHES) > 0).all()


def test_traffic_keeps_classes_and_shares(chat: Workload) -> None:
    traffic = traffic_of(chat, ["SS", "LL"])
    assert sorted(set(traffic.bucket.tolist())) == [INPUT_CLASSES.index("S"), INPUT_CLASSES.index("L")]
    is_short = traffic.bucket == INPUT_CLASSES.index("S")
    share = chat.shares["SS"] / (chat.shares["SS"] + chat.shares["LL"])
    assert is_short.mean() == pytest.approx(share, abs=1e-3)
    assert traffic.input_tokens[is_short].max() < 256
    assert traffic.input_tokens[~is_short].min() >= 1024


@pytest.mark.slow
@pytest.mark.parametrize(("tp", "rate_rps"), [(8, 2.6), (4, 2.2), (2, 0.5)])
def test_the_engine_runs_the_course_of_a_simulation_by_token(
    figures: Figures, chat: Workload, tp: int, rate_rps: float
) -> None:
    """Long prompts, each alone in its iteration: the launch floor, which the two treat differently, does not show."""
    instance = Instance(tp, 1980)
    requests, _ = draw_requests([chat.lengths["LL"]], [1.0], 4_000, 7)
    theirs = simulate_by_token(prepare(figures, instance, requests), rate_rps, memory.kv_tokens(figures, tp))
    asked = Requests.at(requests.gaps / rate_rps, requests.input_tokens, requests.output_tokens)
    entry = entry_of(tp)
    ours = simulate(entry.costs, 1980.0, asked, Serving(1, entry.max_batch, prefill_first=True))
    kept = slice(len(asked) // 20, None)
    for ours_s, theirs_ms in ((ours.ttft_s, theirs.ttft_ms), (ours.tbt_s, theirs.tbt_ms)):
        assert np.quantile(ours_s[kept], 0.99) * MS_PER_S == pytest.approx(
            np.quantile(theirs_ms, 0.99), rel=SAME_COURSE
        )
    assert ours.energy_j.sum() / ours.end_s == pytest.approx(theirs.power_w, rel=SAME_COURSE)


@pytest.fixture(scope="module")
def fleets(figures: Figures, chat: Workload) -> Fleets:
    return Fleets(figures, read_engine_table(PROFILES / NAME), chat, engine_check.shipped_rps("conversation"))


@pytest.mark.slow
def test_a_fleet_of_one_serves_what_the_profile_says(fleets: Fleets) -> None:
    """The same machine, other draws."""
    shipped = engine_check.shipped_rps("conversation")["LL", Instance(8, 1980)]
    assert fleets.capacity_rps(Instance(8, 1980), ("LL",), Fleet(1)) == pytest.approx(shipped, rel=OTHER_DRAWS)


@pytest.mark.slow
def test_long_inputs_cost_short_ones_most_and_a_router_of_prompt_tokens_least(fleets: Fleets) -> None:
    eight = Instance(8, 1980)
    alone, shorter = (fleets.derate(eight, classes, Fleet(1)) for classes in ("S+M+L", "S+M"))
    assert alone > 0.4
    assert abs(shorter) < 0.1
    behind = fleets.derate(eight, "S+M+L", Fleet(8))
    by_requests = fleets.derate(eight, "S+M+L", Fleet(8, Router.LEAST_REQUESTS))
    assert behind < by_requests < alone


def test_a_class_that_cannot_be_served_leaves_nothing(figures: Figures) -> None:
    """Coding at TP2 and 800 MHz: no long input keeps its promise."""
    table, coding = read_engine_table(PROFILES / NAME), read_workloads()["coding"]
    fleets = Fleets(figures, table, coding, engine_check.shipped_rps("coding"))
    assert fleets.derate(Instance(2, 800), "S+L", Fleet(4)) == 1.0
