from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.v100 import v100_profile
from dynamo_plan.profile.fit.accuracy import Accuracy, accuracies, every_held_out
from dynamo_plan.profile.fit.guard import guards
from dynamo_plan.profile.fit.held_out import LeftOut
from dynamo_plan.schema.profile import ProfileTable
from tests.profile.fit.truth import CLOCKS_MHZ, IN_FLIGHT, LENGTHS, truth_table

POWER_TARGET, RATE_TARGET, TBT_TARGET = 0.03, 0.03, 0.05
"""Mean errors promised on the V100 sweep at concurrency 16, a clock left out [1]."""


def by_quantity(found: list[Accuracy], left_out: LeftOut) -> dict[str, Accuracy]:
    return {one.quantity: one for one in found if one.left_out is left_out}


def test_a_truth_of_the_form_is_predicted() -> None:
    found = by_quantity(accuracies(truth_table()), LeftOut.CLOCK)
    rows = len(CLOCKS_MHZ) * len(LENGTHS) * len(IN_FLIGHT)
    assert {one.rows for one in found.values()} == {rows}
    assert found["power"].worst < 1e-9
    assert found["tbt"].mean < 0.01
    assert found["rate"].mean < 0.01


def test_loads_at_the_ends_and_lengths_in_the_corners_are_not_predicted() -> None:
    found = accuracies(truth_table())
    loads = by_quantity(found, LeftOut.LOAD)["power"]
    assert (loads.rows, loads.not_predicted) == (40, 40)  # 2 of 4 loads of 20 curves
    assert loads.mean < 0.01
    assert by_quantity(found, LeftOut.LENGTHS) == {}


def test_lengths_in_the_middle_are_predicted_from_those_around() -> None:
    table = truth_table(lengths=((100.0, 50.0), (400.0, 50.0), (1600.0, 50.0)))
    found = by_quantity(accuracies(table), LeftOut.LENGTHS)
    assert found["power"].rows == len(CLOCKS_MHZ) * len(IN_FLIGHT)
    assert found["power"].worst < 1e-9  # the truth's power does not know lengths
    # By hand, 1400 MHz, 1 in flight: sqrt(26.43 * 122.86) = 56.98 against 45.71.
    ttft = abs(np.sqrt((20 + 9000 / 1400) * (20 + 144_000 / 1400)) / (20 + 36_000 / 1400) - 1.0)
    assert 0.5 * ttft < found["ttft"].mean < 2.0 * ttft


def test_the_worst_row_is_named() -> None:
    table = truth_table()
    spoiled = int(np.flatnonzero((table.frequency_mhz == 1400.0) & (table.concurrency == 16.0))[0])
    table.ttft_p99_ms[spoiled] *= 0.5
    worst = by_quantity(accuracies(table), LeftOut.CLOCK)["ttft"]
    assert worst.worst_row == spoiled
    assert worst.worst == pytest.approx(1.0, rel=0.02)  # the others predict twice of what was measured


def test_without_clocks_latencies_or_powers_there_is_less_to_say() -> None:
    table = truth_table(clocks=(1400.0,), loads=(1.0, 4.0))
    assert accuracies(table) == []
    silent = truth_table()
    silent.power_w[:] = 0.0
    assert {one.quantity for one in accuracies(silent)} == {"rate", "ttft", "tbt"}


def test_a_guard_covers_the_rows_it_says() -> None:
    rng = np.random.default_rng(7)
    table = truth_table(noise=lambda: float(rng.normal(1.0, 0.03)))
    tested = every_held_out(table)
    shares = [guards(tested, quantile)["m", "h100-tp4-bf16"] for quantile in (0.5, 0.9, 0.99)]
    assert 0.0 <= shares[0] < shares[1] < shares[2] < 0.2
    clocks = next(one for one in tested if one.left_out is LeftOut.CLOCK)
    too_high = (1.0 + clocks.error[0]) * (1.0 - shares[1]) > 1.0
    assert too_high.mean() == pytest.approx(0.1, abs=0.02)


@pytest.fixture(scope="module")
def v100(raw_data: Callable[[str], Path]) -> ProfileTable:
    return v100_profile(raw_data("dvfs-v100-mistral7b"))


def test_clocks_of_the_v100_sweep_are_predicted(v100: ProfileTable) -> None:
    found = by_quantity(accuracies(v100, concurrency=16.0), LeftOut.CLOCK)
    assert {one.rows for one in found.values()} == {144}
    assert {one.not_predicted for one in found.values()} == {0}
    assert found["power"].mean <= POWER_TARGET
    assert found["rate"].mean <= RATE_TARGET
    assert found["tbt"].mean <= TBT_TARGET
