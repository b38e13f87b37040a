"""forecast fit, backtest, show, import: what they print and write, and what they refuse."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.cli.forecast.options import levels_in
from dynamo_plan.forecast.methods import find_methods
from dynamo_plan.ingest import read_forecast
from tests.cli.conftest import Call
from tests.forecast.histories import noisy
from tests.ingest.builders import BUCKETS, SCENARIO, Row, write_csv, write_tiny_scenario


def rows_of(days: int, service: str = "chat") -> list[Row]:
    history = noisy(days)
    return [
        {"window_start": history.windows.label(window), "service": service, "bucket": bucket, "rate_rps": f"{rate:.6f}"}
        for window, rates in enumerate(history.rate_rps.tolist())
        for bucket, rate in zip(BUCKETS, rates, strict=True)
    ]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("history") / "history.csv", rows_of(10))


def test_fit_writes_what_solve_reads_and_says_what_it_took(call: Call, history: Path, tmp_path: Path) -> None:
    answer = call("forecast", "fit", history, "-o", tmp_path / "load.csv", "--record", "json")
    assert answer.code == 0
    record = json.loads(answer.out)
    assert {row["method"] for row in record} == set(find_methods())
    (taken,) = [row for row in record if row["taken"] == "yes"]
    assert taken["wape"] == min(row["wape"] for row in record if row["wape"] is not None)
    assert f"Wrote {tmp_path / 'load.csv'}: 24 windows from 2024-05-23T00:00:00Z." in answer.err
    found = read_forecast(tmp_path / "load.csv", "chat", BUCKETS, 60)
    assert list(found.quantile_rate_rps) == [0.5, 0.9, 0.95, 0.99]
    with (tmp_path / "load.csv").open() as file:
        assert {row["method"] for row in csv.DictReader(file)} == {taken["method"]}


def test_fit_says_where_it_falls_back(call: Call, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "short.csv", rows_of(3))
    answer = call("forecast", "fit", path, "--method", "weekly-naive", "-o", tmp_path / "load.csv", "--record", "json")
    assert answer.code == 0
    said = "weekly-naive needs 7 days of history and there are 3; daily-naive was taken instead"
    assert f"chat: {said}." in answer.err
    (row,) = json.loads(answer.out)
    assert (row["method"], row["asked_for"]) == ("daily-naive", "weekly-naive")
    assert said in row["note"]


def test_fit_forecasts_every_service(call: Call, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "two.csv", [*rows_of(3), *rows_of(3, "code")])
    assert call("forecast", "fit", path, "-o", tmp_path / "load.parquet", "--quantiles", "none").code == 0
    for service in ("chat", "code"):
        assert len(read_forecast(tmp_path / "load.parquet", service, BUCKETS, 60).windows) == 24


def test_fit_fills_gaps_only_when_asked(call: Call, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "gap.csv", [row for row in rows_of(4) if "05-14T03" not in str(row["window_start"])])
    refused = call("forecast", "fit", path, "-o", tmp_path / "load.csv")
    assert refused.code == 5
    assert "[forecast-gap]" in refused.err
    filled = call("forecast", "fit", path, "-o", tmp_path / "load.csv", "--fill-gaps")
    assert filled.code == 0
    assert "1 missing window filled in" in filled.err


@pytest.mark.parametrize(
    ("options", "code", "part"),
    [
        (("--method", "profet"), 2, "[method-unknown]"),
        (("--horizon", "soon"), 2, "[duration-syntax]"),
        (("--horizon", "90min"), 2, "Write a multiple of 60min"),
        (("--quantiles", "95"), 2, "[forecast-quantiles]"),
        (("--quantiles", "high"), 2, "[forecast-quantiles]"),
        (("--holidays", "christmas"), 2, "[forecast-holidays]"),
        (("--holidays", "2024-02-30"), 2, "[forecast-holidays]"),
    ],
)
def test_fit_refuses_what_it_cannot_do(
    call: Call, history: Path, tmp_path: Path, options: tuple[str, ...], code: int, part: str
) -> None:
    answer = call("forecast", "fit", history, "-o", tmp_path / "load.csv", *options)
    assert answer.code == code
    assert part in answer.err
    assert not (tmp_path / "load.csv").exists()


def test_holidays_change_weekly_forecasts(call: Call, history: Path, tmp_path: Path) -> None:
    rates = []
    for number, options in enumerate(((), ("--holidays", "2024-05-23"))):
        path = tmp_path / f"{number}.csv"
        assert call("forecast", "fit", history, "-o", path, "--method", "weekly-naive", *options).code == 0
        rates.append(read_forecast(path, "chat", BUCKETS, 60).rate_rps.sum())
    assert rates[1] < 0.7 * rates[0]  # Sundays have half the load


def test_backtest_scores_and_saves_the_best(call: Call, history: Path, tmp_path: Path) -> None:
    saved = tmp_path / "held.csv"
    answer = call("forecast", "backtest", history, "--train-days", "8", "--save", saved, "-o", "json")
    assert answer.code == 0
    rows = json.loads(answer.out)
    assert [row["wape"] for row in rows] == sorted(row["wape"] for row in rows)
    assert {"daily_wape", "peak_hour_error", "coverage_p95", "pinball_p95"} <= set(rows[0])
    assert "not scored: needs 8 days and one forecast more" in answer.err
    assert f"held-back forecasts of {rows[0]['method']}" in answer.err
    assert len(read_forecast(saved, "chat", BUCKETS, 60).windows) == 48


def test_backtest_without_a_method_that_can_is_refused(call: Call, history: Path) -> None:
    answer = call("forecast", "backtest", history, "--methods", "blend", "--train-days", "3")
    assert answer.code == 5
    assert "[history-too-short]" in answer.err


@pytest.mark.slow
def test_backtest_scores_the_plans_that_follow(call: Call, history: Path, tmp_path: Path) -> None:
    scenario = write_tiny_scenario(tmp_path / "tiny", SCENARIO)
    options = ("--methods", "persistence,daily-naive", "--train-days", "9", "--scenario", scenario, "-o", "json")
    answer = call("forecast", "backtest", history, *options)
    assert answer.code == 0, answer.err
    for row in json.loads(answer.out):
        assert row["beyond_capacity"] >= 0
        assert row["extra_energy"] > -1
        assert row["windows_beyond"] <= 24


def test_show_prints_a_row_per_bucket(call: Call, history: Path) -> None:
    answer = call("forecast", "show", history, "-o", "json")
    assert answer.code == 0
    rows = json.loads(answer.out)
    assert [row["bucket"] for row in rows] == sorted(BUCKETS, reverse=True) or {row["bucket"] for row in rows} == set(
        BUCKETS
    )
    assert sum(row["share"] for row in rows) == pytest.approx(1.0, abs=1e-3)
    assert "█" in call("forecast", "show", history).out


@pytest.mark.slow
def test_show_writes_a_page_with_fan_and_residuals(call: Call, history: Path, tmp_path: Path) -> None:
    saved, page = tmp_path / "held.csv", tmp_path / "page.html"
    assert call("forecast", "backtest", history, "--train-days", "8", "--save", saved, "--quiet").code == 0
    assert call("forecast", "show", saved, "--actual", history, "--html", page).code == 0
    text = page.read_text(encoding="utf-8")
    for part in ("load by bucket", "quantiles", "residuals", "<svg", "actual", "coverage of P95"):
        assert part in text
    again = call("forecast", "show", saved, "--html", page)
    assert again.code == 5
    assert "[output-exists]" in again.err
    assert page.read_text(encoding="utf-8") == text


@pytest.mark.slow
def test_a_page_is_the_same_every_time_and_shows_names_as_text(call: Call, tmp_path: Path) -> None:
    rows = [row | {"service": "<script>x</script>"} for row in rows_of(2)]
    path = write_csv(tmp_path / "odd.csv", rows)
    texts = []
    for name in ("a.html", "b.html"):
        assert call("forecast", "show", path, "--html", tmp_path / name).code == 0
        texts.append((tmp_path / name).read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    assert "<script>x" not in texts[0]


def test_import_takes_prophets_table_and_divides_it(call: Call, history: Path, tmp_path: Path) -> None:
    rows = [{"ds": f"2024-05-23 {hour:02d}:00:00", "yhat": 6, "yhat_upper": 9} for hour in range(24)]
    path = write_csv(tmp_path / "prophet.csv", rows)
    bare = call("forecast", "import", path, "--service", "chat", "-o", tmp_path / "load.csv")
    assert bare.code == 5
    assert "[time-without-zone]" in bare.err
    options = ("--service", "chat", "-o", tmp_path / "load.csv", "--utc", "--shares", history)
    answer = call("forecast", "import", path, *options)
    assert answer.code == 0
    found = read_forecast(tmp_path / "load.csv", "chat", BUCKETS, 60)
    np.testing.assert_allclose(found.rate_rps.sum(axis=1), 6.0, atol=1e-9)
    np.testing.assert_allclose(found.quantile_rate_rps[0.9].sum(axis=1), 9.0, atol=1e-5)
    other = call(
        "forecast", "import", path, "--service", "code", "-o", tmp_path / "b.csv", "--utc", "--shares", history
    )
    assert (other.code, "[forecast-shares]" in other.err) == (2, True)


def test_formats_lists_methods_and_foreign_forecasts(call: Call) -> None:
    rows = json.loads(call("formats", "-o", "json").out)
    names = {(row["direction"], row["name"]) for row in rows}
    assert {("forecast fit --method", name) for name in find_methods()} <= names
    assert {("forecast import", "prophet"), ("forecast import", "nixtla")} <= names


def test_levels_are_sorted_and_each_once() -> None:
    assert levels_in("0.9,0.5,0.9") == (0.5, 0.9)
    assert levels_in("none") == ()
