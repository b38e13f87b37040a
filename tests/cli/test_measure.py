"""`profile measure` as a user calls it: against an endpoint and an NVML of our own, with wrong input too."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dynamo_plan.ingest import read_profile
from tests.cli.conftest import Answer, Call
from tests.profile.measure.fakes import FakeEndpoint, endpoint, stub_nvml


@pytest.fixture
def server() -> Iterator[FakeEndpoint]:
    with endpoint() as found:
        yield found


@pytest.fixture(autouse=True)
def nvml(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = stub_nvml()
    monkeypatch.setitem(sys.modules, "pynvml", found)
    return found


@pytest.fixture
def ask(call: Call, server: FakeEndpoint, tmp_path: Path) -> Call:
    """Measure a short point; options may be given again, the last counts."""

    def answer(*options: object, rate: float = 20.0) -> Answer:
        return call(
            *("profile", "measure", server.url, "--model", "m", "--gpu", "h100", "--dtype", "bf16", "--tp", 2),
            *("--input-tokens", 16, "--output-tokens", 8, "--rate", rate),
            *("--duration", 1, "--warmup", 0.1, "--drain", 1, "-o", tmp_path / "profile.csv", *options),
        )

    return answer


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_profile_grows_row_by_row(ask: Call, tmp_path: Path) -> None:
    path = tmp_path / "profile.csv"
    first = ask("--locked-at", 1590)
    assert (first.code, first.err.splitlines()[-1]) == (0, f"Wrote {path}. Next: dynamo-plan profile check {path}")
    assert "clock_held          clean" in first.out
    before = path.read_bytes()
    assert ask("--locked-at", 1590, rate=0.0).code == 0
    assert path.read_bytes().startswith(before)
    loaded, idle = rows_of(path)
    assert (loaded["model"], loaded["tp"], loaded["frequency_mhz"], loaded["provenance"]) == (
        "m",
        "2",
        "1590",
        "measured",
    )
    assert float(loaded["power_w"]) == pytest.approx(500.0, rel=0.05)
    assert loaded["verdict"] in ("clean", "suspect")  # a second at 20 requests/s is short
    assert (idle["request_rate_rps"], idle["throughput_rps"], idle["ttft_p99_ms"]) == ("0", "0", "")
    assert len(read_profile(path)) == 2


def test_what_a_profile_could_not_hold_is_said_before_the_run(ask: Call, server: FakeEndpoint, tmp_path: Path) -> None:
    path = tmp_path / "profile.csv"
    assert ask("--locked-at", 1590).code == 0
    sent, before = len(server.bodies), path.read_bytes()
    again = ask("--locked-at", 1590)
    assert (again.code, "[profile-duplicate]" in again.err) == (5, True)
    assert "[table-empty-cell]" in ask(rate=30.0).err  # a row without a clock among rows with one
    assert (len(server.bodies), path.read_bytes()) == (sent, before)


def test_a_profile_of_other_columns_keeps_them(ask: Call, tmp_path: Path) -> None:
    path = tmp_path / "profile.csv"
    path.write_text(
        "# ours\nmodel,gpu,tp,pp,dtype,frequency_mhz,input_tokens,output_tokens,request_rate_rps,throughput_rps,"
        "ttft_p99_ms,tbt_p99_ms,power_w,provenance,source,note\n"
        "m,h100,2,1,bf16,1590,16,8,1,1,20,5,400,measured,us,cold\n"
    )
    done = ask("--locked-at", 1590)
    assert done.code == 0
    assert "has no column for concurrency, ttft_mean_ms" in done.err
    lines = path.read_text().splitlines()
    assert lines[0] == "# ours"
    assert lines[2].endswith("us,cold")
    assert lines[3].endswith('requests",')


def test_a_rejected_row_is_kept_only_where_asked_for(ask: Call, server: FakeEndpoint, tmp_path: Path) -> None:
    path = tmp_path / "profile.csv"
    done = ask("--locked-at", 1980)
    assert (done.code, "[measure-rejected]" in done.err, path.exists()) == (5, True, False)
    assert "clock_held          rejected" in done.out
    assert ask("--locked-at", 1980, "--keep-rejected").code == 0
    (row,) = rows_of(path)
    assert row["verdict"] == "rejected"
    assert "clock_held: rejected: locked at 1980 MHz: mean 1590.0 MHz" in row["verdict_reason"]


def test_failures_are_counted_by_reason(ask: Call, server: FakeEndpoint) -> None:
    server.fault = "status"
    done = ask()
    assert done.code == 5
    assert "requests failed: it answers 503 busy" in done.err


def test_clocks_are_locked_only_where_asked_for(ask: Call, nvml: Any) -> None:
    assert ask().code == 0
    assert nvml.calls == [("shutdown",)]
    nvml.calls.clear()
    assert ask("--lock-clocks", 1590, "-o", "other.csv", "--output", "other.txt").code == 2
    assert nvml.calls == []


def test_a_locked_clock_is_reset(ask: Call, nvml: Any) -> None:
    assert ask("--lock-clocks", 1590).code == 0
    assert [call[0] for call in nvml.calls] == ["lock", "lock", "reset", "reset", "shutdown"]


def test_latencies_alone(ask: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "[extra-missing]" in ask().err
    assert ask("--no-power").code == 0
    (row,) = rows_of(tmp_path / "profile.csv")
    assert row["power_w"] == ""


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--dtype", "bf8"], "measure-option"),
        (["--lock-clocks", 1590, "--locked-at", 1590], "measure-option"),
        (["--lock-clocks", 1590, "--no-power"], "measure-option"),
        (["--api-key-env", "NO_SUCH_KEY"], "measure-option"),
        (["--gpu-id", 0], "measure-gpus"),
    ],
)
def test_options_that_cannot_be(ask: Call, server: FakeEndpoint, options: list[object], code: str) -> None:
    done = ask(*options)
    assert (done.code, f"[{code}]" in done.err, server.bodies) == (2, True, [])


def test_an_endpoint_that_is_down(call: Call, ask: Call, server: FakeEndpoint) -> None:
    server.shutdown()
    server.server_close()
    done = ask()
    assert (done.code, "[measure-unreachable]" in done.err) == (2, True)
