"""The example tables: complete, true to the published totals, and re-made byte for byte from the raw series."""

import csv
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

type Table = NDArray[np.float64]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TABLES = sorted(path.relative_to(EXAMPLES) for path in EXAMPLES.glob("*/*.csv"))
BUCKETS = ["SS", "SM", "SL", "MS", "MM", "ML", "LS", "LM", "LL"]
SIGNIFICANT_DIGITS = 1e-5  # the tables carry 6 significant digits: a sum of nine rates is off by less than this
WEEK_TOTAL_TOLERANCE = 1e-4  # the digitised week is scaled to the true row count; rounding to whole requests remains

EXPECTED_FILES = [
    "azure-week/grid.csv",
    "azure-week/load-chat.csv",
    "azure-week/load-coding.csv",
    "first-plan/grid.csv",
    "first-plan/load-chat.csv",
    "from-benchmarks/grid.csv",
]


class Case(NamedTuple):
    """One forecast table and the span that it must cover."""

    path: str
    service: str
    start: datetime
    windows: int
    window_s: int


CHAT = Case("azure-week/load-chat.csv", "chat", datetime(2024, 5, 12, tzinfo=UTC), 336, 1800)
CODING = Case("azure-week/load-coding.csv", "coding", datetime(2024, 5, 12, tzinfo=UTC), 336, 1800)
FIRST_PLAN = Case("first-plan/load-chat.csv", "chat", datetime(2024, 5, 14, tzinfo=UTC), 24, 3600)
LOADS = [CHAT, CODING, FIRST_PLAN]


def rows(path: str) -> list[dict[str, str]]:
    with (EXAMPLES / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def window_starts(start: datetime, windows: int, window_s: int) -> list[str]:
    return [f"{start + timedelta(seconds=i * window_s):%Y-%m-%dT%H:%M:%SZ}" for i in range(windows)]


def rates(case: Case, column: str) -> Table:
    """Rates of a forecast table, shape (window, bucket) [1/s]."""
    return np.array([float(row[column]) for row in rows(case.path)]).reshape(case.windows, len(BUCKETS))


def raw_data() -> Path:
    """Folder of the raw series; skips the test where there is none."""
    folder = Path(os.environ.get("DYNAMO_PLAN_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "azure-llm-2024").is_dir():
        pytest.skip(f"no raw series in {folder}: set DYNAMO_PLAN_DATA to their folder")
    return folder


def test_the_tables_are_the_expected_ones() -> None:
    assert [path.as_posix() for path in TABLES] == EXPECTED_FILES


@pytest.mark.parametrize("case", LOADS, ids=lambda case: str(case.path))
def test_a_forecast_has_every_window_and_bucket_once_and_in_order(case: Case) -> None:
    table = rows(case.path)
    assert list(table[0]) == ["window_start", "service", "bucket", "rate_rps", "rate_p95_rps"]
    starts = window_starts(case.start, case.windows, case.window_s)
    expected = [(start, case.service, bucket) for start in starts for bucket in BUCKETS]
    assert [(row["window_start"], row["service"], row["bucket"]) for row in table] == expected


@pytest.mark.parametrize("case", LOADS, ids=lambda case: str(case.path))
def test_rates_are_positive_and_p95_is_not_below_the_mean(case: Case) -> None:
    mean, p95 = rates(case, "rate_rps"), rates(case, "rate_p95_rps")
    assert np.isfinite(mean).all()
    assert (mean > 0).all()
    assert (p95 >= mean).all()
    assert (p95 <= 2 * mean).all()  # more would be a slip of units: the figures show at most 1.6


@pytest.mark.parametrize(
    ("path", "start", "hours"),
    [
        ("azure-week/grid.csv", CHAT.start, 168),
        ("first-plan/grid.csv", FIRST_PLAN.start, 24),
        ("from-benchmarks/grid.csv", CHAT.start + timedelta(days=7), 24),
    ],
)
def test_a_grid_table_has_every_hour_once_and_in_order(path: str, start: datetime, hours: int) -> None:
    table = rows(path)
    assert list(table[0]) == ["window_start", "price_usd_per_mwh", "carbon_g_per_kwh"]
    assert [row["window_start"] for row in table] == window_starts(start, hours, 3600)


def test_the_grid_week_is_that_of_caiso() -> None:
    table = rows("azure-week/grid.csv")
    carbon = np.array([float(row["carbon_g_per_kwh"]) for row in table])
    price = np.array([float(row["price_usd_per_mwh"]) for row in table])
    assert carbon.mean() == pytest.approx(141.24, abs=0.01)  # life cycle; the direct intensity is 98.67
    assert carbon.min() > 0
    negative = [row["window_start"] for row in table if float(row["price_usd_per_mwh"]) < 0]
    assert len(negative) == 19  # negative prices are real and stay
    # California's sun: 08:00 to 16:59 Pacific daylight time. The publisher's own UTC column puts them into the night.
    assert {int(start[11:13]) for start in negative} <= set(range(15, 24))
    assert np.corrcoef(price, carbon)[0, 1] > 0.7  # 0.10 with the prices 7 hours late


def test_the_grid_day_is_cut_from_the_grid_week() -> None:
    week = {row["window_start"]: row for row in rows("azure-week/grid.csv")}
    assert all(week[row["window_start"]] == row for row in rows("first-plan/grid.csv"))


@pytest.mark.parametrize(("case", "requests"), [(CHAT, 27_303_999), (CODING, 16_803_695)])
def test_the_week_holds_the_true_number_of_requests(case: Case, requests: int) -> None:
    assert rates(case, "rate_rps").sum() * case.window_s == pytest.approx(requests, rel=WEEK_TOTAL_TOLERANCE)


@pytest.mark.parametrize(
    ("case", "over_mean", "over_valley", "published_over_mean", "published_over_valley"),
    [(CHAT, 1.70, 3.75, 1.7, 3.3), (CODING, 3.06, 33.5, 2.8, 34.6)],
)
def test_the_shape_of_the_week_is_the_published_one(
    case: Case, over_mean: float, over_valley: float, published_over_mean: float, published_over_valley: float
) -> None:
    total = rates(case, "rate_rps").sum(axis=1)
    peak_over_mean, peak_over_valley = total.max() / total.mean(), total.max() / total.min()
    assert peak_over_mean == pytest.approx(over_mean, abs=0.005)
    assert peak_over_valley == pytest.approx(over_valley, abs=0.05)
    # DynamoLLM's own figures; its averaging interval is not stated, hence the room.
    assert peak_over_mean == pytest.approx(published_over_mean, rel=0.10)
    assert peak_over_valley == pytest.approx(published_over_valley, rel=0.14)


# Hourly peak over trough of each day, from the full trace; the coding days of 10 and 11 May stand last.
CHAT_DAYS = [1.8, 1.8, 1.9, 2.0, 2.0, 2.2, 1.7]
CODING_DAYS = [5.9, 10.0, 11.3, 11.1, 9.1, 8.6, 7.0]


@pytest.mark.parametrize(("case", "peak_over_trough"), [(CHAT, CHAT_DAYS), (CODING, CODING_DAYS)])
def test_every_day_has_its_published_peak_over_trough(case: Case, peak_over_trough: list[float]) -> None:
    days = rates(case, "rate_rps").sum(axis=1).reshape(7, 24, 2).mean(axis=2)
    # Weekend nights of coding lie a few pixels above the axis, hence 11 %.
    np.testing.assert_allclose(days.max(axis=1) / days.min(axis=1), peak_over_trough, rtol=0.11)


def test_the_first_ten_coding_hours_are_those_of_10_may_one_week_later() -> None:
    exact = [77540, 76895, 66953, 57781, 46575, 38670, 32595, 29267, 25758, 28504]  # requests, full trace
    hours = rates(CODING, "rate_rps").sum(axis=1).reshape(168, 2).mean(axis=1) * 3600
    first = 5 * 24  # 17 May 00:00
    np.testing.assert_allclose(hours[first : first + 10], exact, rtol=0.03)


# Percent of the requests of the 2023 hour in each bucket.
CHAT_MIX = [3.58, 9.80, 0.05, 19.00, 10.41, 7.74, 15.09, 8.77, 25.56]
CODING_MIX = [15.44, 0.51, 0.10, 20.74, 1.01, 0.06, 59.44, 2.35, 0.35]


@pytest.mark.parametrize(("case", "mix_pct"), [(CHAT, CHAT_MIX), (CODING, CODING_MIX), (FIRST_PLAN, CHAT_MIX)])
@pytest.mark.parametrize("column", ["rate_rps", "rate_p95_rps"])
def test_the_bucket_mix_is_that_of_the_2023_hour_in_every_window(case: Case, mix_pct: list[float], column: str) -> None:
    rate = rates(case, column)
    share = rate / rate.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(share, np.broadcast_to(share[0], share.shape), rtol=SIGNIFICANT_DIGITS)
    np.testing.assert_allclose(100 * share[0], mix_pct, atol=0.0051)  # published to 0.01 %
    assert sum(mix_pct) == pytest.approx(100, abs=0.05)


def test_the_first_plan_is_a_seventh_of_the_azure_day() -> None:
    week = rates(CHAT, "rate_rps").reshape(168, 2, len(BUCKETS)).mean(axis=1)
    np.testing.assert_allclose(rates(FIRST_PLAN, "rate_rps"), week[48:72] / 7, rtol=SIGNIFICANT_DIGITS)


@pytest.mark.data
def test_the_tables_are_remade_byte_for_byte(tmp_path: Path) -> None:
    script = EXAMPLES / "retabulate.py"
    command = [sys.executable, "-B", str(script), str(raw_data()), "--into", str(tmp_path)]
    subprocess.run(command, check=True)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.glob("*/*.csv")) == TABLES
    for path in TABLES:
        assert (tmp_path / path).read_bytes() == (EXAMPLES / path).read_bytes(), path


@pytest.mark.data
def test_the_lengths_are_those_of_the_conversation_log(tmp_path: Path) -> None:
    log = raw_data() / "azure-llm-2023" / "AzureLLMInferenceTrace_conv.csv"
    arguments = ["-o", str(tmp_path / "conv.csv"), "--service", "chat", "--buckets", "256,1024,8192/100,350,null"]
    command = [sys.executable, "-m", "dynamo_plan", "forecast", "build", str(log), *arguments, "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    remade = (tmp_path / "conv.requests.json").read_bytes()
    assert remade == (EXAMPLES / "from-benchmarks" / "lengths.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "set DYNAMO_PLAN_DATA"), (["no-such-folder"], "missing raw files: no-such-folder")],
    ids=["none given", "absent"],
)
def test_retabulate_says_which_raw_data_are_missing(arguments: list[str], message: str, tmp_path: Path) -> None:
    script = EXAMPLES / "retabulate.py"
    environment = {name: value for name, value in os.environ.items() if name != "DYNAMO_PLAN_DATA"}
    command = [sys.executable, "-B", str(script), *arguments, "--into", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.data
@pytest.mark.parametrize(
    ("log", "lowest", "highest"),
    [("AzureLLMInferenceTrace_conv.csv", 0.93, 1.04), ("AzureLLMInferenceTrace_code.csv", 0.85, 1.07)],
)
def test_p95_from_the_range_is_near_the_true_p95_of_the_2023_hour(log: str, lowest: float, highest: float) -> None:
    """The estimate behind `rate_p95_rps`, on every half hour of a log whose minutes are known."""
    with (raw_data() / "azure-llm-2023" / log).open(encoding="utf-8", newline="") as file:
        # The log has 7 digits of a second, Python reads 6.
        arrivals = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in csv.DictReader(file)]
    minute = [int((arrival - arrivals[0]).total_seconds() // 60) for arrival in arrivals]
    per_minute = np.bincount(minute)[:-1]  # the last minute is not full
    windows = np.lib.stride_tricks.sliding_window_view(per_minute, 30)
    estimate = windows.mean(axis=1) + 1.645 * np.ptp(windows, axis=1) / 4.086
    ratio = estimate / np.percentile(windows, 95, axis=1)
    assert ratio.min() > lowest
    assert ratio.max() < highest
