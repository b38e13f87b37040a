from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from dynamo_plan.model.compact import CompactModel, PoolStates
from dynamo_plan.model.constraints.instance_starts import start_cost
from dynamo_plan.model.constraints.resharding import families, resharded
from dynamo_plan.model.quantities import changes, contribution, reshard_saving, site_axes
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.scenario import TransitionSpec
from dynamo_plan.solve.highs import SolveStatus, run
from dynamo_plan.solve.ledger import ledger, objective_value
from tests.model.paper import STRAIGHT, TP1, TP2, pool, problem

TP4 = Kind("h100", 4, 1, "bf16")
FP8 = Kind("h100", 1, 1, "fp8_e4m3")
OLD2 = Kind("a100", 2, 1, "bf16")
KINDS = (OLD2, TP1, FP8, TP2, TP4)
EVERY: dict[str, Any] = {"instance_start_wh": 50.0, "instance_start_s": 360.0, "reshard_wh": 10.0, "reshard_s": 36.0}


def test_families_share_gpu_type_and_number_format() -> None:
    assert families(KINDS) == [[1, 3, 4]]
    assert families((TP2, TP1)) == [[1, 0]]
    assert families((TP1, FP8, OLD2)) == []


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ((0, 4, 0, 0, 0), (0, 0, 0, 2, 0), (0, 0, 0, 2, 0)),  # four GPUs freed, two instances of two
        ((0, 3, 0, 0, 0), (0, 0, 0, 2, 0), (0, 0, 0, 1, 0)),  # three freed: one fits whole
        ((0, 0, 0, 0, 1), (0, 1, 0, 2, 0), (0, 1, 0, 1, 0)),  # smallest first, although two of two would fit
        ((0, 0, 0, 2, 0), (0, 0, 0, 0, 1), (0, 0, 0, 0, 1)),
        ((0, 0, 0, 1, 0), (0, 0, 0, 0, 1), (0, 0, 0, 0, 0)),  # half of its GPUs are not freed
        ((2, 0, 4, 0, 0), (0, 0, 0, 2, 0), (0, 0, 0, 0, 0)),  # another type, another number format
        ((0, 2, 0, 0, 0), (0, 5, 0, 1, 0), (0, 0, 0, 0, 0)),  # nothing is freed
    ],
)
def test_whole_instances_on_freed_gpus(before: tuple[int, ...], after: tuple[int, ...], moved: tuple[int, ...]) -> None:
    assert resharded(np.array(before), np.array(after), KINDS).tolist() == list(moved)


def test_the_rule_makes_as_many_reshards_as_can_be() -> None:
    """Against every choice that fits, for all pairs of small states."""
    kinds = (TP1, TP2, TP4)
    gpus = np.array([1, 2, 4])
    states = np.array(list(product(range(4), range(3), range(2))))
    found = resharded(states[:, None, :], states[None, :, :], kinds)
    for i, before in enumerate(states):
        for j, after in enumerate(states):
            rise, fall = np.maximum(after - before, 0), np.maximum(before - after, 0)
            choices = np.array(list(product(*(range(n + 1) for n in rise.tolist()))))
            fitting = choices[choices @ gpus <= fall @ gpus]
            assert found[i, j] @ gpus <= fall @ gpus
            assert (found[i, j] <= rise).all()
            assert found[i, j].sum() == fitting.sum(axis=1).max()


def test_what_a_reshard_puts_on_its_site() -> None:
    """Three TP1 become one TP2 and, a window later, four TP1: one re-shard each way, then two starts."""
    paper = problem(pool([1, 1, 1], (TP1, TP2)), **EVERY)
    counts = np.array([[3, 0], [0, 1], [4, 0]])
    new = changes(paper, paper.pools[0], counts)
    assert new.resharded.tolist() == [[0, 0], [0, 1], [2, 0]]
    assert new.started.tolist() == [[0, 0], [0, 0], [2, 0]]
    use = contribution(paper, paper.pools[0], counts, np.zeros(3))
    assert use.instance_starts.tolist() == [[0, 0, 2]]
    assert use.instance_energy_kwh[0] == pytest.approx([0.0, 0.01, 2 * 0.05 + 2 * 0.01])
    assert use.gpu_hours[0] == pytest.approx([1.5, 1.0 + 2 * 0.01, 2.0 + 2 * 0.1 + 2 * 0.01])


def test_the_price_of_a_transition_is_that_of_what_it_uses() -> None:
    """At any prices of site quantities, for a random course."""
    rng = np.random.default_rng(0)
    paper = problem(pool([1.0] * 6, (TP1, TP2, TP4), curves={**STRAIGHT, TP4: STRAIGHT[TP2]}), **EVERY)
    own = paper.pools[0]
    counts = rng.integers(0, 4, (6, 3))
    prices = site_axes(paper).zeros()
    for name in ("gpu_hours", "instance_energy_kwh", "instance_starts"):
        getattr(prices, name)[:] = rng.uniform(0.0, 2.0, getattr(prices, name).shape)
    start = prices.instance_starts[0] + prices.instance_energy_kwh[0] * 0.05
    held = prices.gpu_hours[0][:, None] * own.gpus
    saving = reshard_saving(paper, own, prices)
    total = float((held * 0.5 * counts).sum())
    for t in range(1, 6):
        cost = start_cost(counts[t - 1], counts[t], start[t] + held[t] * 0.1, own.kinds, saving[t])
        total += float(cost)
    assert contribution(paper, own, counts, np.zeros(6)).dot(prices) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(("reshard_wh", "chosen"), [(None, [0, 0]), (10.0, [0, 1])])
def test_a_reshard_is_taken_where_a_start_would_not_pay(reshard_wh: float | None, chosen: list[int]) -> None:
    """Two TP1 into one TP2 saves 40 Wh in window 1; a start takes 50 Wh, a re-shard 10."""
    given = {**EVERY, "reshard_wh": reshard_wh}
    paper = problem(pool([1.0, 1.0], (TP1, TP2)), **given)
    counts = np.array([[2, 0], [0, 1]])
    states = [PoolStates([counts, counts], [np.array([200.0, 600.0]), np.array([280.0, 200.0])])]
    model = CompactModel(paper, states, np.zeros((1, 2), dtype=bool))
    outcome = run(model.prob)
    assert outcome.status is SolveStatus.OPTIMAL
    (found,) = model.chosen(outcome.values)
    assert found.tolist() == chosen
    course = counts[found]
    watts = np.array([states[0].power_w[t][i] for t, i in enumerate(found)])
    book = ledger(paper, contribution(paper, paper.pools[0], course, watts))
    assert objective_value(paper, book.totals) == pytest.approx(outcome.objective, rel=1e-9)


@pytest.mark.parametrize("field", ["reshard_wh", "reshard_s"])
def test_a_reshard_takes_no_more_than_a_start(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} 1000 is above instance_start"):
        TransitionSpec.model_validate({**EVERY, field: 1000.0})
