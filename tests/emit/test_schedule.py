"""The schedule says what the plan says, row by row and in sum."""

from __future__ import annotations

import csv
import math
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from dynamo_plan.emit.schedule import ScheduleRow, power_limit_w, schedule_rows, write_csv, write_parquet
from tests.emit.sample import GROUPS, sample_plan

COLUMNS = [
    "window_start",
    "window_s",
    "site",
    "service",
    "pool",
    "buckets",
    "gpu",
    "tp",
    "pp",
    "dtype",
    "frequency_mhz",
    "power_limit_w",
    "instances",
    "gpus",
    "rate_rps",
    "utilisation",
    "power_w",
    "energy_kwh",
    "bucket_rates_rps",
]


def test_columns_are_the_contract() -> None:
    assert [field.name for field in fields(ScheduleRow)] == COLUMNS


def test_groups_of_one_clock_are_one_row() -> None:
    row = next(row for row in schedule_rows(sample_plan()) if row.pool == "chat/SS")
    assert row == ScheduleRow(
        window_start=datetime(2024, 5, 14, tzinfo=UTC),
        window_s=3600,
        site="site-a",
        service="chat",
        pool="chat/SS",
        buckets="SS+SM",
        gpu="h100",
        tp=2,
        pp=1,
        dtype="bf16",
        frequency_mhz=1200.0,
        power_limit_w=376,  # 1500.5 W over 2 x 2 GPUs is 375.125 W; the other group needs 250.1 W
        instances=3,
        gpus=6,
        rate_rps=7.0,
        utilisation=7.0 / 12.0,  # 3 instances of 4 /s
        power_w=2000.75,
        energy_kwh=2.00075,
    )


def test_rows_are_ordered_and_unique() -> None:
    keys = [(row.window_start, row.pool, row.gpu, row.tp, row.frequency_mhz) for row in schedule_rows(sample_plan())]
    assert keys == sorted(set(keys))
    assert len(keys) == 6


def test_order_of_groups_does_not_matter() -> None:
    assert schedule_rows(replace(sample_plan(), groups=GROUPS[::-1])) == schedule_rows(sample_plan())


def test_sums_are_the_plans() -> None:
    rows = schedule_rows(sample_plan())
    assert sum(row.instances for row in rows) == sum(group.instances for group in GROUPS)
    assert sum(row.gpus for row in rows) == sum(group.instances * group.kind.gpus for group in GROUPS)
    assert sum(row.rate_rps for row in rows) == pytest.approx(sum(group.instances * group.rate_rps for group in GROUPS))
    assert sum(row.energy_kwh for row in rows) == pytest.approx(math.fsum(group.power_w for group in GROUPS) / 1000)


def test_energy_follows_the_window_length() -> None:
    half = schedule_rows(replace(sample_plan(), window_s=1800))
    whole = schedule_rows(sample_plan())
    assert [row.energy_kwh for row in half] == [row.energy_kwh / 2 for row in whole]
    assert half[-1].window_start == datetime(2024, 5, 14, 1, 30, tzinfo=UTC)


def test_a_power_limit_never_throttles_the_mean() -> None:
    for group in GROUPS:
        limit = power_limit_w(group)
        assert limit is not None
        assert limit * group.instances * group.kind.gpus >= group.power_w
        assert (limit - 1) * group.instances * group.kind.gpus < group.power_w


def test_routed_groups_add_up_per_bucket() -> None:
    """Two instances at 1.0 and 0.5 requests/s of SS and SM, and one idle."""
    routed = replace(GROUPS[0], rate_rps=1.5, bucket_rates_rps=(1.0, 0.5))
    idle = replace(GROUPS[1], rate_rps=0.0, utilisation=0.0, bucket_rates_rps=(0.0, 0.0))
    (row,) = schedule_rows(replace(sample_plan(), groups=(routed, idle)))
    assert row.bucket_rates_rps == "2.0+1.0"
    assert (row.instances, row.rate_rps, row.utilisation) == (3, 3.0, 0.5)


def test_what_the_profile_does_not_say_stays_empty(tmp_path: Path) -> None:
    silent = replace(GROUPS[0], frequency_mhz=0.0, power_w=0.0)
    rows = schedule_rows(replace(sample_plan(), groups=(silent,)))
    assert (rows[0].frequency_mhz, rows[0].power_limit_w) == (None, None)
    write_csv(rows, tmp_path / "s.csv")
    write_parquet(rows, tmp_path / "s.parquet")
    with (tmp_path / "s.csv").open() as file:
        (text,) = csv.DictReader(file)
    assert (text["frequency_mhz"], text["power_limit_w"]) == ("", "")
    (record,) = parquet.read_table(tmp_path / "s.parquet").to_pylist()
    assert (record["frequency_mhz"], record["power_limit_w"]) == (None, None)


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    rows = schedule_rows(sample_plan())
    write_csv(rows, tmp_path / "s.csv")
    write_parquet(rows, tmp_path / "s.parquet")
    table = parquet.read_table(tmp_path / "s.parquet")
    with (tmp_path / "s.csv").open() as file:
        texts = list(csv.DictReader(file))
    assert table.column_names == list(texts[0]) == COLUMNS
    assert table.schema.field("window_start").type == pa.timestamp("ms", tz="UTC")
    for text, record, row in zip(texts, table.to_pylist(), rows, strict=True):
        assert text["window_start"] == f"{row.window_start:%Y-%m-%dT%H:%M:%SZ}"
        assert record["window_start"] == row.window_start
        for name in COLUMNS[1:]:
            value = getattr(row, name)
            assert record[name] == value
            assert type(value)(text[name]) == value


def test_a_plan_without_instances_has_an_empty_schedule(tmp_path: Path) -> None:
    rows = schedule_rows(replace(sample_plan(), groups=()))
    write_csv(rows, tmp_path / "s.csv")
    write_parquet(rows, tmp_path / "s.parquet")
    assert (tmp_path / "s.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert parquet.read_table(tmp_path / "s.parquet").num_rows == 0
