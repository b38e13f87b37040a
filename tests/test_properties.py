"""What must hold for every scenario: how the optimum moves when an input does.

Stated only where it is a theorem for what we solve, states whose cost is our dispatch and not the best one. So:

- *More load never costs less* and *a looser SLO never costs more* hold for the best dispatch of any power curve that rises with
  load. Ours comes near it, from above, and not equally near everywhere: on curves of several clocks either can fail by the
  dispatch's own excess. They are stated on straight curves of one clock per kind, where our dispatch is exact.
- *A looser SLO never costs more* is false for mixed pools even with the best dispatch: a bucket that gains capacity weighs less in
  the mix, and the others may draw more.
- *Another name for a GPU type changes nothing* holds for up to two kinds: three are dispatched pair by pair in the order of names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dynamo_plan.assemble import assemble
from dynamo_plan.planner import plan_scenario
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.solve.compact import solve_compact
from dynamo_plan.solve.coupling import direct_prices
from dynamo_plan.solve.courses import Course
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.pricing import cheapest_course, pool_prices
from dynamo_plan.solve.states import StateSpace
from tests.profile.paper_table import Row, cell, profile_table
from tests.solve.invented import TTFT_SLO_MS, Service, inputs_of, service

AGREEMENT = 1e-6
"""Relative; a MILP solved to gap 0 may be off by its feasibility tolerance."""

EXAMPLES = 25
KINDS = (Kind("a100", 1, 1, "bf16"), Kind("h100", 1, 1, "bf16"), Kind("h100", 2, 1, "bf16"))
TIME_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Draw:
    """A drawn scenario in parts, so that one part can be changed: rates (pool) of (window,) [1/s]."""

    rows: tuple[Row, ...]
    rates: tuple[tuple[float, ...], ...]
    prices: tuple[float, ...]
    site: dict[str, Any]
    spare: float

    def services(self) -> list[Service]:
        """One service with one bucket per pool."""
        table = profile_table(self.rows)
        return [
            service(table, np.array(rates)[:, None], reserve_rps=self.spare * np.array(rates)[:, None])
            for rates in self.rates
        ]

    def inputs(self, **changes: Any) -> Inputs:
        """The scenario, with some of the site's figures changed."""
        return inputs_of(self.services(), **{"price_usd_per_mwh": self.prices, **self.site, **changes})


def number(low: float, high: float) -> st.SearchStrategy[float]:
    """A number with few digits, so that counterexamples can be read."""
    return st.integers(0, 100).map(lambda step: round(low + (high - low) * step / 100.0, 6))


@st.composite
def cells(draw: st.DrawFn, kind: Kind, clock: float, *, straight: bool) -> list[Row]:
    """Rows of one kind and clock; the SLO of 200 ms ends inside the range or not at all."""
    top = draw(number(1.0, 2.0)) * kind.gpus * clock / 2000.0
    idle_w, span_w = kind.gpus * draw(number(60.0, 120.0)), kind.gpus * draw(number(100.0, 500.0))
    bend = 1.0 if straight else draw(number(0.4, 1.8))
    slow = draw(number(0.6, 1.4))
    levels = (0.0, 0.25, 0.5, 0.75, 1.0)
    return cell(
        kind, clock, [(top * u, TTFT_SLO_MS * slow * (0.4 + 0.6 * u), idle_w + span_w * u**bend) for u in levels]
    )


@st.composite
def scenarios(
    draw: st.DrawFn, *, straight: bool = False, most_kinds: int = 2, overheads: bool = True, objective: str = "energy"
) -> Draw:
    """Small scenarios: one or two pools, one or two kinds, two or three windows."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=most_kinds, unique=True))
    clocks = (1000.0,) if straight else draw(st.sampled_from([(1000.0,), (1000.0, 2000.0), (800.0, 1400.0, 2000.0)]))
    rows: list[Row] = []
    for kind in sorted(kinds):
        for clock in clocks:
            rows += draw(cells(kind, clock, straight=straight))
    windows = draw(st.integers(2, 3))
    rate = st.one_of(st.just(0.0), number(0.05, 2.0))
    rates = draw(
        st.lists(st.lists(rate, min_size=windows, max_size=windows).map(tuple), min_size=1, max_size=2).map(tuple)
    )
    site = {
        "pue": 1.25,
        "per_server": 4,
        "server_idle_w": draw(number(0.0, 500.0)) if overheads else 0.0,
        "price_usd_per_gpu_h": draw(number(0.0, 2.0)),
        "transitions": {"instance_start_wh": draw(number(0.0, 100.0)), "instance_start_usd": draw(number(0.0, 0.1))},
        "objective": {objective: 1.0},
    }
    prices = tuple(draw(number(5.0, 100.0)) for _ in range(windows))
    return Draw(tuple(rows), rates, prices, site, draw(number(1.0, 1.5)))


def optimum(inputs: Inputs) -> float:
    """The optimum; caps that cannot be held end the example."""
    problem = assemble(inputs)
    spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
    solution = solve_compact(problem, spaces, gap=0.0, time_limit_s=TIME_LIMIT_S)
    assume(solution.status is not SolveStatus.INFEASIBLE)
    assert solution.status is SolveStatus.OPTIMAL
    return solution.objective


def at_most(value: float, limit: float) -> bool:
    return value <= limit + AGREEMENT * abs(limit) + 1e-9


def courses(inputs: Inputs) -> list[Course]:
    problem = assemble(inputs)
    prices = direct_prices(problem)
    return [
        cheapest_course(StateSpace(pool, problem.windows.hours), pool_prices(problem, pool, prices))
        for pool in problem.pools
    ]


@settings(max_examples=EXAMPLES)
@given(scenarios(), st.integers(1, 12))
def test_one_gpu_more_never_raises_the_optimum(drawn: Draw, count: int) -> None:
    few, more = (optimum(drawn.inputs(count=n, per_server=1)) for n in (count, count + 1))
    assert at_most(more, few)


@settings(max_examples=EXAMPLES)
@given(scenarios(objective="cost"), st.sampled_from([0.25, 2.0, 8.0]))
def test_prices_in_another_currency_scale_the_cost_and_keep_the_plan(drawn: Draw, factor: float) -> None:
    transitions = {**drawn.site["transitions"]}
    transitions["instance_start_usd"] *= factor
    other = drawn.inputs(
        price_usd_per_mwh=[factor * price for price in drawn.prices],
        price_usd_per_gpu_h=factor * drawn.site["price_usd_per_gpu_h"],
        transitions=transitions,
    )
    assert optimum(other) == pytest.approx(factor * optimum(drawn.inputs()), rel=AGREEMENT, abs=1e-9)
    # Powers of two scale without rounding, so each pool's course is the same to the last bit.
    for one, two in zip(courses(drawn.inputs()), courses(other), strict=True):
        assert np.array_equal(one.counts, two.counts)
        assert two.value == factor * one.value


@settings(max_examples=EXAMPLES)
@given(scenarios())
def test_the_order_and_names_of_services_change_nothing(drawn: Draw) -> None:
    other = replace(drawn, rates=drawn.rates[::-1])
    assert optimum(other.inputs()) == pytest.approx(optimum(drawn.inputs()), rel=AGREEMENT, abs=1e-9)


@settings(max_examples=EXAMPLES)
@given(scenarios())
def test_another_name_for_a_gpu_type_changes_nothing(drawn: Draw) -> None:
    names = {"a100": "z100", "h100": "b100"}  # and so another order of the kinds
    rows = tuple(row._replace(kind=replace(row.kind, gpu=names[row.kind.gpu])) for row in drawn.rows)
    assert optimum(replace(drawn, rows=rows).inputs()) == pytest.approx(
        optimum(drawn.inputs()), rel=AGREEMENT, abs=1e-9
    )


@settings(max_examples=EXAMPLES)
@given(scenarios())
def test_the_order_of_profile_rows_changes_nothing(drawn: Draw) -> None:
    assert optimum(replace(drawn, rows=drawn.rows[::-1]).inputs()) == optimum(drawn.inputs())


@settings(max_examples=EXAMPLES)
@given(scenarios())
def test_other_lengths_in_the_same_bucket_change_nothing(drawn: Draw) -> None:
    rows = tuple(row._replace(input_tokens=row.input_tokens + 55.0, output_tokens=3.0) for row in drawn.rows)
    assert optimum(replace(drawn, rows=rows).inputs()) == optimum(drawn.inputs())


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(scenarios(overheads=False), st.data())
def test_one_more_kind_to_choose_from_never_raises_the_optimum(drawn: Draw, data: st.DataObject) -> None:
    kind = Kind("x100", 1, 1, "bf16")
    more = (*drawn.rows, *data.draw(cells(kind, 1000.0, straight=False)))
    assert at_most(optimum(replace(drawn, rows=more).inputs()), optimum(drawn.inputs()))


@settings(max_examples=EXAMPLES)
@given(scenarios(straight=True), number(1.0, 2.0))
def test_a_looser_slo_never_costs_more(drawn: Draw, factor: float) -> None:
    strict = drawn.inputs()
    services = []
    for one in strict.scenario.services:
        assert one.slo is not None
        slo = one.slo.model_copy(update={"ttft_p99_ms": {k: factor * v for k, v in one.slo.ttft_p99_ms.items()}})
        services.append(one.model_copy(update={"slo": slo}))
    loose = replace(strict, scenario=strict.scenario.model_copy(update={"services": services}))
    assert at_most(optimum(loose), optimum(strict))


@settings(max_examples=EXAMPLES)
@given(scenarios(straight=True), st.integers(0, 1), number(1.0, 1.5))
def test_more_load_never_costs_less(drawn: Draw, window: int, factor: float) -> None:
    """Also with start costs: the course that serves the higher load serves the lower one with the same starts."""
    rates = tuple(tuple(rate * (factor if t == window else 1.0) for t, rate in enumerate(one)) for one in drawn.rates)
    assert at_most(optimum(drawn.inputs()), optimum(replace(drawn, rates=rates).inputs()))


@settings(max_examples=EXAMPLES)
@given(scenarios(), number(1.0, 2.0))
def test_more_reserve_never_costs_less(drawn: Draw, factor: float) -> None:
    assert at_most(optimum(drawn.inputs()), optimum(replace(drawn, spare=drawn.spare * factor).inputs()))


@settings(max_examples=EXAMPLES)
@given(scenarios(), st.sampled_from(["energy", "cost"]), st.one_of(st.none(), st.integers(1, 4)))
def test_every_solved_plan_verifies(drawn: Draw, objective: str, servers: int | None) -> None:
    count = None if servers is None else 4 * servers
    run = plan_scenario(drawn.inputs(objective={objective: 1.0}, count=count))
    assert run.findings == ()
    certificate = run.plan.certificate
    assert certificate.best_bound <= certificate.objective
    if run.plan.status is PlanStatus.OPTIMAL:
        assert certificate.gap <= 1e-3
    weighed = {ObjectiveName.ENERGY: run.plan.totals.energy_kwh, ObjectiveName.COST: run.plan.totals.cost_usd}
    assert certificate.objective == pytest.approx(weighed[ObjectiveName(objective)], rel=AGREEMENT, abs=1e-9)
