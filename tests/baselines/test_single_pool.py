"""The static baseline on paper: one pool of the largest kind at its highest clock, sized for the peak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.baselines.single_pool import MIXING_FREE, STRICT, single_pool
from dynamo_plan.problem import Problem, ReferencePool
from dynamo_plan.schema.plan import Omission
from dynamo_plan.schema.scenario import GpuSpec
from tests.model.paper import SITE, TP2, line, pool, problem

RATES = np.array([[4.0, 0.75], [2.0, 0.0]])
"""Half-hour windows, two buckets of capacity 4 and 0.75 [1/s]."""


def paper(derate: float | None = 0.2, reserve: float = 1.5) -> Problem:
    reference = ReferencePool(
        service="chat",
        site=SITE,
        kind=TP2,
        frequency_mhz=2000.0,
        curves=(line(2000.0, 4.0, 200.0, 1000.0), line(2000.0, 0.75, 200.0, 500.0)),
        rate_rps=RATES,
        reserve_rate_rps=reserve * RATES,
        strict_derate=derate,
    )
    gpus = {"h100": GpuSpec(per_server=4, price_usd_per_gpu_h=2.0, server_idle_w=400.0)}
    return replace(problem(pool([1.0, 1.0]), gpus=gpus, pue=1.25), references=(reference,))


def test_sized_for_the_peak_and_never_changed() -> None:
    """Utilisation 1 + 1 at the mean, 3 at the reserve: 3 instances, 6 GPUs, 2 servers all day.

    Window 0: each at 2/3; 200 + 2/3 x 800 and 200 + 2/3 x 300, half each: 566.67 W, three of them 1700 W.
    Window 1: each at 1/6 of the first bucket alone: 200 + 1/6 x 800 = 333.33 W, three of them 1000 W.
    """
    (free, _), omitted = single_pool(paper())
    assert omitted == ()
    assert free.name == MIXING_FREE
    assert free.totals.peak_gpus == 6
    assert free.totals.gpu_hours == pytest.approx(6.0)
    assert free.totals.it_energy_kwh == pytest.approx(0.5 * (1.7 + 0.8 + 1.0 + 0.8), rel=1e-12)
    assert free.totals.energy_kwh == pytest.approx(1.25 * 2.15, rel=1e-12)
    assert free.totals.cost_usd == pytest.approx(12.0)
    assert free.totals.peak_power_kw == pytest.approx(1.25 * 2.5, rel=1e-12)
    assert free.totals.instance_starts == 0
    assert "h100-tp2-bf16 at 2000 MHz" in free.description


def test_strict_sizing_leaves_the_derate_free() -> None:
    """Utilisation 3 of 0.8 each: 3.75, so 4 instances; window 0 at 1/2 each: 600 and 350 W, half each: 475 W x 4."""
    (_, strict), _ = single_pool(paper())
    assert strict.name == STRICT
    assert strict.totals.peak_gpus == 8
    assert strict.totals.it_energy_kwh == pytest.approx(0.5 * (1.9 + 0.8 + 4 * 0.3 + 0.8), rel=1e-12)


def test_a_whole_number_is_not_rounded_up_by_the_last_digit() -> None:
    """0.3/0.1 is a hair below and 3 x 0.1/0.1 a hair above 3."""
    reserve = 1.5 * (1 + 1e-14)
    assert single_pool(paper(reserve=reserve))[0][0].totals.peak_gpus == 6


@pytest.mark.parametrize(
    ("derate", "reason"), [(None, "no mixing derate"), (0.95, "leaves an instance 5% of its capacity")]
)
def test_a_sizing_without_figures_is_left_out_with_the_reason(derate: float | None, reason: str) -> None:
    found, (omitted,) = single_pool(paper(derate))
    assert [baseline.name for baseline in found] == [MIXING_FREE]
    assert omitted.piece == f"baseline {STRICT}"
    assert reason in omitted.reason


def test_a_service_without_reference_leaves_both_out() -> None:
    known = paper()
    blind = replace(known, references=(*known.references, Omission("baseline", "service x: cannot")))
    found, omitted = single_pool(blind)
    assert found == ()
    assert [one.reason for one in omitted] == ["service x: cannot"] * 2


def test_services_add_up() -> None:
    known = paper()
    twice = replace(known, references=known.references * 2)
    one, two = single_pool(known)[0][0].totals, single_pool(twice)[0][0].totals
    assert two.peak_gpus == 2 * one.peak_gpus
    assert two.gpu_hours == pytest.approx(2 * one.gpu_hours)
    # 12 GPUs fill three servers where 6 left half of a second one empty.
    assert two.it_energy_kwh == pytest.approx(2 * 0.5 * (1.7 + 1.0) + 1.2, rel=1e-12)
