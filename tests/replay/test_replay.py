"""A solved plan replayed: energy and latencies beside what was promised, requests that cannot be sent, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.cli.replayed import case_of
from dynamo_plan.errors import InputError
from dynamo_plan.replay import Case, Options, Predictor, replay_plan
from dynamo_plan.schema.replay import Replay
from dynamo_plan.schema.trace import Trace
from tests.replay.conftest import RATES_RPS, WINDOW_S, WINDOWS, Made, poisson

START_NS = int(np.datetime64("2024-05-14T00:00:00", "ns").astype(np.int64))

SAME_ENERGY = 0.01
"""The plan's power is a curve through seven loads of 4,000 requests each; the replay has 40,000 others."""


@pytest.fixture(scope="module")
def case(made: Made) -> Case:
    return case_of(made.run, ["chat"], None)


def trace(arrival_s: np.ndarray, inputs: int | np.ndarray = 200, outputs: int | np.ndarray = 20) -> dict[str, Trace]:
    at = START_NS + np.rint(arrival_s * 1e9).astype(np.int64)
    lengths = (np.broadcast_to(np.asarray(one, dtype=np.int32), at.shape) for one in (inputs, outputs))
    return {"chat": Trace("trace.csv", at, *lengths)}


@pytest.fixture(scope="module")
def replayed(case: Case) -> Replay:
    return replay_plan(case, trace(poisson(RATES_RPS, 11)))[0]


def test_the_load_that_was_planned_takes_the_energy_that_was_promised(case: Case, replayed: Replay) -> None:
    assert replayed.windows == WINDOWS
    assert replayed.planned.energy_kwh == pytest.approx(case.plan.totals.energy_kwh, rel=1e-9)
    assert replayed.planned.carbon_kg == pytest.approx(case.plan.totals.carbon_kg, rel=1e-9)
    assert replayed.planned.cost_usd == pytest.approx(case.plan.totals.cost_usd, rel=1e-9)
    assert abs(replayed.energy_change) < SAME_ENERGY
    assert replayed.replayed.carbon_kg == pytest.approx(replayed.replayed.energy_kwh * 0.3, rel=1e-9)
    # Price of electricity is the same in all windows: costs differ by that of the energy alone.
    more_kwh = replayed.replayed.energy_kwh - replayed.planned.energy_kwh
    assert replayed.replayed.cost_usd - replayed.planned.cost_usd == pytest.approx(more_kwh * 0.04, abs=1e-9)
    assert replayed.replayed.instance_starts == case.plan.totals.instance_starts
    assert replayed.replayed.gpu_hours == pytest.approx(case.plan.totals.gpu_hours, rel=1e-9)


def test_sums_are_of_their_parts(replayed: Replay) -> None:
    by_window = np.sum([site.energy_kwh for site in replayed.sites], axis=0)
    assert by_window.sum() == pytest.approx(replayed.replayed.energy_kwh, rel=1e-12)
    power = np.array(replayed.course.power_kw)
    assert power.sum() * replayed.course.step_s / 3600 == pytest.approx(replayed.replayed.energy_kwh, rel=1e-9)
    assert by_window.max() * 3600 / WINDOW_S == pytest.approx(replayed.replayed.peak_power_kw, rel=1e-12)
    assert replayed.power_p50_kw <= replayed.power_p99_kw <= power.max()
    bucket = replayed.buckets[0]
    assert sum(span.requests for span in bucket.spans) == bucket.requests == replayed.requests == replayed.completed


def test_every_window_has_its_p99(replayed: Replay) -> None:
    spans = replayed.buckets[0].spans
    assert [(span.first_window, span.last_window) for span in spans] == [(n, n) for n in range(WINDOWS)]
    assert all(span.ttft_p99_ms is not None and span.ttft_p99_ms >= 30.0 for span in spans)


def test_a_part_of_the_horizon_is_compared_with_that_part(case: Case) -> None:
    inside = poisson((0.0, 0.0, 20.0, 0.0), 5)
    part, _ = replay_plan(case, trace(inside))
    assert (part.first_window, part.windows, part.first_window_start) == (2, 1, "2024-05-14T00:20:00Z")
    assert part.planned.energy_kwh == pytest.approx(sum(site.energy_kwh[2] for site in case.plan.sites), rel=1e-9)
    assert abs(part.energy_change) < SAME_ENERGY
    assert [span.first_window for span in part.buckets[0].spans] == [2]


def test_few_requests_are_joined_over_windows(case: Case) -> None:
    """60, 60, 30 and 20 in the four windows: the first two make 120, the last two too few and join them."""
    counts = (60, 60, 30, 20)
    at = np.concatenate([window * WINDOW_S + np.linspace(1, 590, count) for window, count in enumerate(counts)])
    found, _ = replay_plan(case, trace(at))
    assert [(span.first_window, span.last_window, span.requests) for span in found.buckets[0].spans] == [(0, 3, 170)]
    more, _ = replay_plan(case, trace(np.sort(np.append(at, np.linspace(1210, 1790, 100)))))
    assert [(s.first_window, s.last_window, s.requests) for s in more.buckets[0].spans] == [(0, 1, 120), (2, 3, 150)]


def test_what_cannot_be_sent_is_counted(case: Case) -> None:
    at = np.array([-5.0, 1.0, 2.0, 3.0, WINDOWS * WINDOW_S + 1.0])
    found, _ = replay_plan(
        case,
        trace(at, inputs=np.array([200, 200, 200, 5000, 200]), outputs=np.array([5, 5, 0, 5, 5])),
        unknown_service=3,
    )
    assert (found.left_out.outside_horizon, found.left_out.without_output, found.left_out.unknown_service) == (2, 1, 3)
    assert (found.requests, found.completed, found.too_large, found.waiting) == (2, 1, 1, 0)
    span = found.buckets[0].spans[0]
    assert (span.unserved, span.ttft_p99_ms, span.is_met) == (1, None, False)


def test_nothing_in_the_horizon_is_refused(case: Case) -> None:
    with pytest.raises(InputError) as error:
        replay_plan(case, trace(np.array([1e6])))
    assert [fault.code for fault in error.value.faults] == ["trace-outside-horizon"]
    assert "2024-05-25" in str(error.value)


def test_an_engine_without_the_kind_or_the_clock_is_refused(case: Case) -> None:
    table = case.engines["chat"]
    with pytest.raises(InputError) as error:
        replay_plan(replace(case, engines={"chat": replace(table, entries=())}), trace(np.array([1.0])))
    assert {fault.code for fault in error.value.faults} == {"engine-kind-missing"}
    groups = tuple(replace(group, frequency_mhz=2500.0) for group in case.plan.groups)
    with pytest.raises(InputError) as error:
        replay_plan(replace(case, plan=replace(case.plan, groups=groups)), trace(np.array([1.0])))
    assert {fault.code for fault in error.value.faults} == {"engine-clock-missing"}


def test_windows_without_instances_are_refused(case: Case) -> None:
    empty = replace(case.plan, groups=tuple(group for group in case.plan.groups if group.window != 2))
    with pytest.raises(InputError) as error:
        replay_plan(replace(case, plan=empty), trace(np.array([1300.0])))
    assert [fault.code for fault in error.value.faults] == ["replay-no-instances"]


def test_equal_seeds_give_equal_records(case: Case) -> None:
    asked = trace(poisson((20.0, 20.0, 10.0, 10.0), 2))
    first, again = (replay_plan(case, asked, Options(Predictor(0.8, 4)))[0] for _ in range(2))
    assert first == again


def test_inputs_that_have_changed_are_refused(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.folder, tmp_path / "copy")
    load = tmp_path / "copy" / "load.csv"
    load.write_text(load.read_text().replace("60.0", "61.0"), encoding="utf-8")
    with pytest.raises(InputError) as error:
        case_of(tmp_path / "copy" / "run", ["chat"], None)
    assert [fault.code for fault in error.value.faults] == ["replay-inputs-changed"]
