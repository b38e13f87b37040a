"""Calibration gets back what made the rows, through the protocol that made them; and held-out rows of public measurements."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.engine import TARGETS, h100_like
from benchmarks.engine_rows import CLIENT as INFERENCEMAX
from benchmarks.engine_rows import STATIC, silicon, splitwise
from dynamo_plan.engine.calibrate import Costs, Protocol, Row, fit, measure, tabulate
from dynamo_plan.engine.settings import Serving

CLIENT = Protocol(requests_per_client=4, shortest=0.8, serving=Serving(chunk_tokens=2048))


def constant(value_s: float) -> np.ndarray:
    return np.array([value_s, 0.0])


TRUE = Costs(constant(0.01), constant(4e-4), 1.0, constant(5e-8), constant(6e-5), constant(0.004), constant(0.0))


def rows_of(costs: Costs, shapes: list[tuple[int, int, int]], clocks: tuple[float, ...] = (1500.0,)) -> list[Row]:
    """Rows that an instance of these costs would give."""
    model = costs.model("true", np.array(clocks), 1 << 20)
    asked = [Row(prompt, output, batch, 1.0, 1.0, clock) for prompt, output, batch in shapes for clock in clocks]
    means = [measure(model, row, CLIENT) for row in asked]
    return [dataclasses.replace(row, ttft_s=one.ttft_s, tbt_s=one.tbt_s) for row, one in zip(asked, means, strict=True)]


@pytest.mark.slow
def test_a_fit_predicts_rows_that_it_has_not_seen() -> None:
    laws = ("iteration", "sequence", "context", "token", "overhead")
    seen = rows_of(TRUE, [(200, 100, 1), (200, 100, 16), (1500, 100, 4), (1500, 50, 16), (200, 400, 8), (800, 200, 32)])
    found = fit("fitted", seen, CLIENT, kv_tokens=1 << 20, least_context_s=1e-9, laws=laws).model(
        "fitted", np.array([1500.0]), 1 << 20
    )
    for row in rows_of(TRUE, [(500, 100, 2), (1000, 200, 12), (300, 300, 24)]):
        means = measure(found, row, CLIENT)
        assert means.ttft_s == pytest.approx(row.ttft_s, rel=0.03)
        assert means.tbt_s == pytest.approx(row.tbt_s, rel=0.03)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="2 rows are too few for 7 coefficients"):
        fit("few", rows_of(TRUE, [(200, 10, 1), (200, 10, 2)]), CLIENT, kv_tokens=1 << 20, least_context_s=1e-9)


def test_the_protocol_counts() -> None:
    # The same instance, measured with and without a burst before it: the mean TTFT is mostly the burst.
    model = h100_like()
    row = Row(1000, 20, 32, 1.0, 1.0, 1980.0)
    burst, longer = (measure(model, row, Protocol(count)) for count in (1, 20))
    alone = measure(model, dataclasses.replace(row, concurrency=1), Protocol(1))
    assert burst.ttft_s > 5 * alone.ttft_s
    assert longer.ttft_s < burst.ttft_s


def test_time_between_tokens_by_duration() -> None:
    model, row = h100_like(), Row(100, 10, 4, 1.0, 1.0, 1980.0)
    plain, spread = (measure(model, row, Protocol(1, is_tbt_by_duration=way)) for way in (False, True))
    assert spread.tbt_s * 10 == pytest.approx(plain.tbt_s * 9)  # one prefill for all, then 9 gaps counted as 10
    assert plain.throughput_rps == pytest.approx(4 / (plain.ttft_s + 9 * plain.tbt_s))


def test_tabulated_prefill_meets_its_rows_and_jumps_between_them() -> None:
    static = [
        Row(512, 16, 1, 0.05, 0.03, 1980.0),
        Row(512, 16, 4, 0.13, 0.031, 1980.0),
        Row(4096, 16, 1, 0.39, 0.0305, 1980.0),
    ]
    model = tabulate("table", static, kv_tokens=1 << 20, least_context_s=1e-9)
    for row in static:
        assert measure(model, row, STATIC).ttft_s == pytest.approx(row.ttft_s, rel=1e-6)
    between = measure(model, Row(3072, 16, 1, 1.0, 1.0, 1980.0), STATIC)
    assert between.ttft_s == pytest.approx((0.13 + 0.39) / 2, rel=1e-6)
    with pytest.raises(ValueError, match="one clock"):
        tabulate(
            "table", [*static, dataclasses.replace(static[0], frequency_mhz=1000.0)], kv_tokens=9, least_context_s=1e-9
        )


def test_a_law_of_the_clock_is_tabulated() -> None:
    slower = dataclasses.replace(TRUE, iteration=np.array([0.004, 6.0]))
    model = slower.model("clocked", np.array([1000.0, 1500.0]), 100)
    assert model.iteration_s[:, 0].tolist() == pytest.approx([0.010, 0.008])
    assert model.iteration_s[1, 1] == pytest.approx(0.008 + 4e-4)


def test_splitwise_rows_without_those_that_contradict_the_others(raw_data: Callable[[str], Path]) -> None:
    found = {series.name: series.rows for series in splitwise(raw_data("splitwise-perf"))}
    assert {name: len(rows) for name, rows in found.items()} == {"TP2": 18, "TP4": 19, "TP8": 19}
    assert max(row.concurrency for row in found["TP2"]) == 32


@pytest.mark.slow
def test_held_out_rows_of_one_machine(raw_data: Callable[[str], Path]) -> None:
    # All machines, folds and data sets: `python -m benchmarks engine`.
    series = next(
        one for one in silicon(raw_data("silicon-latency")) if (one.group, one.name) == ("silicon vllm", "H100 TP4")
    )
    laws = ("iteration", "sequence", "context", "token", "overhead")
    costs = fit(
        "even",
        series.rows[::2],
        INFERENCEMAX,
        kv_tokens=series.kv_tokens,
        least_context_s=series.least_context_s,
        laws=laws,
    )
    model = costs.model("even", np.array([series.rows[0].frequency_mhz]), series.kv_tokens)
    found = [(measure(model, row, INFERENCEMAX), row) for row in series.rows[1::2]]
    assert np.median([abs(one.tbt_s / row.tbt_s - 1) for one, row in found]) <= TARGETS["silicon vllm", "TBT"]
    assert np.median([abs(one.ttft_s / row.ttft_s - 1) for one, row in found]) <= TARGETS["silicon vllm", "TTFT"]
