"""Re-make the CSV tables of the examples from the raw series they rest on.

Run ``python examples/retabulate.py DATA``. ``DATA`` (or the environment variable ``DYNAMO_PLAN_DATA``) is a folder with

- ``azure-llm-2023/`` -- the two request logs of the Azure LLM inference trace 2023;
- ``azure-llm-2024/`` -- the week of the Azure LLM inference trace 2024, read off the figures that Azure published:
  30-minute totals, and per pixel column the centroid, low and high of the one-minute series;
- ``grid-2024/`` -- hourly carbon intensity (Electricity Maps) and price (CAISO) of 2024.

The same input gives the same bytes. ``azure-week/README.md`` explains every step and names sources and licences.
"""

import argparse
import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

type Series = NDArray[np.float64]

DATA_VARIABLE = "DYNAMO_PLAN_DATA"

WEEK_START = datetime(2024, 5, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
HALF_HOUR_S = 1800
HOUR_S = 3600

FIRST_PLAN_START = datetime(2024, 5, 14, tzinfo=UTC)
HOURS_PER_DAY = 24
# A seventh of the Azure service: the busiest hour of the day then asks for about 10 requests per second.
FIRST_PLAN_SCALE = 1 / 7

BUCKETS = ("SS", "SM", "SL", "MS", "MM", "ML", "LS", "LM", "LL")
INPUT_EDGES_TOKENS = (256, 1024)
OUTPUT_EDGES_TOKENS = (100, 350)

# Expected range of that many normal samples, in standard deviations (the constant d2 of control charts): a window holds
# 30 or 60 samples of the one-minute rate.
EXPECTED_RANGE = {HALF_HOUR_S: 4.086, HOUR_S: 4.639}
NORMAL_P95 = 1.645

AZURE_2023 = Path("azure-llm-2023")
AZURE_2024 = Path("azure-llm-2024")
PRICES = Path("grid-2024/standardized/US-CAL-CISO/US-CAL-CISO_electricity_prices_2024.csv")
CARBON = Path("grid-2024/carbon_intensity/US-CAL-CISO/US-CAL-CISO_2024_hourly.csv")
PRICE_COLUMN = "Price (USD/MWh)"
CARBON_COLUMN = "Carbon Intensity gCO₂eq/kWh (LCA)"


@dataclass(frozen=True, slots=True)
class Source:
    """The raw files behind one service.

    Attributes
    ----------
    service : str
        Name of the service in the tables.
    requests : Path
        Request log of 2023: ``ContextTokens``, ``GeneratedTokens``.
    half_hours : Path
        Requests per 30 minutes of the 2024 week.
    columns : Path
        Pixel columns of the one-minute series of the 2024 week.
    """

    service: str
    requests: Path
    half_hours: Path
    columns: Path


CHAT = Source(
    "chat",
    AZURE_2023 / "AzureLLMInferenceTrace_conv.csv",
    AZURE_2024 / "azure2024_conversation_30min_digitised.csv",
    AZURE_2024 / "digitized_invocations_conv.csv",
)
CODING = Source(
    "coding",
    AZURE_2023 / "AzureLLMInferenceTrace_code.csv",
    AZURE_2024 / "azure2024_coding_30min_digitised.csv",
    AZURE_2024 / "digitized_invocations_code.csv",
)
AZURE_FILES = [path for source in (CHAT, CODING) for path in (source.requests, source.half_hours, source.columns)]
RAW_FILES = (*AZURE_FILES, PRICES, CARBON)


@dataclass(frozen=True, slots=True)
class Load:
    """Arrival rate of one service in consecutive windows of equal length.

    Attributes
    ----------
    service : str
        Name of the service.
    start : datetime
        Left edge of the first window, UTC.
    window_s : int
        Length of a window [s].
    mean_rps : Series
        Mean rate [1/s], shape (window,).
    p95_rps : Series
        95th percentile of the one-minute rate within the window [1/s], shape (window,).
    """

    service: str
    start: datetime
    window_s: int
    mean_rps: Series
    p95_rps: Series


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with a header line."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file with Unix line ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def utc(text: str) -> datetime:
    """Parse an ISO 8601 time; the raw files that name no zone are in UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """Write a time as the canonical tables do: UTC, ISO 8601, with Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def window_index(text: str, window_s: int) -> int:
    """Index of the window of the week that holds a time.

    The coding series covers 10 to 16 May: what lies before the week is taken one week later, on the same weekday.

    Raises
    ------
    ValueError
        If the time lies outside the week even so.
    """
    moment = utc(text)
    offset = (moment if moment >= WEEK_START else moment + WEEK) - WEEK_START
    if not timedelta(0) <= offset < WEEK:
        raise ValueError(f"{text} is outside the week from {stamp(WEEK_START)}")
    return offset // timedelta(seconds=window_s)


def bucket_counts(requests: Path) -> NDArray[np.int64]:
    """Count the requests of a log per bucket, in the order of `BUCKETS`.

    The long input class has no upper edge here: a request of 8,192 input tokens or more counts as L.
    """
    rows = read_rows(requests)
    inputs = np.digitize([int(row["ContextTokens"]) for row in rows], INPUT_EDGES_TOKENS)
    outputs = np.digitize([int(row["GeneratedTokens"]) for row in rows], OUTPUT_EDGES_TOKENS)
    return np.bincount(inputs * (len(OUTPUT_EDGES_TOKENS) + 1) + outputs, minlength=len(BUCKETS))


def half_hourly_rate(half_hours: Path) -> Series:
    """Mean rate in each half hour of the week [1/s], shape (window,).

    Raises
    ------
    ValueError
        If a half hour is missing or given twice.
    """
    rows = read_rows(half_hours)
    index = [window_index(row["window_start_utc"], HALF_HOUR_S) for row in rows]
    if sorted(index) != list(range(WEEK // timedelta(seconds=HALF_HOUR_S))):
        raise ValueError(f"{half_hours}: not every half hour of the week exactly once")
    rate = np.empty(len(rows))
    rate[index] = [float(row["requests_in_window_est"]) / HALF_HOUR_S for row in rows]
    return rate


def p95_over_mean(columns: Path, window_s: int) -> Series:
    """Ratio of the P95 of the one-minute rate to its mean in each window of the week [1], shape (window,).

    The range of the one-minute rate in a window is the highest high less the lowest low of its pixel columns. It gives
    the standard deviation of 30 or 60 samples, and that the P95 as of a normal distribution, but never above the
    highest high.
    """
    rows = read_rows(columns)
    index = np.array([window_index(row["timestamp_utc"], window_s) for row in rows])
    centre = np.array([float(row["invocations_per_min"]) for row in rows])
    low = np.array([float(row["low_in_pixel_column"]) for row in rows])
    high = np.array([float(row["high_in_pixel_column"]) for row in rows])
    ratio = np.empty(WEEK // timedelta(seconds=window_s))
    for window in range(len(ratio)):
        here = index == window
        mean, highest = centre[here].mean(), high[here].max()
        deviation = (highest - low[here].min()) / EXPECTED_RANGE[window_s]
        ratio[window] = min(mean + NORMAL_P95 * deviation, highest) / mean
    return ratio


def week_load(data: Path, source: Source) -> Load:
    """Half-hourly load of a service over the week."""
    mean_rps = half_hourly_rate(data / source.half_hours)
    p95_rps = mean_rps * p95_over_mean(data / source.columns, HALF_HOUR_S)
    return Load(source.service, WEEK_START, HALF_HOUR_S, mean_rps, p95_rps)


def first_plan_load(data: Path) -> Load:
    """Hourly chat load of the day of the first plan, scaled down."""
    hourly_rps = half_hourly_rate(data / CHAT.half_hours).reshape(-1, HOUR_S // HALF_HOUR_S).mean(axis=1)
    first = (FIRST_PLAN_START - WEEK_START) // timedelta(seconds=HOUR_S)
    day = slice(first, first + HOURS_PER_DAY)
    mean_rps = FIRST_PLAN_SCALE * hourly_rps[day]
    p95_rps = mean_rps * p95_over_mean(data / CHAT.columns, HOUR_S)[day]
    return Load(CHAT.service, FIRST_PLAN_START, HOUR_S, mean_rps, p95_rps)


def number(value: float) -> str:
    """Write a number with 6 significant digits: finer than anything that was read off a figure."""
    return f"{value:.6g}"


def write_load(path: Path, load: Load, counts: NDArray[np.int64]) -> None:
    """Write a forecast table: the load of each window, split by the shares of `counts`."""
    times = [stamp(load.start + timedelta(seconds=load.window_s * window)) for window in range(len(load.mean_rps))]
    rows = (
        (time, load.service, bucket, number(mean * share), number(p95 * share))
        for time, mean, p95 in zip(times, load.mean_rps, load.p95_rps, strict=True)
        for bucket, share in zip(BUCKETS, counts / counts.sum(), strict=True)
    )
    write_rows(path, ("window_start", "service", "bucket", "rate_rps", "rate_p95_rps"), rows)


def hourly_carbon(path: Path) -> dict[datetime, str]:
    """Life-cycle carbon intensity of each hour [g/kWh]."""
    return {utc(row["Datetime (UTC)"]): number(float(row[CARBON_COLUMN])) for row in read_rows(path)}


def hourly_price(path: Path) -> dict[datetime, str]:
    """Price of each hour [USD/MWh].

    CAISO's times were already UTC when the publisher of the file took them for Pacific time and converted them once more.
    What the file calls local time is therefore UTC, and its UTC column is 7 hours late in May.
    """
    rows = read_rows(path)
    return {utc(row["Datetime (Local)"]).replace(tzinfo=UTC): number(float(row[PRICE_COLUMN])) for row in rows}


def write_grid(path: Path, data: Path, start: datetime, hours: int) -> None:
    """Write a grid table: hourly price and life-cycle carbon intensity of CAISO."""
    price, carbon = hourly_price(data / PRICES), hourly_carbon(data / CARBON)
    times = [start + timedelta(hours=hour) for hour in range(hours)]
    rows = ((stamp(time), price[time], carbon[time]) for time in times)
    write_rows(path, ("window_start", "price_usd_per_mwh", "carbon_g_per_kwh"), rows)


def retabulate(data: Path, into: Path) -> None:
    """Write every CSV table of the examples.

    Parameters
    ----------
    data : Path
        Folder of the raw series.
    into : Path
        Folder that holds `azure-week`, `first-plan` and `from-benchmarks`.
    """
    week, day = into / "azure-week", into / "first-plan"
    chat, coding = bucket_counts(data / CHAT.requests), bucket_counts(data / CODING.requests)
    write_load(week / "load-chat.csv", week_load(data, CHAT), chat)
    write_load(week / "load-coding.csv", week_load(data, CODING), coding)
    write_load(day / "load-chat.csv", first_plan_load(data), chat)
    write_grid(week / "grid.csv", data, WEEK_START, WEEK // timedelta(hours=1))
    write_grid(day / "grid.csv", data, FIRST_PLAN_START, HOURS_PER_DAY)
    write_grid(into / "from-benchmarks" / "grid.csv", data, WEEK_START + WEEK, HOURS_PER_DAY)


def main() -> None:
    """Read the command line and write the tables."""
    parser = argparse.ArgumentParser(description="Re-make the CSV tables of the examples from the raw series.")
    parser.add_argument("data", nargs="?", default=os.environ.get(DATA_VARIABLE), help=f"default: ${DATA_VARIABLE}")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="default: the folder of this script")
    arguments = parser.parse_args()
    if not arguments.data:
        parser.error(f"give the folder of the raw series, or set {DATA_VARIABLE}")
    data = Path(arguments.data)
    if missing := [str(data / path) for path in RAW_FILES if not (data / path).is_file()]:
        parser.error("missing raw files: " + ", ".join(missing))
    retabulate(data, arguments.into)


if __name__ == "__main__":
    main()
