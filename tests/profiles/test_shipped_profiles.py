"""The shipped tables: complete, plausible, monotone where physics is, and still what the recipe makes."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import retabulate
from compose import FILE_NAMES
from crosscheck import planned_rps
from recipe.cells import INFEASIBLE, LOAD_LEVELS, Row, bucket_cells
from recipe.engine_costs import engine_table
from recipe.engine_serving import EngineServer
from recipe.figures import BUCKETS, FREQUENCIES_MHZ, PROFILES, TENSOR_PARALLEL, Instance, read_figures, read_table
from recipe.lengths import FEWEST_REQUESTS, read_workloads
from recipe.mistral import mistral_rows
from recipe.mixing import INPUT_CLASS_SETS, mixing_rows
from recipe.slo import slo_of, smallest_pool
from recipe.tables import read_llama_cells, write_profile

LLAMA = ("llama-2-70b-h100", "llama-2-70b-h100-coding")
MISTRAL = "mistral-7b-v100"
TTFT_SLO_MS = {"S": 250.0, "M": 400.0, "L": 2000.0}
TBT_SLO_MS = {"llama-2-70b-h100": 100.0, "llama-2-70b-h100-coding": 200.0}
REMAKE_TOLERANCE = (
    1e-2  # another machine's exp and log differ in the last bit, which a search in steps of 0.5 % can magnify
)
LATENCIES = ("ttft_p50_ms", "ttft_p99_ms", "tbt_p50_ms", "tbt_p99_ms")
# A GPU loaded and idle at 800 MHz draws 83 W, one at its power limit 700 W.
IDLE_W, LIMIT_W = 83.0, 700.0


def rows_of(name: str, folder: Path = PROFILES) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return rows


def cells_of(name: str) -> dict[tuple[str, int, int], list[dict[str, Any]]]:
    cells = defaultdict(list)
    for row in rows_of(name):
        first = "SML"[np.searchsorted((256, 1024), row["input_tokens"], side="right")]
        second = "SML"[np.searchsorted((100, 350), row["output_tokens"], side="right")]
        cells[first + second, row["tp"], row["frequency_mhz"]].append(row)
    return dict(cells)


def breaks_slo(name: str, bucket: str, row: dict[str, Any]) -> bool:
    return bool(row["ttft_p99_ms"] > TTFT_SLO_MS[bucket[0]] or row["tbt_p99_ms"] > TBT_SLO_MS[name])


def assert_same(made: list[dict[str, Any]], shipped: list[dict[str, Any]]) -> None:
    assert len(made) == len(shipped)
    for name in made[0]:
        ours, theirs = [row[name] for row in made], [row[name] for row in shipped]
        if any(isinstance(value, float) for value in theirs):
            blank = [value is None for value in ours]
            assert blank == [value is None for value in theirs]
            made_values, shipped_values = (np.array([v for v in values if v is not None]) for values in (ours, theirs))
            np.testing.assert_allclose(made_values, shipped_values, rtol=REMAKE_TOLERANCE, err_msg=name)
        else:
            assert ours == theirs, name


@pytest.mark.parametrize("name", [*LLAMA, MISTRAL])
def test_every_row_says_that_it_is_composed(name: str) -> None:
    rows = rows_of(name)
    assert {row["provenance"] for row in rows} == {"composed"}
    assert all(row["source"] for row in rows)
    assert list(rows[0]) == list(Row.__dataclass_fields__)


def test_a_row_says_for_which_pools_it_is() -> None:
    """Most of the coding requests are LS: a pool of it is never one instance."""
    figures = read_figures()
    for workload in read_workloads().values():
        for (bucket, _, _), rows in cells_of(FILE_NAMES[workload.name]).items():
            is_pair = (workload.name, bucket) == ("coding", "LS")
            assert smallest_pool(figures, workload, bucket) == (2 if is_pair else 1)
            pool = "pool of 2 instances" if is_pair else "one instance"
            assert all(f"simulated by the engine, {pool};" in row["source"] for row in rows)
            assert all("P99s are percentile 99.8 of all requests" in row["source"] for row in rows)


@pytest.mark.parametrize("name", LLAMA)
def test_axes_are_complete(name: str) -> None:
    cells = cells_of(name)
    assert sorted(cells) == sorted((b, tp, mhz) for b in BUCKETS for tp in TENSOR_PARALLEL for mhz in FREQUENCIES_MHZ)
    assert len(FREQUENCIES_MHZ) == 12
    for rows in cells.values():
        rates = [row["request_rate_rps"] for row in rows]
        assert len(rates) >= 1 + len(LOAD_LEVELS) + 1
        assert rates == sorted(set(rates))
        assert rates[0] == 0.0


@pytest.mark.parametrize("name", LLAMA)
def test_units_are_plausible(name: str) -> None:
    for row in rows_of(name):
        assert IDLE_W <= row["power_w"] / row["tp"] <= LIMIT_W
        assert 0.0 <= row["throughput_rps"] <= row["request_rate_rps"]
        if row["request_rate_rps"] == 0.0:
            assert all(row[column] is None for column in LATENCIES)
        else:
            assert 40.0 <= row["ttft_p50_ms"] <= row["ttft_p99_ms"]
            assert 28.0 <= row["tbt_p50_ms"] <= row["tbt_p99_ms"]


@pytest.mark.parametrize("name", LLAMA)
def test_power_and_latency_never_fall_with_load(name: str) -> None:
    for rows in cells_of(name).values():
        for column in ("power_w", *LATENCIES):
            values = [row[column] for row in rows if row[column] is not None]
            assert values == sorted(values), (rows[0]["tp"], rows[0]["frequency_mhz"], column)


@pytest.mark.parametrize("name", LLAMA)
def test_capacity_is_bracketed_and_never_falls_with_the_clock(name: str) -> None:
    cells = cells_of(name)
    for bucket in BUCKETS:
        for tp in TENSOR_PARALLEL:
            capacities = []
            for mhz in FREQUENCIES_MHZ:
                loaded = cells[bucket, tp, mhz][1:]
                broken = [breaks_slo(name, bucket, row) for row in loaded]
                assert broken[-1], (bucket, tp, mhz)
                assert broken == sorted(broken)
                feasible = not broken[0]
                assert feasible == (INFEASIBLE not in loaded[0]["source"])
                capacities.append(loaded[broken.index(True) - 1]["request_rate_rps"] if feasible else 0.0)
                if feasible:
                    assert broken.index(True) == len(LOAD_LEVELS)
            assert capacities == sorted(capacities), (bucket, tp)


def test_coding_serves_more_at_its_own_slo_than_at_the_chat_service_s() -> None:
    """Long inputs with short outputs at TP8, full clock: a stall behind one prompt breaks 100 ms, seldom 200 ms."""
    own, chat = (slo_of(read_figures(), workload, "L") for workload in ("coding", "conversation"))
    assert (own.ttft_ms, own.tbt_ms, chat.ttft_ms, chat.tbt_ms) == (2000.0, 200.0, 2000.0, 100.0)
    cells = read_llama_cells(PROFILES / f"{FILE_NAMES['coding']}.parquet", read_workloads()["coding"])
    cell = next(one for one in cells if (one.bucket, one.instance) == ("LS", Instance(8, 1980)))
    assert planned_rps(cell, own.ttft_ms, own.tbt_ms) == pytest.approx(cell.capacity_rps, rel=1e-6)
    assert planned_rps(cell, chat.ttft_ms, chat.tbt_ms) < 0.3 * cell.capacity_rps


def test_buckets_rare_in_the_coding_hour_borrow_and_say_so() -> None:
    borrowed = {"SL", "ML"}
    for (bucket, _, _), rows in cells_of("llama-2-70b-h100-coding").items():
        assert all(("borrowed" in row["source"]) == (bucket in borrowed) for row in rows)
    conversation, coding = read_workloads().values()
    assert {b for b in BUCKETS if coding.lengths[b] is not conversation.lengths[b]} == set(BUCKETS) - borrowed
    assert all(coding.lengths[b].requests >= FEWEST_REQUESTS for b in BUCKETS if b not in borrowed)


@pytest.mark.parametrize("name", LLAMA)
def test_mixing_table_covers_every_kind_clock_and_class_set(name: str) -> None:
    rows = read_table(PROFILES / f"{name}.mixing.csv")
    keys = [(row["input_classes"], int(row["tp"]), int(row["frequency_mhz"])) for row in rows]
    assert sorted(keys) == sorted(
        (c, tp, m) for c in INPUT_CLASS_SETS for tp in TENSOR_PARALLEL for m in FREQUENCIES_MHZ
    )
    derates = {key: float(row["derate"]) for key, row in zip(keys, rows, strict=True)}
    assert all(0.0 <= derate <= 1.0 for derate in derates.values())
    # A short request that waits behind a long prefill breaks its 250 ms; behind a medium one it hardly ever does, save
    # at TP2 and TP4, whose prefill is slower.
    assert all(derates["S+M", tp, 1980] < 0.5 * derates["S+L", tp, 1980] for tp in TENSOR_PARALLEL)
    assert derates["S+M", 8, 1980] < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("workload", "bucket", "tp"), [("conversation", "LL", 8), ("coding", "LS", 4)])
def test_a_bucket_re_made_equals_the_shipped_rows(workload: str, bucket: str, tp: int) -> None:
    figures, service, name = read_figures(), read_workloads()[workload], FILE_NAMES[workload]
    server = EngineServer(engine_table(figures), smallest_pool(figures, service, bucket))
    made = bucket_cells(figures, service, bucket, tp, server)
    shipped = [row for (b, t, _), rows in cells_of(name).items() if (b, t) == (bucket, tp) for row in rows]
    fields = list(Row.__dataclass_fields__)
    assert_same([{f: getattr(row, f) for f in fields} for cell in made for row in cell.rows], shipped)


@pytest.mark.slow
def test_derates_re_made_equal_the_shipped_ones() -> None:
    figures, chat = read_figures(), read_workloads()["conversation"]
    cells = read_llama_cells(PROFILES / f"{LLAMA[0]}.parquet", chat)
    capacities = {(c.bucket, c.instance.tp, c.instance.frequency_mhz): c.capacity_rps for c in cells}
    made = mixing_rows(figures, chat, "S+M", 4, capacities, EngineServer(engine_table(figures)))
    shipped = {
        int(row["frequency_mhz"]): row
        for row in read_table(PROFILES / f"{LLAMA[0]}.mixing.csv")
        if (row["input_classes"], row["tp"]) == ("S+M", "4")
    }
    assert len(made) == len(shipped) == len(FREQUENCIES_MHZ)
    for mix in made:
        assert mix.derate == pytest.approx(float(shipped[mix.frequency_mhz]["derate"]), abs=REMAKE_TOLERANCE)
        assert mix.source == shipped[mix.frequency_mhz]["source"]


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_profile(tmp_path / name, mistral_rows())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    made = pq.read_table(tmp_path / "a").to_pylist()
    assert_same(made, rows_of(MISTRAL))


def test_mistral_covers_the_measured_sweep() -> None:
    rows = rows_of(MISTRAL)
    assert {(r["input_tokens"], r["output_tokens"]) for r in rows} == {(64, 64), (64, 512), (1024, 64), (1024, 512)}
    assert sorted({r["frequency_mhz"] for r in rows}) == list(range(750, 1301, 50))
    assert {(r["model"], r["gpu"], r["tp"], r["dtype"]) for r in rows} == {("mistral-7b", "v100", 1, "fp16")}
    # The sweep's own result: at concurrency 16 the least energy per request lies at 850-900 MHz, 23-28 % below 1300 MHz.
    for lengths in ((64, 64), (64, 512), (1024, 64), (1024, 512)):
        loaded = [r for r in rows if (r["input_tokens"], r["output_tokens"]) == lengths and "backlog" in r["source"]]
        energy_j = {r["frequency_mhz"]: r["power_w"] / r["request_rate_rps"] for r in loaded}
        best = min(energy_j, key=energy_j.__getitem__)
        assert 800 <= best <= 900
        assert 0.20 <= 1.0 - energy_j[best] / energy_j[1300] <= 0.30


def test_figure_tables_come_from_the_raw_data(raw_data: Any, tmp_path: Path) -> None:
    for name in ("azure-llm-2023", "dvfs-v100-mistral7b"):
        raw_data(name)
    retabulate.retabulate(raw_data("splitwise-perf").parent, tmp_path)
    made = sorted(tmp_path.rglob("*.csv"))
    assert len(made) == 7
    for path in made:
        assert path.read_text() == (PROFILES / path.relative_to(tmp_path)).read_text(), path.name
