"""The methods that are compared answer the same question: bounds, optima and plans in their order."""

from __future__ import annotations

import importlib.util

import highspy
import numpy as np
import pytest

from benchmarks import groups, methods, textbook
from benchmarks.accounting import account
from benchmarks.cases import CASES
from benchmarks.epochs import plan_epochs
from benchmarks.methods import METHODS, Measurement
from benchmarks.search import search_cbc, search_highs
from benchmarks.synthetic import capped, fleet
from dynamo_plan.errors import Fault, InputError
from dynamo_plan.problem import Problem
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.solution import Solution
from dynamo_plan.solve.states import StateSpace

ROUNDING = 1e-6
"""Relative; HiGHS and CBC hold their rows to about this."""

TINY: dict[str, dict[str, object]] = {
    "plain": {},
    "concave": {"concavity": 0.6, "seed": 1},
    "near-equal": {"hardware": "near-equal", "seed": 2},
    "priced GPUs": {"gpu_hour_weight": 0.3, "seed": 3},
    "short windows": {"window_s": 300, "seed": 4},
    "whole servers": {"server_idle_w": 2000.0, "seed": 5},
}


def tiny(name: str, **more: object) -> Problem:
    options = {"windows": 4, "window_s": 3600, "peak_rps": 30.0, **TINY[name], **more}
    return fleet(**options)  # type: ignore[arg-type]


def spaces_of(problem: Problem) -> list[StateSpace]:
    return [StateSpace(pool, problem.windows.hours) for pool in problem.pools]


def ours(problem: Problem) -> Solution:
    found = solve_decomposed(
        problem, spaces_of(problem), gap=0.0, time_limit_s=60.0, on_progress=lambda phase, done, note: None
    )
    assert found.courses
    return found


def optimum(model: highspy.Highs) -> float:
    found = search_highs(model, gap=0.0, time_limit_s=60.0)
    assert found.gap <= ROUNDING
    return found.incumbent


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_textbook_is_a_bound_and_epochs_are_a_plan(name: str) -> None:
    problem = tiny(name)
    found = ours(problem)
    relaxed = optimum(textbook.build(problem).highs)
    assert relaxed <= found.bound * (1 + ROUNDING)
    assert found.bound <= found.objective * (1 + ROUNDING)
    planned = plan_epochs(problem, time_limit_s=60.0)
    assert planned.planned == len(problem.pools) * len(problem.windows)
    assert found.bound <= account(problem, spaces_of(problem), planned.counts).objective * (1 + ROUNDING)


@pytest.mark.slow
def test_epochs_start_more_than_they_should() -> None:
    problem = tiny("short windows", windows=12)
    planned = plan_epochs(problem, time_limit_s=60.0)
    blind = account(problem, spaces_of(problem), planned.counts).objective
    assert blind > 1.001 * ours(problem).objective


def test_epochs_stop_at_their_limit() -> None:
    assert plan_epochs(tiny("plain"), time_limit_s=0.0).planned == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "concave", "whole servers"])
def test_all_operating_points_and_the_hull_give_the_same_optimum(name: str) -> None:
    problem = tiny(name, windows=4)
    points = optimum(textbook.build(problem, textbook.measured_points).highs)
    assert points == pytest.approx(optimum(textbook.build(problem).highs), rel=ROUNDING)


def test_the_textbook_holds_caps() -> None:
    free = tiny("plain", windows=2, peak_rps=400.0)
    spaces = spaces_of(free)
    model = textbook.build(free)
    counts = model.read(search_highs(model.highs, gap=0.0, time_limit_s=60.0).values)
    peak = account(free, spaces, counts)
    gpus, power_kw = peak.peak_gpus - 2.0, peak.peak_power_kw * 1.5
    tight = textbook.build(capped(free, gpus, power_kw))
    found = search_highs(tight.highs, gap=0.0, time_limit_s=60.0)
    within = account(capped(free, gpus, power_kw), spaces, tight.read(found.values))
    assert (within.broken_windows, within.peak_gpus) == (0, gpus)
    assert account(capped(free, gpus, power_kw), spaces, counts).broken_windows > 0
    assert found.incumbent >= optimum(textbook.build(free).highs)
    starved = textbook.build(capped(free, np.inf, peak.peak_power_kw / 2.0))
    assert search_highs(starved.highs, gap=0.0, time_limit_s=60.0).values.size == 0


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("cbcbox") is None, reason="cbcbox (extra `bench`) is not installed")
@pytest.mark.parametrize("name", ["plain", "whole servers"])
def test_cbc_agrees_with_highs(name: str) -> None:
    model = textbook.build(tiny(name, windows=4))
    cbc = search_cbc(model.highs, gap=0.0, time_limit_s=60.0)
    highs = search_highs(model.highs, gap=0.0, time_limit_s=60.0)
    assert cbc.incumbent == pytest.approx(highs.incumbent, rel=ROUNDING)
    assert cbc.gap <= 1e-5  # the log rounds the bound to six digits
    assert all(own.sum() > 0 for own in model.read(cbc.values))


def test_cbc_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    found = Measurement("day-50", "textbook CBC")
    methods._run(found, tiny("plain", windows=2), 0.0, 10.0)
    assert found.status == "cbcbox is not installed: pip install '.[bench]'"


def test_a_refusal_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(found: Measurement, problem: Problem, gap: float, limit_s: float) -> None:
        raise InputError(Fault("pool-too-large", "pool x", "too many states", "", "split it"))

    monkeypatch.setitem(METHODS, "ours", refuse)
    found = Measurement("day-50", "ours")
    methods._run(found, tiny("plain", windows=2), 0.0, 10.0)
    assert (found.status, found.objective) == ("refused: pool-too-large", float("inf"))


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"textbook CBC", "states HiGHS"}))
def test_every_method_can_be_measured(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CASES, "tiny", methods.SMALL)
    found = methods.measure("tiny", method, 30.0, 2)
    assert found.status == "ok"
    assert found.objective == pytest.approx(methods.measure("tiny", "ours", 30.0, 1).objective, rel=0.02)
    assert set(found.phases_s) <= {"build", "solve", "dispatch"}
    assert found.broken_windows == 0


def test_side_by_side_names_exist() -> None:
    assert set(groups.SIDE_BY_SIDE) <= set(CASES)
    assert {method for own in groups.SIDE_BY_SIDE.values() for method in own} == set(METHODS)
    assert all(own[0] == "ours" for own in groups.SIDE_BY_SIDE.values())
    assert set(groups.FASTER) <= set(groups.SIDE_BY_SIDE)
