"""The invented fleets: the same from run to run, of the sizes that their names say, capped as stated."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.cases import CASES, GPU_CAP, SITE_POWER_CAP, Case, origin
from benchmarks.synthetic import HARDWARE, TENSOR_PARALLEL, fleet
from dynamo_plan.problem import Problem

SIZE = 0.12
"""Relative; how far GPUs at the peak may lie from the number in a case's name."""

NAMED = {
    "week-50": 50,
    "week-150": 150,
    "week-450": 450,
    "week-90-gpus": 90,
    "week-120-gpus": 120,
    "week-150-gpus": 150,
}


def small(**options: object) -> Problem:
    return fleet(**{"windows": 6, "window_s": 3600, "peak_rps": 10.0, **options})  # type: ignore[arg-type]


def loads(problem: Problem) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([pool.rate_rps for pool in problem.pools])


def test_a_seed_gives_the_same_fleet() -> None:
    assert np.array_equal(loads(small(seed=3, services=2)), loads(small(seed=3, services=2)))
    assert not np.array_equal(loads(small(seed=3)), loads(small(seed=4)))


def test_services_differ_in_size_phase_and_curves() -> None:
    problem = small(services=3, concavity=(0.9, 0.6), windows=24)
    first, second, third = (loads(problem)[9 * service : 9 * service + 9].sum(axis=0) for service in range(3))
    assert len({int(one.argmax()) for one in (first, second, third)}) > 1
    assert len({round(float(one.max()), 3) for one in (first, second, third)}) == 3
    curves = [problem.pools[9 * service].mixes[0][0].curves[0].power_w for service in range(3)]
    assert np.array_equal(curves[0], curves[2])
    assert not np.array_equal(curves[0], curves[1])


@pytest.mark.parametrize("hardware", HARDWARE)
def test_instances_draw_what_a_gpu_can(hardware: str) -> None:
    for pool in small(hardware=hardware).pools:
        for kind in pool.mixes[0]:
            assert kind.kind.tp in TENSOR_PARALLEL
            capacities = [curve.capacity_rps for curve in kind.curves]
            assert capacities == sorted(capacities)
            for curve in kind.curves:
                per_gpu_w = curve.power_w / kind.kind.gpus
                assert 70.0 < per_gpu_w[0] < 260.0
                assert (np.diff(per_gpu_w) > 0).all()
                assert per_gpu_w[-1] < 750.0


@pytest.mark.parametrize("name", NAMED)
def test_a_fleet_is_of_the_size_it_is_named_by(name: str) -> None:
    case = dataclasses.replace(CASES[name], power_kw=float("inf"))
    found = origin(case)
    assert found.peak_gpus == pytest.approx(NAMED[name], rel=SIZE)
    assert case.gpus in (found.gpus, float("inf"))


def test_caps_follow_from_the_peaks() -> None:
    case = Case(24, 3600, 10.0, services=2, gpu_hour_weight=0.3)
    found = origin(case)
    assert GPU_CAP * found.peak_gpus - 2 < found.gpus <= GPU_CAP * found.peak_gpus
    assert found.gpus % 2 == 0
    site = dataclasses.replace(case, power_kw=SITE_POWER_CAP * found.peak_power_kw).problem().sites[0]
    assert (site.power_cap_kw == SITE_POWER_CAP * found.peak_power_kw).all()
    assert np.isinf(site.stock["h100"]).all()


def test_the_power_cap_lies_between_what_is_least_and_what_is_cheapest() -> None:
    found = origin(CASES["week-50-power"])
    assert found.least_kw < CASES["week-50-power"].power_kw < found.capped_kw
