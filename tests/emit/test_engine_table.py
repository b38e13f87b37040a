"""The engine table as written: read again it is the same."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.emit.engine_table import COLUMNS, write_engine_table
from dynamo_plan.errors import InputError, UsageError
from dynamo_plan.ingest import read_engine_table
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.engine_table import EngineEntry, EngineTable, Evidence
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ, Provenance


def entry(tp: int, clocks: tuple[float, ...] = (1000.0, 1980.0)) -> EngineEntry:
    """An engine of odd numbers, so that none is written right by chance."""
    draw = np.random.default_rng(tp)
    count = len(clocks)
    costs = EngineModel(
        name=f"llama on h100-tp{tp}-bf16",
        frequency_mhz=np.array(clocks),
        batch=np.array([0.0, 1.0, 32.0]),
        iteration_s=draw.uniform(0.01, 0.1, (count, 3)),
        context_s=draw.uniform(1e-9, 1e-7, (count, 3)),
        prefill_tokens=np.array([1.0, 100.0]),
        prefill_s=draw.uniform(0.0, 0.1, (count, 2)),
        overhead_s=draw.uniform(0.0, 0.1, count),
        attention_s=draw.uniform(0.0, 1e-9, count),
        idle_power_w=draw.uniform(100.0, 200.0, count),
        decode_power_w=draw.uniform(300.0, 400.0, (count, 3)),
        prefill_power_w=draw.uniform(500.0, 700.0, (count, 2)),
        host_power_w=float(draw.uniform(0.0, 300.0)),
        kv_tokens=4097,
    )
    sources = (
        ("measured", "a, b"),
        ("fitted", 'the "c"'),
        ("fitted", "d"),
        ("modelled", "e"),
        ("composed", "f"),
        ("measured", "g"),
    )
    rows = tuple(Evidence(Provenance(how), source) for how, source in sources)
    return EngineEntry("llama", Kind("h100", tp, 1, "bf16"), costs, 2048, 128, tp == 2, (rows,) * count)


@pytest.mark.parametrize("name", ["e.csv", "e.parquet"])
def test_what_is_written_reads_the_same(tmp_path: Path, name: str) -> None:
    table = EngineTable("", (entry(2), entry(4)))
    write_engine_table(table, tmp_path / name)
    read = read_engine_table(tmp_path / name)
    assert len(read.entries) == len(table.entries)
    for ours, theirs in zip(table.entries, read.entries, strict=True):
        for field in fields(EngineEntry):
            if field.name != "costs":
                assert getattr(ours, field.name) == getattr(theirs, field.name)
        for field in fields(EngineModel):
            np.testing.assert_array_equal(getattr(ours.costs, field.name), getattr(theirs.costs, field.name))


def test_clocks_that_were_not_locked_stay_so(tmp_path: Path) -> None:
    write_engine_table(EngineTable("", (entry(2, (NOT_LOCKED_MHZ,)),)), tmp_path / "e.csv")
    (read,) = read_engine_table(tmp_path / "e.csv").entries
    assert read.costs.frequency_mhz.tolist() == [NOT_LOCKED_MHZ]


def test_columns_are_in_the_order_of_the_manual(tmp_path: Path) -> None:
    write_engine_table(EngineTable("", (entry(2),)), tmp_path / "e.csv")
    header = (tmp_path / "e.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.replace('"', "").split(",") == list(COLUMNS)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    table = EngineTable("", (entry(2),))
    write_engine_table(table, tmp_path / "e.csv")
    with pytest.raises(InputError):
        write_engine_table(table, tmp_path / "e.csv")
    write_engine_table(table, tmp_path / "e.csv", force=True)


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_engine_table(EngineTable("", (entry(2),)), tmp_path / "e.txt")


def test_evidence_is_one_per_row() -> None:
    one = entry(2)
    with pytest.raises(ValueError, match="a clock has 6 rows"):
        EngineEntry("llama", one.kind, one.costs, 1, 1, True, one.evidence[:1])
