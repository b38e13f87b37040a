"""The search for pools against every partition, and at its edges."""

from __future__ import annotations

import math
from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np
import pytest

from dynamo_plan.assemble import assemble, service_assemblies
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.load import Forecast
from dynamo_plan.schema.profile import MixingTable
from dynamo_plan.solve import partition
from dynamo_plan.solve.coupling import linear_prices
from dynamo_plan.solve.partition import PartitionSearch, elements
from tests.solve.shared_buckets import CLASSES, five_buckets, partitions

EVERY = 2 ** len(CLASSES) - 1
PEAKS_RPS = (1.0, 3.0, 10.0)


def search_of(inputs: Inputs, *, kept: tuple[tuple[str, ...], ...] = (), deadline: float = math.inf) -> PartitionSearch:
    """The search for the one service of these inputs."""
    (assembly,) = service_assemblies(inputs)
    problem = assemble(inputs, [assembly])
    return PartitionSearch(inputs, problem, assembly, linear_prices(problem), kept, 2, deadline)


def names(letters: str) -> tuple[str, ...]:
    """Bucket names from input classes."""
    return tuple(f"{letter}A" for letter in letters)


def with_load(inputs: Inputs, factors: list[float]) -> Inputs:
    """The same with every bucket's load multiplied."""
    ((name, forecast),) = inputs.forecasts.items()
    scale = np.array(factors)
    quantiles = {quantile: rate * scale for quantile, rate in forecast.quantile_rate_rps.items()}
    scaled = Forecast(forecast.path, forecast.windows, forecast.buckets, forecast.rate_rps * scale, quantiles)
    return replace(inputs, forecasts={name: scaled})


@pytest.mark.parametrize("seed", range(9))
def test_nothing_is_cheaper_among_all_partitions(seed: int) -> None:
    """All 31 sets are planned, and all 52 partitions added up."""
    inputs = five_buckets(seed, peak_rps=PEAKS_RPS[seed % 3])
    search, every = search_of(inputs), search_of(inputs)
    search.run()
    every.price(every.names(mask) for mask in range(1, EVERY + 1))
    costs = [
        every.cost(tuple(every.names(sum(1 << one for one in own)) for own in division))
        for division in partitions(range(len(CLASSES)))
    ]
    assert len(costs) == 52
    assert sum(map(math.isfinite, costs)) == 51  # all but the one pool
    assert search.cost(search.best) <= min(costs) * 1.002
    assert search.cost(search.best) == pytest.approx(every.cost(search.best), rel=1e-12)
    assert search.cost(search.best) <= search.cost(search.per_bucket())


def test_estimates_spare_most_of_the_exact_planning() -> None:
    search = search_of(five_buckets(2, peak_rps=10.0))
    search.run()
    report = search.report(search.best)
    assert report is not None
    assert (report.sets, report.impossible, report.single_cost) == (EVERY, 1, None)
    assert report.priced < EVERY / 2
    assert report.margin is not None
    assert report.margin >= partition.LEAST_MARGIN
    assert report.cost < report.per_bucket_cost


def test_the_number_of_threads_changes_nothing() -> None:
    inputs = five_buckets(4)
    found = []
    for threads in (1, 3):
        search = search_of(inputs)
        search.threads = threads
        search.run()
        found.append((search.best, search.costs, search.report(search.best)))
    assert found[0] == found[1]


def test_a_limit_on_sets_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "MOST_PRICED", 7)
    search = search_of(five_buckets(5))
    search.run()
    report = search.report(search.best)
    assert report is not None
    assert report.priced <= 7
    assert report.margin is None
    assert report.cost <= report.per_bucket_cost


def test_without_time_every_bucket_has_its_own_pool() -> None:
    search = search_of(five_buckets(5), deadline=monotonic())
    search.run()
    assert search.best == tuple((name,) for name in names(CLASSES))
    assert search.report(search.best) is None


def test_without_a_mixing_table_classes_stay_apart() -> None:
    inputs = replace(five_buckets(3), mixing={})
    search = search_of(inputs)
    search.run()
    report = search.report(search.best)
    assert search.best == search.per_bucket()
    assert report is not None
    assert (report.priced, report.impossible) == (len(CLASSES) + 1, EVERY - len(CLASSES))


def test_a_derate_that_leaves_nothing_keeps_classes_apart() -> None:
    inputs = five_buckets(3)
    (table,) = inputs.mixing.values()
    hopeless = MixingTable(table.path, tuple(replace(row, derate=1.0) for row in table.rows))
    search = search_of(replace(inputs, mixing=dict.fromkeys(inputs.mixing, hopeless)))
    search.run()
    assert search.best == search.per_bucket()


def test_kept_pools_are_not_divided_again() -> None:
    kept = (names("AD"),)
    search = search_of(five_buckets(1), kept=kept)
    search.run()
    assert search.best[0] == names("AD")
    assert sorted(name for own in search.best for name in own) == sorted(names(CLASSES))
    assert search.elements == (names("B"), names("C"), names("E"))


def test_buckets_without_load_join_one_of_their_class(grid: Inputs) -> None:
    """SS, SL, LS, LL; only SL and LS have load."""
    (assembly,) = service_assemblies(grid)
    assert elements(assembly, ()) == (("SL", "SS"), ("LS", "LL"))
    assert elements(assembly, [("SS", "SL")]) == (("LS", "LL"),)


def test_buckets_of_a_class_without_load_stay_together(grid: Inputs) -> None:
    (assembly,) = service_assemblies(with_load(grid, [1.0, 1.0, 0.0, 0.0]))
    assert elements(assembly, ()) == (("SL", "SS"), ("LS", "LL"))
    search = search_of(with_load(grid, [1.0, 1.0, 0.0, 0.0]))
    search.run()
    assert sorted(name for own in search.best for name in own) == ["LL", "LS", "SL", "SS"]


def test_no_load_at_all_costs_nothing(grid: Inputs) -> None:
    search = search_of(with_load(grid, [0.0] * 4))
    search.run()
    assert search.cost(search.best) == 0.0


@pytest.fixture
def grid() -> Inputs:
    """Two input and two output classes; SS and LL without load."""
    from tests.profile.paper_table import cell, profile_table
    from tests.solve.invented import inputs_of, service
    from tests.solve.shared_buckets import KINDS

    rows: list[Any] = []
    for input_tokens in (100.0, 1000.0):
        for output_tokens in (50.0, 500.0):
            points = [(0.0, 0.0, 100.0), (1.0, 100.0, 250.0), (2.0, 100.0, 400.0)]
            rows += cell(KINDS[0], 1000.0, points, input_tokens=input_tokens, output_tokens=output_tokens)
    buckets = {"input": [256, None], "output": [100, None]}
    slo = {"ttft_p99_ms": {"S": 200.0, "L": 200.0}, "tbt_p99_ms": 100.0}
    load = [[0.0, 0.7, 0.4, 0.0], [0.0, 1.3, 0.6, 0.0]]
    one = service(profile_table(rows), load, pools="auto", buckets=buckets, slo=slo)
    inputs = inputs_of([one])
    ((name, forecast),) = inputs.forecasts.items()
    return replace(inputs, forecasts={name: replace(forecast, buckets=("SS", "SL", "LS", "LL"))})


def test_beyond_ten_elements_rectangles_and_neighbours_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few elements listed the search still ends where nothing near is cheaper."""
    inputs = five_buckets(7, peak_rps=3.0)
    every = search_of(inputs)
    every.run()
    monkeypatch.setattr(partition, "MOST_LISTED", 2)
    search = search_of(inputs)
    search.run()
    assert search.estimates.keys() < every.estimates.keys()
    assert search.cost(search.best) <= every.cost(every.best) * 1.02
