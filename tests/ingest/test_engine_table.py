"""The engine table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.ingest import read_engine_table
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ, Provenance
from tests.ingest.builders import Row, changed, write_csv, write_parquet
from tests.ingest.faultcase import check, faults_of, only_fault

KIND = Kind("h100", 4, 1, "bf16")
EMPTY = dict.fromkeys(
    (
        *("batch", "iteration_s", "context_s_per_token", "prompt_tokens", "prefill_s", "overhead_s"),
        *("attention_s_per_pair", "host_power_w", "kv_tokens", "chunk_tokens", "max_batch", "prefill_first"),
    ),
    "",
)
# Rows of one clock: the instance, batches 0 and 8, prompts of 16 and 512 tokens.
INSTANCE, IDLE_BATCH, BATCH, SHORT, LONG, CLOCK_ROWS = 0, 1, 2, 3, 4, 5


def engine_rows() -> list[Row]:
    """One kind at two clocks; plausible, not measured."""
    rows: list[Row] = []
    for clock, slow in ((1000.0, 1.5), (2000.0, 1.0)):
        parts: list[Row] = [
            {
                "part": "instance",
                "power_w": 300.0 / slow,
                "overhead_s": 0.002 * slow,
                "attention_s_per_pair": 1e-10 * slow,
                "host_power_w": 250.0,
                "kv_tokens": 4096,
                "chunk_tokens": 512,
                "max_batch": 8,
                "prefill_first": 0,
            }
        ]
        for batch, time_s in ((0, 0.01), (8, 0.02)):
            own = {"batch": batch, "iteration_s": time_s * slow, "context_s_per_token": 2e-8 * slow}
            parts.append({"part": "decode", "power_w": (900.0 + batch) / slow, **own})
        for tokens, time_s in ((16, 0.001), (512, 0.04)):
            own = {"prompt_tokens": tokens, "prefill_s": time_s * slow}
            parts.append({"part": "prefill", "power_w": (2000.0 + tokens) / slow, **own})
        for number, part in enumerate(parts):
            rows.append(
                {"model": "llama-2-70b", "gpu": "h100", "tp": 4, "pp": 1, "dtype": "bf16", "frequency_mhz": clock}
                | EMPTY
                | part
                | {"provenance": "modelled", "source": f"tests, row {number}"}
            )
    return rows


def three_clocks() -> list[Row]:
    return [*engine_rows(), *(row | {"frequency_mhz": 1500.0} for row in engine_rows()[:CLOCK_ROWS])]


def test_rows_make_an_engine(tmp_path: Path) -> None:
    table = read_engine_table(write_csv(tmp_path / "e.csv", engine_rows()[::-1]))  # in any order
    entry = table.of("llama-2-70b", KIND)
    assert entry is not None
    costs = entry.costs
    assert costs.frequency_mhz.tolist() == [1000.0, 2000.0]
    assert costs.batch.tolist() == [0.0, 8.0]
    np.testing.assert_allclose(costs.iteration_s, [[0.015, 0.03], [0.01, 0.02]])
    np.testing.assert_allclose(costs.context_s, [[3e-8, 3e-8], [2e-8, 2e-8]])
    np.testing.assert_allclose(costs.prefill_s, [[0.0015, 0.06], [0.001, 0.04]])
    np.testing.assert_allclose(costs.overhead_s, [0.003, 0.002])
    np.testing.assert_allclose(costs.attention_s, [1.5e-10, 1e-10])
    np.testing.assert_allclose(costs.idle_power_w, [200.0, 300.0])
    np.testing.assert_allclose(costs.decode_power_w[1], [900.0, 908.0])
    np.testing.assert_allclose(costs.prefill_power_w[1], [2016.0, 2512.0])
    assert (costs.host_power_w, costs.kv_tokens) == (250.0, 4096)
    assert (entry.chunk_tokens, entry.max_batch, entry.prefill_first) == (512, 8, False)
    assert {one.provenance for at in entry.evidence for one in at} == {Provenance.MODELLED}
    assert [one.source for one in entry.evidence[1]] == [f"tests, row {number}" for number in range(CLOCK_ROWS)]
    assert table.of("llama-2-70b", Kind("h100", 8, 1, "bf16")) is None


def test_parquet_reads_the_same_as_csv(tmp_path: Path) -> None:
    csv = read_engine_table(write_csv(tmp_path / "e.csv", engine_rows()))
    parquet = read_engine_table(write_parquet(tmp_path / "e.parquet", engine_rows()))
    assert csv.entries[0].evidence == parquet.entries[0].evidence
    np.testing.assert_array_equal(csv.entries[0].costs.prefill_s, parquet.entries[0].costs.prefill_s)


def test_several_kinds_are_told_apart_and_sorted(tmp_path: Path) -> None:
    rows = [row | {"tp": tp} for tp in (8, 2) for row in engine_rows()]
    entries = read_engine_table(write_csv(tmp_path / "e.csv", rows)).entries
    assert [entry.kind.tp for entry in entries] == [2, 8]


def test_clocks_may_be_unlocked(tmp_path: Path) -> None:
    rows = [row | {"frequency_mhz": ""} for row in engine_rows()[:CLOCK_ROWS]]
    (entry,) = read_engine_table(write_csv(tmp_path / "e.csv", rows)).entries
    assert entry.costs.frequency_mhz.tolist() == [NOT_LOCKED_MHZ]


@pytest.mark.parametrize(
    ("row", "cells", "code", "column", "parts"),
    [
        (BATCH, {"part": "decoding"}, "engine-part", "part", ["'decoding'", "Did you mean decode?"]),
        (BATCH, {"provenance": "guessed"}, "engine-provenance", "provenance", ["'guessed'"]),
        (BATCH, {"dtype": "fp8"}, "engine-dtype", "dtype", ["fp8_e4m3"]),
        (BATCH, {"tp": 1.5}, "engine-parallelism", "tp", ["1.5 is not a count"]),
        (BATCH, {"frequency_mhz": -1}, "engine-frequency", "frequency_mhz", ["-1 MHz is below 0"]),
        (BATCH, {"frequency_mhz": 1.98}, "unit-frequency", "frequency_mhz", ["looks like GHz"]),
        (BATCH, {"iteration_s": ""}, "engine-cell-missing", "iteration_s", ["part decode needs batch, iteration_s"]),
        (BATCH, {"prefill_s": 0.1}, "engine-cell-foreign", "prefill_s", ["part decode has no such number"]),
        (BATCH, {"context_s_per_token": -1e-9}, "engine-negative", "context_s_per_token", ["is below 0"]),
        (BATCH, {"power_w": -5}, "engine-negative", "power_w", ["-5 W is below 0"]),
        (BATCH, {"batch": 2.5}, "engine-count", "batch", ["2.5 is no batch"]),
        (BATCH, {"iteration_s": 0}, "engine-iteration", "iteration_s", ["0 s is 0"]),
        (BATCH, {"iteration_s": 30}, "engine-iteration", "iteration_s", ["30 s", "looks like ms"]),
        (SHORT, {"prompt_tokens": 0}, "engine-count", "prompt_tokens", ["0 is not a count"]),
        (INSTANCE, {"kv_tokens": 0}, "engine-count", "kv_tokens", ["0 is not a count"]),
        (INSTANCE, {"prefill_first": 2}, "engine-count", "prefill_first", ["2 is neither 0 nor 1"]),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, row: int, cells: Row, code: str, column: str, parts: list[str]) -> None:
    path = write_csv(tmp_path / "e.csv", changed(engine_rows(), row, **cells))
    only_fault(lambda: read_engine_table(path), code, f"e.csv:{row + 2} {column}", *parts)


@pytest.mark.parametrize(
    ("rows", "code", "column", "parts"),
    [
        ([*engine_rows(), engine_rows()[BATCH]], "engine-duplicate", "part", ["repeats line 4"]),
        (engine_rows()[1:], "engine-part-missing", "part", ["no row of part instance at 1000 MHz"]),
        (engine_rows()[:-2], "engine-part-missing", "part", ["no row of part prefill at 2000 MHz"]),
        (engine_rows()[:-1], "engine-sizes-differ", "prompt_tokens", ["2000 MHz lacks 512"]),
        (
            changed(three_clocks(), BATCH, batch=9),
            "engine-sizes-differ",
            "batch",
            ["1000 MHz lacks 8 and alone has 9"],
        ),
        (
            [row for row in engine_rows() if row["batch"] != 0],
            "engine-batch-zero",
            "batch",
            ["batches begin at 8", "prefill only"],
        ),
        (
            changed(engine_rows(), CLOCK_ROWS, kv_tokens=99),
            "engine-kind-differs",
            "kv_tokens",
            ["99", "line 2", "4096"],
        ),
    ],
)
def test_rows_that_make_no_engine_are_refused(
    tmp_path: Path, rows: list[Row], code: str, column: str, parts: list[str]
) -> None:
    path = write_csv(tmp_path / "e.csv", rows)
    only_fault(lambda: read_engine_table(path), code, column, *parts)


def test_all_faults_in_one_go(tmp_path: Path) -> None:
    rows = changed(changed(engine_rows(), BATCH, iteration_s=-1), INSTANCE, kv_tokens="")
    faults = faults_of(lambda: read_engine_table(write_csv(tmp_path / "e.csv", rows)))
    assert sorted(fault.code for fault in faults) == ["engine-cell-missing", "engine-negative"]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    columns = [name for name in engine_rows()[0] if name != "kv_tokens"]
    path = write_csv(tmp_path / "e.csv", engine_rows(), columns)
    (fault,) = faults_of(lambda: read_engine_table(path))
    check(fault, "table-missing-column", "e.csv:1", "column kv_tokens is missing")
