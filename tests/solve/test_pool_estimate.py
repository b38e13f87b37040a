"""Estimates of pools: by hand, and against exact courses where they must agree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dynamo_plan.assemble import assemble, service_assemblies
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import MixingRow, MixingTable, Provenance
from dynamo_plan.service_assembly import ServiceAssembly
from dynamo_plan.solve.coupling import linear_prices
from dynamo_plan.solve.pool_estimate import PoolEstimates
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.solve.states import StateSpace
from tests.profile.paper_table import MODEL, cell, profile_table
from tests.solve.invented import inputs_of, service
from tests.solve.shared_buckets import CLASSES, five_buckets

TP1 = Kind("h100", 1, 1, "bf16")
TP2 = Kind("h100", 2, 1, "bf16")


def parts_of(inputs: Inputs) -> tuple[ServiceAssembly, Problem, PoolEstimates]:
    """The one service of these inputs, the problem, and its estimates at the plain prices of the site."""
    (assembly,) = service_assemblies(inputs)
    problem = assemble(inputs, [assembly])
    pool = assembly.pool(tuple(bucket.name for bucket in assembly.buckets[:1]))
    assert pool.kinds == assembly.kinds
    prices = pool_prices(problem, pool, linear_prices(problem))
    return assembly, problem, PoolEstimates(assembly, prices, problem.windows.hours)


def exact(assembly: ServiceAssembly, problem: Problem, members: list[int]) -> float:
    """Cost of the cheapest course of the pool of these buckets."""
    pool = assembly.pool(tuple(assembly.buckets[index].name for index in members))
    space = StateSpace(pool, problem.windows.hours)
    return space.cheapest(pool_prices(problem, pool, linear_prices(problem))).value


def two_classes(load: list[list[float]], *, derate: float | None = 0.2, reserve: Any = None, **record: Any) -> Inputs:
    """SA: 100 + 100 r W up to 2 requests/s; LA: 140 + 200 r W up to 1 request/s; one kind, one clock, an hour per window."""
    short = cell(TP1, 1000.0, [(0.0, 0.0, 100.0), (1.0, 10.0, 200.0), (2.0, 10.0, 300.0)])
    long = cell(TP1, 1000.0, [(0.0, 0.0, 140.0), (0.5, 10.0, 240.0), (1.0, 10.0, 340.0)], input_tokens=1000.0)
    rows = (
        [MixingRow(MODEL, TP1, 1000.0, frozenset("SL"), derate, Provenance.MODELLED, "")] if derate is not None else []
    )
    table = MixingTable("mixing.csv", tuple(rows))
    one = service(profile_table([*short, *long]), load, reserve_rps=reserve, mixing=table, pools="auto", **record)
    return inputs_of([one])


def test_two_buckets_by_hand() -> None:
    """0.6/2 + 0.2/1 = 0.5 of an instance; parts 0.6 and 0.4: 0.6 (100 + 100) + 0.4 (140 + 100) = 216 W."""
    _, _, estimates = parts_of(two_classes([[0.6, 0.2]]))
    assert estimates.cost([0, 1]) == pytest.approx(0.216)
    assert estimates.cost([0]) == pytest.approx(0.160)
    assert estimates.cost([1]) == pytest.approx(0.180)


def test_the_derate_asks_for_one_more() -> None:
    """1/2 + 0.4/1 = 0.9 > 1 - 0.2: two instances at 0.45, 5/9 (100 + 90) + 4/9 (140 + 90) W each."""
    _, _, estimates = parts_of(two_classes([[1.0, 0.4]]))
    assert estimates.cost([0, 1]) == pytest.approx(2 * (5 / 9 * 190 + 4 / 9 * 230) / 1000)


def test_the_reserve_asks_for_idle_instances() -> None:
    """1 request/s fits on one, the reserve of 3 takes two: two at 0.5, 150 W each, or one at 1 and one idle: the same."""
    _, _, estimates = parts_of(two_classes([[1.0, 0.0]], reserve=[[3.0, 0.0]]))
    assert estimates.cost([0]) == pytest.approx(0.3)


@pytest.mark.parametrize("derate", [None, 1.0])
def test_what_no_kind_serves_together_has_no_cost(derate: float | None) -> None:
    _, _, estimates = parts_of(two_classes([[0.6, 0.2]], derate=derate))
    assert estimates.cost([0, 1]) == math.inf
    assert math.isfinite(estimates.cost([0]) + estimates.cost([1]))


def test_a_window_without_load_costs_what_is_kept_warm() -> None:
    """Three instances idle at 0.75 x 100 + 0.25 x 140 W: the horizon's use is 0.3 and 0.1 of an instance."""
    _, _, nothing = parts_of(two_classes([[0.0, 0.0], [0.6, 0.1]]))
    _, _, warm = parts_of(two_classes([[0.0, 0.0], [0.6, 0.1]], min_instances=3))
    busy = 0.75 * (100 * 3 + 200 * 0.4) + 0.25 * (140 * 3 + 200 * 0.4)
    assert nothing.cost([0, 1]) == pytest.approx((0.75 * 180 + 0.25 * 220) / 1000)
    assert warm.cost([0, 1]) == pytest.approx((3 * (0.75 * 100 + 0.25 * 140) + busy) / 1000)


def test_short_windows_are_sized_together() -> None:
    """Four quarter-hours, one of them busy: two instances for the whole hour, each at half the mean load."""
    load = [[0.5, 0.0], [3.5, 0.0], [0.5, 0.0], [0.5, 0.0]]
    one = two_classes(load)
    inputs = inputs_of(
        [service(one.profiles["service-0"], load, mixing=None, pools="auto", reserve_quantile=None)], window_s=900
    )
    _, _, estimates = parts_of(inputs)
    assert estimates.cost([0]) == pytest.approx(2 * (100 + 100 * 1.25 / 2) / 1000)


def test_a_large_and_a_small_kind_share_a_load() -> None:
    """2.4 requests/s: one TP 2 serves 2 at 380 W and one TP 1 the rest at 140 W; two TP 2 idle too much."""
    small = cell(TP1, 1000.0, [(0.0, 0.0, 100.0), (0.25, 10.0, 125.0), (0.5, 10.0, 150.0)])
    large = cell(TP2, 1000.0, [(0.0, 0.0, 300.0), (1.0, 10.0, 340.0), (2.0, 10.0, 380.0)])
    inputs = inputs_of([service(profile_table([*small, *large]), [[2.4]], pools="auto")])
    assembly, problem, estimates = parts_of(inputs)
    assert estimates.cost([0]) == pytest.approx(0.52)
    assert exact(assembly, problem, [0]) == pytest.approx(0.52)


@pytest.mark.parametrize("seed", range(6))
def test_estimates_are_near_exact_costs_where_starts_are_free(seed: int) -> None:
    inputs = five_buckets(seed, peak_rps=(1.0, 4.0, 12.0)[seed % 3], transitions={})
    assembly, problem, estimates = parts_of(inputs)
    rng = np.random.default_rng(seed)
    ratios = []
    for _ in range(8):
        members = sorted(rng.choice(len(CLASSES), size=int(rng.integers(1, 4)), replace=False).tolist())
        ratios.append(estimates.cost(members) / exact(assembly, problem, members))
    assert min(ratios) > 0.995
    assert max(ratios) < 1.05
