"""`dynamo-plan replay` as a user calls it."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from dynamo_plan.emit.replay_file import read_replay
from dynamo_plan.errors import InputError
from dynamo_plan.schema.replay import Replay
from tests.cli.conftest import Call
from tests.replay.conftest import RATES_RPS, Made, made, poisson, write_csv, write_trace

__all__ = ["made"]  # the fixture


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Made:
    """The scenario and its run folder, to write into."""
    shutil.copytree(made.folder, tmp_path / "invented")
    folder = tmp_path / "invented"
    return Made(folder, folder / "run", folder / "trace.csv")


def test_the_card_says_what_was_promised_and_what_happened(call: Call, copy: Made) -> None:
    done = call("replay", copy.run, "--trace", copy.trace)
    assert done.code == 0
    for text in ("invented, replayed", "energy, kWh", "100.0 % of 4", "answered in full", "AA"):
        assert text in done.out
    assert f"Wrote {copy.run / 'replay.json'}" in done.err
    found = read_replay(copy.run)
    assert (found.windows, found.attainment, found.services) == (4, 1.0, ("chat",))


def test_every_form_says_the_same(call: Call, copy: Made) -> None:
    record = json.loads(call("replay", copy.run, "--trace", copy.trace, "-o", "json").out)
    assert TypeAdapter(Replay).validate_python(record) == read_replay(copy.run)
    rows = list(csv.DictReader(io.StringIO(call("replay", copy.run, "--trace", copy.trace, "-o", "csv").out)))
    assert [(row["bucket"], int(row["requests"])) for row in rows] == [("AA", record["requests"])]
    assert "attainment" not in call("replay", copy.run, "--trace", copy.trace, "-o", "yaml").err


def test_the_same_seed_writes_the_same_bytes(call: Call, copy: Made) -> None:
    options = (
        "--predictor-accuracy",
        "0.8",
        "--router",
        "round-robin",
        "--clock-control",
        "--timeout",
        "3",
        "--seed",
        "5",
        "--quiet",
    )
    contents = []
    for _ in range(2):
        assert call("replay", copy.run, "--trace", copy.trace, *options).code == 0
        contents.append((copy.run / "replay.json").read_bytes())
    assert contents[0] == contents[1]
    found = read_replay(copy.run)
    assert (found.router, found.clock_control, found.queue_control, found.seed) == ("round-robin", True, True, 5)


def test_a_second_solve_keeps_what_the_first_broke(call: Call, copy: Made, tmp_path: Path) -> None:
    """Requests that come six at a time break a TTFT that was measured with Poisson arrivals; lowered capacities mend it."""
    bursts = write_trace(tmp_path / "bursts.csv", poisson(RATES_RPS, 3, burst=6))
    better = tmp_path / "better.csv"
    first = call("replay", copy.run, "--trace", bursts, "--calibrate", better)
    assert first.code == 0
    assert read_replay(copy.run).attainment < 1.0
    assert "of its load would keep it" in first.err
    again = ("--set", f"services.chat.profile={better}", "-d", tmp_path / "again", "--quiet")
    assert call("solve", copy.folder / "scenario.yaml", *again).code == 0
    engine = ("--engine", copy.folder / "profile.engine.csv")
    second = call("replay", tmp_path / "again", "--trace", bursts, *engine, "--calibrate", tmp_path / "none.csv")
    assert second.code == 0
    assert read_replay(tmp_path / "again").attainment == 1.0
    assert "no profile is needed" in second.err
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.slow
def test_a_page_is_written_and_kept(call: Call, copy: Made, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert call("replay", copy.run, "--trace", copy.trace, "--html", page).code == 0
    text = page.read_text(encoding="utf-8")
    for part in ("invented, replayed", "Facility power", "GPUs by tensor parallelism", "Latencies by bucket"):
        assert part in text
    again = call("replay", copy.run, "--trace", copy.trace, "--html", page)
    assert again.code == 5
    assert "output-exists" in again.err


def test_a_trace_is_moved_to_the_plan(call: Call, copy: Made) -> None:
    far = write_trace(copy.folder / "far.csv", poisson(RATES_RPS, 3)[:500] + 1e7)
    refused = call("replay", copy.run, "--trace", far)
    assert refused.code == 5
    assert "trace-outside-horizon" in refused.err
    assert call("replay", copy.run, "--trace", far, "--at", "2024-05-14T00:10:00Z").code == 0
    assert read_replay(copy.run).first_window == 1
    assert call("replay", copy.run, "--trace", far, "--at", "tomorrow").code == 2


def test_an_unverified_plan_is_refused(call: Call, copy: Made) -> None:
    plan = copy.run / "plan.json"
    plan.write_text(plan.read_text().replace('"instances": 1', '"instances": 2'), encoding="utf-8")
    done = call("replay", copy.run, "--trace", copy.trace)
    assert done.code == 6
    assert "run-folder-changed" in done.err
    assert not (copy.run / "replay.json").exists()


def test_services_of_a_log_are_those_of_the_plan(call: Call, copy: Made) -> None:
    rows = [("2024-05-14T00:01:00Z", 200, 20, name) for name in ("chat", "m", "other")]
    log = write_csv(copy.folder / "named.csv", [("at", "in", "out", "who"), *rows])
    columns = [text for pair in ("arrival=at", "input=in", "output=out", "service=who") for text in ("--column", pair)]
    assert call("replay", copy.run, "--trace", log, *columns).code == 0
    found = read_replay(copy.run)
    assert (found.requests, found.left_out.unknown_service) == (2, 1)
    strange = write_csv(copy.folder / "strange.csv", [("at", "in", "out", "who"), rows[2]])
    done = call("replay", copy.run, "--trace", strange, *columns)
    assert done.code == 5
    assert "trace-service-unknown" in done.err
    assert call("replay", copy.run, "--trace", copy.trace, "--service", "nobody").code == 2
    assert call("replay", copy.run, "--trace", f"chat={copy.trace}").code == 0
    named = call("replay", copy.run, "--trace", f"nobody={copy.trace}")
    assert named.code == 2
    assert "nobody" in named.err


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "1e9"])
def test_a_timeout_is_a_time_of_controlled_queues(call: Call, copy: Made, timeout: str) -> None:
    assert call("replay", copy.run, "--trace", copy.trace, "--timeout", timeout).code == 2
    forbidden = call("replay", copy.run, "--trace", copy.trace, "--timeout", "5", "--no-queue-control")
    assert forbidden.code == 2
    assert "replay-timeout" in forbidden.err


def test_a_missing_engine_is_named(call: Call, copy: Made) -> None:
    (copy.folder / "profile.engine.csv").unlink()
    done = call("replay", copy.run, "--trace", copy.trace)
    assert done.code == 5
    assert "replay-no-engine" in done.err


def test_no_replay_is_no_record(copy: Made) -> None:
    with pytest.raises(InputError) as error:
        read_replay(copy.run)
    assert [fault.code for fault in error.value.faults] == ["replay-unreadable"]
