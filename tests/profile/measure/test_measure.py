"""A measurement against an endpoint and an NVML of our own; what goes wrong with either."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from dynamo_plan.errors import UsageError
from dynamo_plan.profile.evidence import overall
from dynamo_plan.profile.measure import driver
from dynamo_plan.profile.measure.endpoint import Endpoint
from dynamo_plan.profile.measure.gpus import locked_clocks, open_gpus
from dynamo_plan.profile.measure.load import Load, requests
from dynamo_plan.profile.measure.point import Measured, Subject, measure
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.telemetry import Outcome
from tests.profile.measure.fakes import TBT_S, TTFT_S, FakeEndpoint, endpoint, stub_nvml

LOAD = Load(rate_rps=20.0, input_tokens=16, output_tokens=8, warmup_s=0.2, duration_s=1.0, drain_s=1.0)
SUBJECT = Subject("m", Kind("h100", 2, 1, "bf16"))


@pytest.fixture
def server() -> Iterator[FakeEndpoint]:
    with endpoint() as found:
        yield found


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = stub_nvml()
    monkeypatch.setitem(sys.modules, "pynvml", found)
    return found


def nothing(elapsed_s: float) -> None:
    """No bar."""


def of(server: FakeEndpoint, load: Load = LOAD, **options: Any) -> Measured:
    return measure(SUBJECT, Endpoint(server.url, "m", **options), load, None, nothing)


def lock(frequency_mhz: float, body: Callable[[], None] = lambda: None) -> None:
    """Do something with both GPUs at a locked clock."""
    with open_gpus(None, 2) as gpus, locked_clocks(gpus, frequency_mhz):
        body()


def code_of(error: pytest.ExceptionInfo[UsageError]) -> str:
    (fault,) = error.value.faults
    return fault.code


def test_arrivals_are_poisson_and_repeatable() -> None:
    load = Load(50.0, 4, 4, duration_s=200.0)
    found = list(requests(load))
    gaps = np.diff([0.0, *(request.at_s for request in found)])
    assert found == list(requests(load))
    assert gaps.mean() == pytest.approx(1 / 50.0, rel=0.05)
    assert gaps.std() == pytest.approx(1 / 50.0, rel=0.05)
    assert len({request.prompt for request in found}) == len(found)
    assert all(len(request.prompt) == 4 for request in found)
    assert found[-1].at_s <= load.longest_s
    assert not list(requests(Load(0.0, 4, 4)))


def test_one_point(server: FakeEndpoint, nvml: Any) -> None:
    with open_gpus(None, 2) as gpus:
        found = measure(SUBJECT, Endpoint(server.url, "m", key="secret"), LOAD, gpus, nothing)
    row = found.measurement
    assert not found.failures
    assert found.counts_tokens
    # A busy machine sends a request a moment late, and it falls out of the window or into it.
    assert row.completed == pytest.approx(sum(0.2 <= request.at_s < 1.2 for request in requests(LOAD)), abs=2)
    assert (row.input_tokens, row.output_tokens, row.failed, row.offered_rps) == (16.0, 8.0, 0, 20.0)
    assert row.throughput_rps == pytest.approx(row.completed or 0, abs=3)
    assert row.ttft.p50_ms is not None
    assert row.tbt.p50_ms is not None
    assert row.ttft.p50_ms >= TTFT_S * 1000
    assert row.tbt.p50_ms >= TBT_S * 1000 * 0.5  # events that come together are read together
    # 300 W and 200 W by the counters; the stub's clock and ours are read a moment apart.
    assert row.power_w == pytest.approx(500.0, rel=0.05)
    assert row.energy_j == pytest.approx(500.0, rel=0.05)
    outcomes = {verdict.check: verdict.outcome for verdict in found.verdicts}
    assert outcomes["energy_agreement"] is Outcome.CLEAN
    assert outcomes["failed_requests"] is Outcome.CLEAN
    assert outcomes["throttling"] is Outcome.CLEAN
    assert outcomes["clock_held"] is Outcome.INFORMATIVE
    assert nvml.calls == [("shutdown",)]
    asked = server.bodies[1]
    assert (asked["max_tokens"], asked["ignore_eos"], len(asked["prompt"])) == (8, True, 16)
    assert set(server.paths) == {"/v1/completions"}
    assert set(server.keys) == {"Bearer secret"}


def test_without_a_counter_powers_are_summed_up(server: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stub_nvml(has_counter=False))
    with open_gpus([0], 1) as gpus:
        found = measure(Subject("m", Kind("h100", 1, 1, "bf16")), Endpoint(server.url, "m"), LOAD, gpus, nothing)
    assert found.measurement.power_w == pytest.approx(300.0)


def test_the_idle_instance(server: FakeEndpoint, nvml: Any) -> None:
    idle = Load(0.0, 16, 8, warmup_s=0.0, duration_s=1.0)
    with open_gpus([0, 1], 2) as gpus:
        row = measure(SUBJECT, Endpoint(server.url, "m"), idle, gpus, nothing).measurement
    assert (row.completed, row.throughput_rps, row.ttft.p99_ms) == (0, 0.0, None)
    assert row.power_w == pytest.approx(500.0, rel=0.05)
    assert len(server.bodies) == 1  # the probe


def test_chat_and_an_endpoint_that_does_not_count(server: FakeEndpoint) -> None:
    server.says_usage = False
    found = of(server, chat=True, ignore_eos=False)
    assert set(server.paths) == {"/v1/chat/completions"}
    assert "ignore_eos" not in server.bodies[1]
    assert not found.counts_tokens
    assert (found.measurement.output_tokens, found.measurement.input_tokens) == (8.0, 16.0)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("status", "it answers 503 busy"),
        ("json", "which is no JSON"),
        ("error", "out of memory"),
        ("short", "its answer breaks off"),
        ("plain", "its answer breaks off"),
    ],
)
def test_requests_that_fail(server: FakeEndpoint, fault: str, said: str) -> None:
    server.fault = fault
    found = of(server)
    assert found.measurement.completed == 0
    assert found.measurement.failed == sum(found.failures.values()) > 0
    assert all(said in failure for failure in found.failures)
    assert overall(found.verdicts) is Outcome.REJECTED
    server.faulty_probe = True
    with pytest.raises(UsageError, match=said) as error:
        of(server)
    assert code_of(error) == "measure-refused"


def test_answers_that_never_come_are_given_up(server: FakeEndpoint) -> None:
    server.fault = "silent"
    begun, threads = time.monotonic(), threading.active_count()
    found = of(server, Load(20.0, 16, 8, warmup_s=0.0, duration_s=1.0, drain_s=0.3))
    assert time.monotonic() - begun < 3.0
    assert set(found.failures) == {driver.NOT_ENDED}
    server.released.set()
    for _ in range(100):
        if threading.active_count() <= threads:
            break
        time.sleep(0.01)
    assert threading.active_count() <= threads


def test_requests_in_flight_are_bounded(server: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MOST_IN_FLIGHT", 3)
    server.fault = "silent"
    found = of(server, Load(20.0, 16, 8, warmup_s=0.0, duration_s=1.0, drain_s=0.0))
    assert found.failures[driver.NOT_ENDED] == 3
    assert found.failures[driver.NOT_SENT] == (found.measurement.failed or 0) - 3


def test_an_endpoint_that_is_down() -> None:
    with endpoint() as server:
        url = server.url
    with pytest.raises(UsageError, match="does not answer") as error:
        measure(SUBJECT, Endpoint(url, "m"), LOAD, None, nothing)
    assert code_of(error) == "measure-unreachable"


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://host/v1", "http://", "http://host:x/v1", "http://host/v1?a=b"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(UsageError, match="no address") as error:
        Endpoint(url, "m")
    assert code_of(error) == "measure-address"


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Endpoint("http://host/v1", "m", key="secret"))


def test_nvml_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(UsageError, match=r"dynamo-plan\[gpu\]") as error, open_gpus(None, 1):
        pass
    assert code_of(error) == "extra-missing"
    monkeypatch.setitem(sys.modules, "pynvml", stub_nvml(starts=False))
    with pytest.raises(UsageError, match="Driver Not Loaded") as error, open_gpus(None, 1):
        pass
    assert code_of(error) == "measure-nvml"


@pytest.mark.parametrize(("indices", "count"), [(None, 1), ([0], 2), ([0, 0], 2), ([0, 7], 2)])
def test_gpus_must_be_the_instances(nvml: Any, indices: list[int] | None, count: int) -> None:
    with pytest.raises(UsageError, match="are not the") as error, open_gpus(indices, count):
        pass
    assert code_of(error) == "measure-gpus"
    assert nvml.calls == [("shutdown",)]


def test_clocks_are_locked_and_reset(nvml: Any) -> None:
    lock(1590.0, lambda: nvml.calls.append("body"))
    assert nvml.calls[:3] == [("lock", 0, 1590, 1590), ("lock", 1, 1590, 1590), "body"]
    assert nvml.calls[3:] == [("reset", 0), ("reset", 1), ("shutdown",)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_clocks_are_reset_on_a_signal(nvml: Any, number: signal.Signals) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def interrupted() -> None:
        os.kill(os.getpid(), number)
        time.sleep(1.0)  # the signal ends it

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        lock(1590.0, interrupted)
    assert nvml.calls[2:] == [("reset", 0), ("reset", 1), ("shutdown",)]
    assert {one: signal.getsignal(one) for one in before} == before


def test_clocks_are_reset_when_the_load_fails(server: FakeEndpoint, nvml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, *arguments: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(driver.Driver, "run", broken)
    subject = Subject("m", Kind("h100", 2, 1, "bf16"), lock_mhz=1590.0)
    with pytest.raises(RuntimeError, match="broken"), open_gpus(None, 2) as gpus:
        measure(subject, Endpoint(server.url, "m"), LOAD, gpus, nothing)
    assert nvml.calls[2:] == [("reset", 0), ("reset", 1), ("shutdown",)]


def test_clocks_that_cannot_be_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = stub_nvml(may_lock=False)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    with pytest.raises(UsageError, match="--locked-at 1590") as error:
        lock(1590.0)
    assert code_of(error) == "measure-clock"
    with pytest.raises(UsageError, match=r"has no clock of 1600 MHz.*1575, 1590, 1980"):
        lock(1600.0)
    assert not [call for call in nvml.calls if call[0] == "lock"]


def test_a_reset_that_fails_names_the_gpu(nvml: Any) -> None:
    calls = itertools.count()

    def reset(gpu: int) -> None:
        next(calls)
        if gpu == 0:
            raise nvml.NVMLError("GPU is lost")

    nvml.nvmlDeviceResetGpuLockedClocks = reset
    with pytest.raises(UsageError, match="nvidia-smi -i 0 -rgc"):
        lock(1590.0)
    assert next(calls) == 2
