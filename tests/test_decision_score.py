"""Decision score: perfect foresight costs nothing extra, too little is counted by hand, too much costs energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dynamo_plan.assemble import assemble
from dynamo_plan.decision_score import DecisionScore, check_fits, decision_scores, reserved_levels
from dynamo_plan.errors import UsageError
from dynamo_plan.forecast.backtest import HeldBack, hold_back
from dynamo_plan.forecast.methods import method_named
from dynamo_plan.forecast.scores import Scores
from dynamo_plan.ingest import read_inputs
from dynamo_plan.planner import plan_scenario
from dynamo_plan.schema.history import History
from dynamo_plan.schema.inputs import Inputs
from tests.forecast.histories import history_of, noisy
from tests.ingest.builders import SCENARIO, write_tiny_scenario

DAY = 24
NO_SCORES = Scores(0.0, 0.0, 0.0, {}, {})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return read_inputs(write_tiny_scenario(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def history(inputs: Inputs) -> History:
    stated = noisy(6)
    return replace(
        stated, buckets=inputs.forecasts["chat"].buckets, rate_rps=6.0 * stated.rate_rps
    )  # several instances


def as_held_back(forecast: NDArray[np.float64], quantile: NDArray[np.float64], actual: NDArray[np.float64]) -> HeldBack:
    return HeldBack("by-hand", 0, forecast, actual, {0.95: quantile}, NO_SCORES)


def scores(inputs: Inputs, history: History, tried: Mapping[str, HeldBack]) -> dict[str, DecisionScore]:
    found = decision_scores(inputs, {"chat": history}, {name: {"chat": one} for name, one in tried.items()})
    return {one.method: one for one in found}


@pytest.mark.slow
def test_who_knows_the_load_has_no_extra_energy_and_serves_all(inputs: Inputs, history: History) -> None:
    actual = history.bucket_rate_rps[-12:]
    found = scores(inputs, history, {"perfect": as_held_back(actual, actual, actual)})["perfect"]
    assert found.extra_energy == pytest.approx(0.0, abs=1e-9)
    assert (found.beyond_capacity, found.windows_beyond, found.windows) == (0.0, 0, 12)
    assert found.requests == pytest.approx(actual.sum() * 3600)


@pytest.mark.slow
def test_too_much_costs_energy_and_too_little_requests(inputs: Inputs, history: History) -> None:
    actual = history.bucket_rate_rps[-6:]
    tried = {
        "double": as_held_back(2 * actual, 2 * actual, actual),
        "reserved": as_held_back(actual, 1.5 * actual, actual),
        "nothing": as_held_back(0 * actual, 0 * actual, actual),
    }
    found = scores(inputs, history, tried)
    assert found["double"].extra_energy > found["reserved"].extra_energy > 0.01
    assert found["double"].beyond_capacity == found["reserved"].beyond_capacity == 0.0
    # Nothing was planned, so that nothing runs: every request is beyond capacity.
    assert found["nothing"].beyond_share == pytest.approx(1.0)
    assert found["nothing"].windows_beyond == 6
    assert found["nothing"].extra_energy == pytest.approx(-1.0)


@pytest.mark.slow
def test_requests_beyond_capacity_by_hand(inputs: Inputs) -> None:
    """One window, one bucket with load: what the planned instances serve at their fastest clock, and what is left."""
    buckets = inputs.forecasts["chat"].buckets
    history = history_of(np.tile([[2.0, 0.0]], (48, 1)), 3600, buckets=buckets)
    planned, came = np.array([[2.0, 0.0]]), np.array([[50.0, 0.0]])
    found = scores(inputs, history, {"low": as_held_back(planned, planned, came)})["low"]
    one_window = replace(inputs, windows=type(inputs.windows)(inputs.windows.start[:1], 3600))
    forecast = replace(
        inputs.forecasts["chat"],
        windows=one_window.windows,
        rate_rps=planned,
        quantile_rate_rps={0.95: planned},
    )
    grid = {
        name: type(one)(one.path, one.price_usd_per_mwh[:1], one.carbon_g_per_kwh[:1])
        for name, one in inputs.grid.items()
    }
    plan = plan_scenario(replace(one_window, forecasts={"chat": forecast}, grid=grid)).plan
    actual = replace(forecast, rate_rps=came, quantile_rate_rps={0.95: came})
    problem = assemble(replace(one_window, forecasts={"chat": actual}, grid=grid))
    (pool,) = (pool for pool in problem.pools if pool.buckets == (buckets[0],))
    served = sum(
        group.instances * pool.mixes[0][pool.kinds.index(group.kind)].capacity_rps
        for group in plan.groups
        if group.pool == pool.name
    )
    assert 0 < served < 50.0
    assert found.beyond_capacity == pytest.approx((50.0 - served) * 3600)


@pytest.mark.slow
def test_pools_that_are_searched_for_are_accounted_as_they_were_found(tmp_path: Path, history: History) -> None:
    scenario = SCENARIO.replace("pools: per-bucket", "pools: auto")
    inputs = read_inputs(write_tiny_scenario(tmp_path, scenario))
    actual = history.bucket_rate_rps[-3:]
    found = scores(inputs, history, {"perfect": as_held_back(actual, actual, actual)})["perfect"]
    assert found.extra_energy == pytest.approx(0.0, abs=1e-9)
    assert found.beyond_capacity == 0.0


@pytest.mark.slow
def test_methods_are_scored_on_their_own_forecasts(inputs: Inputs, history: History) -> None:
    tried = {}
    for name in ("daily-naive", "persistence"):
        found = hold_back(history, method_named(name), DAY, 5 * DAY, tuple(reserved_levels(inputs)))
        assert isinstance(found, HeldBack)
        tried[name] = found
    results = scores(inputs, history, tried)
    assert results["daily-naive"].foresight_kwh == results["persistence"].foresight_kwh > 0
    assert results["persistence"].windows == DAY


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"buckets": ("SA", "XL")}, "has buckets SA, XL, the scenario"),
        ({"windows": None}, "windows of 21600 s, the scenario of 3600 s"),
        ({}, "there is no history of service chat"),
    ],
)
def test_a_history_that_does_not_fit_is_refused(
    inputs: Inputs, history: History, change: dict[str, object], part: str
) -> None:
    histories = {}
    if "buckets" in change:
        histories = {"chat": replace(history, buckets=("SA", "XL"))}
    elif change:
        histories = {"chat": history_of(np.ones((8, 2)), buckets=history.buckets)}
    with pytest.raises(UsageError, match=part) as caught:
        check_fits(inputs, histories)
    assert caught.value.faults[0].code == "history-scenario"
