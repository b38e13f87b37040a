"""Each check on the hand case, and on the case spoiled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dynamo_plan.profile.evidence import judge, load_checks, overall
from dynamo_plan.profile.evidence.checks.clock_held import clock_statistics
from dynamo_plan.profile.evidence.checks.throttling import BAD, count_throttled
from dynamo_plan.schema.measurement import Latency
from dynamo_plan.schema.telemetry import Outcome, Verdict
from tests.profile.evidence.hand import MEASUREMENT, SECONDS, outcome, telemetry, verdict

MASKS = np.array([0, 1, 2, 4, 6, 0x20, 0x40, 0x80, 0, 9], dtype=np.int32)
CLOCKS = np.array([1980.0, 1980, 1965, 1980, 1980, 1590, 1980, 1980, 1980, 1980])
SAMPLES = SECONDS + 21


def test_throttle_masks_by_hand() -> None:
    found = count_throttled(MASKS)
    assert BAD == 0xEC
    assert (found.samples, found.bad, found.thermal, found.power, found.hardware) == (10, 6, 2, 3, 1)
    assert count_throttled(np.array([-1, 4], dtype=np.int32)).samples == 1


def test_clocks_by_hand() -> None:
    found = clock_statistics(CLOCKS)
    assert found.mean_mhz == pytest.approx(1939.5)
    assert found.variation * 100 == pytest.approx(6.0111, abs=5e-5)
    assert found.p5_mhz == pytest.approx(1758.75)
    assert found.deviation(1980.0) == pytest.approx(40.5 / 1980)


def test_no_jitter_at_a_clock_that_was_planned() -> None:
    """1590 MHz is a dip below 1980 and no dip where it is the plan: without the other clocks there is none."""
    at_plan = clock_statistics(CLOCKS[CLOCKS == 1590.0])
    assert (at_plan.variation, at_plan.deviation(1590.0)) == (0.0, 0.0)
    seen = telemetry(sm_clock_mhz=np.full(SAMPLES, 1590.0))
    assert outcome("clock_held", seen, frequency_mhz=1590.0) is Outcome.CLEAN
    assert outcome("clock_held", seen, frequency_mhz=1980.0) is Outcome.REJECTED


def test_clock_held() -> None:
    assert outcome("clock_held", telemetry()) is Outcome.CLEAN
    assert outcome("clock_held", telemetry(), frequency_mhz=2000.0) is Outcome.CLEAN
    assert outcome("clock_held", telemetry(), frequency_mhz=2015.0) is Outcome.SUSPECT
    assert outcome("clock_held", telemetry(), frequency_mhz=None) is Outcome.INFORMATIVE
    assert outcome("clock_held", telemetry(sm_clock_mhz=None)) is Outcome.UNKNOWN
    found = verdict("clock_held", telemetry(sm_clock_mhz=np.resize(CLOCKS, SAMPLES)))
    assert found.outcome is Outcome.REJECTED
    assert "variation 5.97 %" in found.reason


def test_clocks_outside_the_window_and_of_idle_samples_do_not_count() -> None:
    clocks = np.full(SAMPLES, 1980.0)
    clocks[:10] = clocks[-10:] = 345.0
    assert outcome("clock_held", telemetry(sm_clock_mhz=clocks)) is Outcome.CLEAN
    clocks[30:35] = 345.0
    assert outcome("clock_held", telemetry(sm_clock_mhz=clocks)) is Outcome.REJECTED
    idle = np.where(clocks == 345.0, 1, 2)
    assert outcome("clock_held", telemetry(sm_clock_mhz=clocks, throttle=idle)) is Outcome.CLEAN
    busy = np.where(clocks == 345.0, 0.0, 0.9)
    assert outcome("clock_held", telemetry(sm_clock_mhz=clocks, utilisation=busy)) is Outcome.CLEAN
    assert outcome("clock_held", telemetry(throttle=np.full(SAMPLES, 1))) is Outcome.UNKNOWN


def test_throttling() -> None:
    masks = np.full(SAMPLES, 2)
    assert outcome("throttling", telemetry(throttle=masks)) is Outcome.CLEAN
    masks[12] = 6
    assert outcome("throttling", telemetry(throttle=masks)) is Outcome.SUSPECT
    masks[12:20] = 6
    assert outcome("throttling", telemetry(throttle=masks)) is Outcome.REJECTED
    # Where no clock was locked the power limit sets it, heat must still not.
    assert outcome("throttling", telemetry(throttle=masks), frequency_mhz=None) is Outcome.SUSPECT
    masks[12] = 0x20
    assert outcome("throttling", telemetry(throttle=masks), frequency_mhz=None) is Outcome.REJECTED
    assert outcome("throttling", telemetry()) is Outcome.UNKNOWN
    assert outcome("throttling", telemetry(throttle=np.full(SAMPLES, -1))) is Outcome.UNKNOWN


def test_thermal_headroom() -> None:
    assert outcome("thermal_headroom", telemetry(temperature_c=np.full(SAMPLES, 80.0))) is Outcome.CLEAN
    found = verdict("thermal_headroom", telemetry(temperature_c=np.linspace(60.0, 90.0, SAMPLES)))
    assert found.outcome is Outcome.SUSPECT
    assert found.reason == "hottest sample 86.25 °C, 0.75 °C below 87 °C"
    hot = verdict("thermal_headroom", telemetry(temperature_c=np.linspace(60.0, 90.0, SAMPLES)), gpu="abacus")
    assert hot.reason == "hottest sample 86.25 °C, 3.25 °C above 83 °C, assumed: the limit of abacus is not known"
    assert outcome("thermal_headroom", telemetry(temperature_c=np.full(SAMPLES, np.nan))) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"power_w": 1000.0}, "500 W per GPU, 71.4 % of 700 W; mixed, within the usual 30-100 % at load"),
        (
            {"power_w": 1400.0, "output_tokens": 600.0},
            "700 W per GPU, 100 % of 700 W; mostly decode, above the usual 20-75 % at load",
        ),
        (
            {"power_w": 700.0, "output_tokens": 1.0},
            "350 W per GPU, 50 % of 700 W; mostly prefill, below the usual 65-100 % at load",
        ),
        ({"power_w": 180.0, "throughput_rps": 0.0}, "90 W per GPU, 12.9 % of 700 W"),
    ],
)
def test_power_against_tdp_only_informs(changes: dict[str, Any], said: str) -> None:
    found = verdict("power_against_tdp", **changes)
    assert (found.outcome, found.reason) == (Outcome.INFORMATIVE, said)


@pytest.mark.parametrize("gpu", ["NVIDIA H100 80GB HBM3", "h100", "H100-SXM"])
def test_names_of_a_gpu(gpu: str) -> None:
    assert outcome("power_against_tdp", gpu=gpu, power_w=1000.0) is Outcome.INFORMATIVE


def test_power_against_tdp_without_what_it_needs() -> None:
    assert outcome("power_against_tdp") is Outcome.UNKNOWN
    assert outcome("power_against_tdp", power_w=1000.0, gpu="abacus") is Outcome.UNKNOWN
    assert outcome("power_against_tdp", power_w=1000.0, gpu="NVIDIA A100 80GB PCIe") is Outcome.UNKNOWN
    assert "of 350 W" in verdict("power_against_tdp", power_w=600.0, gpu="NVIDIA H100 PCIe").reason
    assert outcome("power_against_tdp", power_w=1000.0, tp=None) is Outcome.UNKNOWN


def test_complete_run() -> None:
    assert outcome("complete_run") is Outcome.CLEAN
    assert outcome("complete_run", is_clean=False) is Outcome.REJECTED
    assert outcome("complete_run", is_clean=None) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("completed", "failed", "expected"),
    [
        (100, 0, Outcome.CLEAN),
        (99, 1, Outcome.SUSPECT),
        (98, 2, Outcome.REJECTED),
        (0, 5, Outcome.REJECTED),
        (0, 0, Outcome.INFORMATIVE),
        (None, 5, Outcome.UNKNOWN),
    ],
)
def test_failed_requests(completed: int | None, failed: int, expected: Outcome) -> None:
    assert outcome("failed_requests", completed=completed, failed=failed) is expected


def test_steady_state() -> None:
    found = verdict("steady_state", telemetry())
    assert found.outcome is Outcome.CLEAN
    # 100 ms and 63 gaps of 20 ms
    assert (
        found.reason
        == "a request took 1.36 s of 60 s; 2 of 2 requests/s were served; power moved by 0 % from 500 W to 500 W"
    )
    assert outcome("steady_state", duration_s=10.0) is Outcome.SUSPECT
    assert outcome("steady_state", duration_s=3.0) is Outcome.REJECTED
    # Of 120 requests a fifth may be missing by chance.
    assert outcome("steady_state", throughput_rps=1.7) is Outcome.CLEAN
    assert outcome("steady_state", throughput_rps=1.5) is Outcome.SUSPECT
    rising = telemetry(power_w=np.linspace(200.0, 400.0, SAMPLES))
    assert outcome("steady_state", rising) is Outcome.SUSPECT
    assert "power" not in verdict("steady_state", telemetry(power_w=np.zeros(SAMPLES))).reason
    assert outcome("steady_state", ttft=Latency(), offered_rps=None, concurrency=None) is Outcome.UNKNOWN


def test_a_closed_loop_renews_its_batch() -> None:
    closed: dict[str, Any] = {"offered_rps": None, "duration_s": 2.0}
    assert outcome("steady_state", concurrency=1.0, completed=1, **closed) is Outcome.CLEAN
    assert outcome("steady_state", concurrency=16.0, completed=320, **closed) is Outcome.CLEAN
    assert outcome("steady_state", concurrency=16.0, completed=64, **closed) is Outcome.SUSPECT
    assert outcome("steady_state", concurrency=16.0, completed=32, **closed) is Outcome.REJECTED


def test_energy_agreement() -> None:
    counter = np.cumsum(np.repeat([[300.0], [200.0]], SAMPLES, axis=1), axis=1)
    found = verdict("energy_agreement", telemetry(energy_j=counter), power_w=510.0)
    assert found.outcome is Outcome.CLEAN
    assert found.reason == "power x duration 30600 J, sampled powers 30000 J, counters 30000 J: 2 % apart"
    assert outcome("energy_agreement", telemetry(energy_j=counter * 0.92)) is Outcome.SUSPECT
    assert outcome("energy_agreement", telemetry(energy_j=counter * 0.8)) is Outcome.REJECTED
    assert outcome("energy_agreement", power_w=500.0, energy_j=30000.0) is Outcome.CLEAN
    assert outcome("energy_agreement", power_w=500.0, energy_j=15000.0) is Outcome.REJECTED
    assert outcome("energy_agreement", power_w=500.0) is Outcome.UNKNOWN
    assert outcome("energy_agreement", power_w=500.0, energy_j=3.0, duration_s=None) is Outcome.UNKNOWN
    counter[:, 40:] -= counter[:, 40:41]
    assert "set back 2 times" in verdict("energy_agreement", telemetry(energy_j=counter)).reason


def test_repeats_spread() -> None:
    assert outcome("repeats_spread") is Outcome.UNKNOWN

    def of(*throughputs: float) -> Verdict:
        return verdict("repeats_spread", repeats=tuple(replace(MEASUREMENT, throughput_rps=rps) for rps in throughputs))

    assert of(2.0, 2.05).outcome is Outcome.CLEAN
    assert of(2.2).outcome is Outcome.SUSPECT
    assert of(3.0).outcome is Outcome.REJECTED
    # The sample standard deviation of 2 and 2.2 is 0.1414, their mean 2.1.
    assert of(2.2).reason == "2 runs, variation of throughput 6.7 %, time between tokens 0 %"


def test_telemetry_coverage() -> None:
    assert outcome("telemetry_coverage", telemetry()) is Outcome.CLEAN
    assert outcome("telemetry_coverage", telemetry(), tp=4) is Outcome.REJECTED
    powers = np.full(SAMPLES, 300.0)
    for end, expected in ((20, Outcome.CLEAN), (25, Outcome.SUSPECT), (40, Outcome.REJECTED)):
        powers[15:end] = np.nan
        assert outcome("telemetry_coverage", telemetry(power_w=powers)) is expected
    found = verdict("telemetry_coverage", telemetry(), start=MEASUREMENT.start.replace(hour=5))  # type: ignore[union-attr]
    assert found.outcome is Outcome.UNKNOWN
    assert "telemetry runs from 2026-04-19T01:59:50Z" in found.reason
    assert outcome("telemetry_coverage", telemetry(), start=None) is Outcome.UNKNOWN


def test_every_check_speaks_once_and_says_why() -> None:
    names = [check.NAME for check in load_checks()]
    assert len(names) == 10
    for seen in (None, telemetry()):
        verdicts = judge(MEASUREMENT, seen)
        assert [verdict.check for verdict in verdicts] == names
        assert all(verdict.reason for verdict in verdicts)


def test_the_worst_that_is_known_counts() -> None:
    def of(*outcomes: Outcome) -> Outcome:
        return overall(Verdict("x", one, "y") for one in outcomes)

    assert of(Outcome.UNKNOWN, Outcome.INFORMATIVE) is Outcome.UNKNOWN
    assert of(Outcome.UNKNOWN, Outcome.CLEAN) is Outcome.CLEAN
    assert of(Outcome.SUSPECT, Outcome.CLEAN) is Outcome.SUSPECT
    assert of(Outcome.SUSPECT, Outcome.REJECTED, Outcome.CLEAN) is Outcome.REJECTED
