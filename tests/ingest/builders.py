"""Small valid inputs, written to a folder, that tests change in one place to make them bad."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

type Row = dict[str, object]

FIRST_WINDOW = datetime(2024, 5, 14, tzinfo=UTC)
BUCKETS = ("SA", "LA")
MEAN_TOKENS = {"SA": (160, 200), "LA": (600, 220)}
CLOCKS_MHZ = (800.0, 1400.0, 1980.0)
LOAD_LEVELS = (0.25, 0.5, 0.8, 1.0)

SCENARIO = """\
version: 1
name: tiny
window_minutes: 60
services:
  - name: chat
    model: llama-2-70b
    profile: profile.csv
    mixing: mixing.csv
    forecast: load.csv
    buckets: {input: [256, 1024], output: [null]}
    slo: {ttft_p99_ms: {S: 400, L: 900}, tbt_p99_ms: 100}
    reserve_quantile: 0.95
    pools: per-bucket
sites:
  - name: site-a
    gpus: {h100: {count: 64, per_server: 8, price_usd_per_gpu_h: 2.5, server_idle_w: 2000, unused_gpu_w: 70, released_server_w: 0}}
    grid: grid.csv
    pue: 1.2
transitions: {instance_start_s: 60, instance_start_wh: 50}
objective: {energy: 1.0}
solver: {gap: 1.0e-3, time_limit_s: 60}
"""


def stamp(window: int, minutes: float = 60) -> str:
    """Left edge of a window as the tables write it."""
    return f"{FIRST_WINDOW + timedelta(minutes=minutes * window):%Y-%m-%dT%H:%M:%SZ}"


def profile_rows() -> list[Row]:
    """2 kinds x 3 clocks x 2 buckets x (idle + 4 load levels); plausible, not measured."""
    rows: list[Row] = []
    for tp in (2, 4):
        for clock in CLOCKS_MHZ:
            for bucket in BUCKETS:
                input_tokens, output_tokens = MEAN_TOKENS[bucket]
                speed = (tp / 2) ** 0.9 * (clock / 1980) ** 0.7
                peak_rps = round((2.4 if bucket == "SA" else 1.3) * speed, 3)
                idle_w = tp * (60 + 0.02 * clock)
                span_w = tp * 380 * (clock / 1980) ** 1.6
                for level in (0.0, *LOAD_LEVELS):
                    latency = {
                        "ttft_p99_ms": round(input_tokens * 0.55 / speed / (1.35 - level), 3) if level else "",
                        "tbt_p99_ms": round((22 + 30 * level) / speed**0.5, 3) if level else "",
                    }
                    rows.append(
                        {
                            "model": "llama-2-70b",
                            "gpu": "h100",
                            "tp": tp,
                            "pp": 1,
                            "dtype": "bf16",
                            "frequency_mhz": clock,
                            "input_tokens": input_tokens,
                            "output_tokens": output_tokens,
                            "request_rate_rps": round(peak_rps * level, 4),
                            "throughput_rps": round(peak_rps * level, 4),
                            **latency,
                            "power_w": round(idle_w + span_w * level**0.6, 2),
                            "provenance": "modelled",
                            "source": "tests/ingest/builders.py",
                        }
                    )
    return rows


def mixing_rows() -> list[Row]:
    """One derate per kind and clock for instances that serve both input classes."""
    return [
        {
            "model": "llama-2-70b",
            "gpu": "h100",
            "tp": tp,
            "pp": 1,
            "dtype": "bf16",
            "frequency_mhz": clock,
            "input_classes": "S+L",
            "derate": round(0.1 + 0.02 * index, 3),
            "provenance": "modelled",
            "source": "tests/ingest/builders.py",
        }
        for tp in (2, 4)
        for index, clock in enumerate(CLOCKS_MHZ)
    ]


def forecast_rows(service: str = "chat", windows: int = 6) -> list[Row]:
    """Six hours that rise and fall, mean and P95."""
    shape = (0.3, 0.6, 1.0, 1.4, 0.9, 0.4)
    return [
        {
            "window_start": stamp(window),
            "service": service,
            "bucket": bucket,
            "rate_rps": round(base * shape[window % len(shape)], 6),
            "rate_p95_rps": round(base * shape[window % len(shape)] * 1.2, 6),
        }
        for window in range(windows)
        for bucket, base in zip(BUCKETS, (6.0, 3.5), strict=True)
    ]


def grid_rows(windows: int = 6) -> list[Row]:
    """Hourly price and carbon intensity."""
    price = (41.0, 38.5, -2.5, 22.0, 55.25, 80.0)
    carbon = (310.0, 280.0, 120.0, 150.5, 260.0, 330.0)
    return [
        {"window_start": stamp(w), "price_usd_per_mwh": price[w % 6], "carbon_g_per_kwh": carbon[w % 6]}
        for w in range(windows)
    ]


def write_csv(path: Path, rows: Sequence[Mapping[str, object]], columns: Iterable[str] | None = None) -> Path:
    """Rows as CSV; the header is line 1, the first row line 2."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(columns or rows[0]), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_tiny_scenario(folder: Path, scenario: str = SCENARIO) -> Path:
    """Write a complete valid scenario; return its scenario.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "profile.csv", profile_rows())
    write_csv(folder / "mixing.csv", mixing_rows())
    write_csv(folder / "load.csv", forecast_rows())
    write_csv(folder / "grid.csv", grid_rows())
    path = folder / "scenario.yaml"
    path.write_text(scenario, encoding="utf-8")
    return path


def write_parquet(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Rows as Parquet; an empty text becomes a null."""
    import pyarrow as pa
    import pyarrow.parquet

    columns = {name: [None if row[name] == "" else row[name] for row in rows] for name in rows[0]}
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


def changed(rows: Sequence[Row], index: int, **cells: object) -> list[Row]:
    """Rows with some cells of one row set anew."""
    return [row | cells if at == index else row for at, row in enumerate(rows)]


def mapped(rows: Sequence[Row], column: str, change: Callable[[float], object]) -> list[Row]:
    """Rows with every number of one column changed; empty cells stay empty."""
    return [row | {column: row[column] if row[column] == "" else change(float(str(row[column])))} for row in rows]
