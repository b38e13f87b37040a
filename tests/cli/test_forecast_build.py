"""`forecast build` and `forecast synthesize` as users call them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from dynamo_plan.ingest import read_forecast
from tests.cli.conftest import Answer, Call

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An hour and a half of a request each ten seconds, half of them long; nothing in the third half-hour; one failed."""
    path = tmp_path / "log.csv"
    lines = [
        f"2024-05-12 0{second // 3600}:{second // 60 % 60:02}:{second % 60:02}.5,{100 + second % 20 * 100},50"
        for second in range(0, 7200, 10)
        if not 3600 <= second < 5400
    ]
    path.write_text(HEADER + "\n".join([*lines, "2024-05-12 01:59:59.9,100,0"]))
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def build(call: Call, log: Path, *more: object) -> Answer:
    return call("forecast", "build", log, "-o", log.with_name("load.csv"), "--service", "chat", *more)


def test_load_and_card(call: Call, log: Path) -> None:
    answer = build(call, log, "--buckets", "1000,null/100,null")
    assert answer.code == 0, answer.err
    rows = rows_of(log.with_name("load.csv"))
    assert [float(row["rate_rps"]) for row in rows if row["bucket"] == "SS"] == [0.05, 0.05, 0.0, 0.05]
    assert [row["requests"] for row in rows if row["bucket"] == "LS"] == ["90", "90", "0", "90"]
    assert [row["failed"] for row in rows if row["bucket"] == "SS"] == ["0", "0", "0", "1"]
    assert float(rows[0]["mean_input_tokens"]) == 100
    assert float(rows[2]["mean_input_tokens"]) == 1100
    assert rows[-1]["mean_input_tokens"] == ""
    assert "chat: no request in 1 window from 2024-05-12T01:00:00Z: rate 0 there" in answer.err
    assert "541 requests of 1 file (azure), 2024-05-12T00:00:00Z to 2024-05-12T01:59:59Z" in answer.err
    assert "SS" in answer.out


def test_solve_takes_the_table(call: Call, log: Path) -> None:
    assert build(call, log).code == 0
    names = [f"{first}{second}" for first in "SML" for second in "SML"]
    forecast = read_forecast(log.with_name("load.csv"), "chat", names, 30)
    assert forecast.rate_rps.sum(axis=1).tolist() == pytest.approx([0.1, 0.1, 0.0, 0.1])


def test_gaps_are_filled_when_asked(call: Call, log: Path) -> None:
    answer = build(call, log, "--buckets", "9000/null", "--fill-gaps")
    assert answer.code == 0, answer.err
    rows = rows_of(log.with_name("load.csv"))
    # One day of log has no other at the same time: a straight line.
    assert [(row["filled"], row["rate_rps"], row["requests"]) for row in rows][1:3] == [
        ("0", "0.1", "180"),
        ("1", "0.1", "0"),
    ]
    first_hour = [line for line in log.read_text().splitlines() if " 00:" in line]
    next_day = "\n".join(line.replace("05-12 00:", "05-13 01:") for line in first_hour[::2])
    log.write_text(f"{log.read_text()}\n{next_day}")
    answer = build(call, log, "--buckets", "9000/null", "--fill-gaps", "--force")
    filled = [row for row in rows_of(log.with_name("load.csv")) if row["filled"] == "1"]
    rate = {row["window_start"]: row["rate_rps"] for row in filled}
    assert f"chat: {len(filled)} windows filled in" in answer.err
    assert rate["2024-05-12T01:00:00Z"] == "0.05"  # as on the next day
    assert rate["2024-05-13T00:00:00Z"] == rate["2024-05-13T00:30:00Z"] == "0.1"  # as on the day before
    line = 0.1 - 0.05 / 47  # one window on from 0.1 to the 0.05 that comes 47 windows later
    assert float(rate["2024-05-12T02:00:00Z"]) == pytest.approx(line)  # of that time nothing is known on either day


def test_parquet_and_statistics(call: Call, log: Path) -> None:
    target = log.with_name("load.parquet")
    assert call("forecast", "build", log, "-o", target, "--service", "chat").code == 0
    record = json.loads(log.with_name("load.requests.json").read_text())
    assert record["version"] == 1
    assert sum(record["services"][0]["requests"]) == 540


def test_several_services_in_a_log(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("ts,in,out,who\n2024-05-12T00:00:00Z,5,5,chat\n2024-05-12T00:10:00Z,5,5,code\n")
    columns = [part for pair in ("arrival=ts", "input=in", "output=out", "service=who") for part in ("--column", pair)]
    target = tmp_path / "load.csv"
    assert call("forecast", "build", path, "-o", target, *columns).code == 0
    assert {row["service"] for row in rows_of(target)} == {"chat", "code"}
    assert call("forecast", "build", path, "-o", target, *columns, "--service", "code", "--force").code == 0
    assert {row["service"] for row in rows_of(target)} == {"code"}
    answer = call("forecast", "build", path, "-o", target, *columns, "--service", "cod", "--force")
    assert (answer.code, "[service-unknown]" in answer.err) == (2, True)


def test_buckets_and_window_of_a_scenario(call: Call, scenario: Path, log: Path) -> None:
    answer = call("forecast", "build", log, "-o", log.with_name("load.csv"), "--scenario", scenario)
    assert answer.code == 0, answer.err
    rows = rows_of(log.with_name("load.csv"))
    assert len({row["window_start"] for row in rows}) == 2
    assert {row["service"] for row in rows} == {"chat"}  # as the scenario calls it, for the log names none
    options = ("--scenario", scenario, "--window", "30min", "--force")  # what is asked for outright comes first
    assert call("forecast", "build", log, "-o", log.with_name("load.csv"), *options).code == 0
    assert len({row["window_start"] for row in rows_of(log.with_name("load.csv"))}) == 4


@pytest.mark.parametrize(
    ("options", "code", "part"),
    [
        (["--window", "7min"], 2, "log-window"),
        (["--window", "0h"], 2, "log-window"),
        (["--window", "7 parsecs"], 2, "duration-syntax"),
        (["--by-client"], 2, "log-option"),
        (["--buckets", "5"], 2, "log-buckets"),
        (["--buckets", "p10,p20"], 2, "log-buckets"),
        (["--format", "azur"], 2, "Did you mean azure?"),
        (["--format", "columns"], 2, "log-column-option"),
        (["--engine", "dask", "--address", "tcp://127.0.0.1:9"], 5, "engine-unreachable"),
        (["--engine", "spark"], 2, "spark"),
    ],
)
def test_options_that_cannot_be_carried_out(call: Call, log: Path, options: list[str], code: int, part: str) -> None:
    answer = build(call, log, *options)
    assert answer.code == code
    assert part in answer.err
    assert not log.with_name("load.csv").exists()


def test_bad_rows_write_nothing(call: Call, log: Path) -> None:
    log.write_text(log.read_text() + "\n2024-05-12 01:59:59,-7,5\n")
    answer = build(call, log)
    assert answer.code == 5
    assert "log.csv:543 ContextTokens: -7 tokens are below 0." in answer.err
    assert not log.with_name("load.csv").exists()
    answer = build(call, log, "--keep-going")
    assert answer.code == 0
    assert "left out: 1 row that is no request" in answer.err


def test_rates_of_a_client(call: Call, log: Path) -> None:
    assert build(call, log).code == 0
    trace = log.with_name("chunk-1-trace.csv")
    trace.write_text("0,1.5,2.0,Gamma,0.5,0.1\n1800,0.5,1.0,Gamma,0.5,0.1\n")
    answer = build(call, trace, "--buckets", "null/null", "--by-client", "--force")
    assert answer.code == 0, answer.err
    assert [(row["client"], row["rate_rps"]) for row in rows_of(log.with_name("load.csv"))] == [
        ("chunk-1", "1.5"),
        ("chunk-1", "0.5"),
    ]
    assert not log.with_name("load.requests.json").exists()  # it was the other log's
    for option in ("--fill-gaps", "--drop-duplicates"):
        answer = build(call, trace, "--buckets", "null/null", option, "--force")
        assert (answer.code, "[log-option]" in answer.err) == (2, True)


def test_the_suffix_says_the_format(call: Call, log: Path) -> None:
    answer = call("forecast", "build", log, "-o", log.with_name("load.txt"))
    assert (answer.code, "[output-suffix]" in answer.err) == (2, True)


def test_the_record_is_for_programs_too(call: Call, log: Path) -> None:
    answer = build(call, log, "--buckets", "1000,null/100,null", "--record", "json")
    assert [row["requests"] for row in json.loads(answer.out)] == [270, 0, 270, 0]


def test_nothing_is_overwritten_unasked(call: Call, log: Path) -> None:
    assert build(call, log).code == 0
    answer = build(call, log)
    assert (answer.code, "[output-exists]" in answer.err) == (5, True)
    log.with_name("load.csv").unlink()  # the statistics beside it are still there
    answer = build(call, log)
    assert (answer.code, "load.requests.json" in answer.err) == (5, True)
    assert not log.with_name("load.csv").exists()


def test_synthesized_requests_have_the_load_they_came_from(call: Call, log: Path) -> None:
    assert build(call, log).code == 0
    load, trace = log.with_name("load.csv"), log.with_name("trace.csv")
    for seed, target in ((1, trace), (1, log.with_name("again.csv")), (2, log.with_name("other.csv"))):
        answer = call("forecast", "synthesize", load, "-o", target, "--seed", seed, "--scale", 20)
        assert answer.code == 0, answer.err
    assert trace.read_bytes() == log.with_name("again.csv").read_bytes() != log.with_name("other.csv").read_bytes()
    assert call("forecast", "build", trace, "-o", log.with_name("back.csv"), "--service", "chat").code == 0
    rates = [sum(float(row["rate_rps"]) for row in rows_of(path)) for path in (load, log.with_name("back.csv"))]
    assert rates[1] == pytest.approx(20 * rates[0], rel=0.05)
    assert call("forecast", "synthesize", load, "-o", log.with_name("t.parquet")).code == 0


def test_synthesize_needs_statistics_of_the_service(call: Call, log: Path) -> None:
    assert build(call, log).code == 0
    load, statistics = log.with_name("load.csv"), log.with_name("load.requests.json")
    statistics.write_text(statistics.read_text().replace("chat", "code"))
    answer = call("forecast", "synthesize", load, "-o", log.with_name("t.csv"))
    assert (answer.code, "[statistics-service]" in answer.err) == (5, True)
    statistics.write_text('{"version": 9}')
    answer = call("forecast", "synthesize", load, "-o", log.with_name("t.csv"))
    assert (answer.code, "[statistics-file]" in answer.err) == (5, True)
    statistics.unlink()
    answer = call("forecast", "synthesize", load, "-o", log.with_name("t.csv"))
    assert (answer.code, "there is no load.requests.json beside it" in answer.err) == (5, True)
    assert not log.with_name("t.csv").exists()
