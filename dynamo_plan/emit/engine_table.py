"""The engine table as CSV or Parquet (docs/reference/files.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from dynamo_plan.emit.atomic import write_new_file
from dynamo_plan.emit.table_file import COUNT, NUMBER, TEXT, table_bytes
from dynamo_plan.schema.engine_table import EngineEntry, EngineTable, Evidence, Part
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ

COLUMNS = {
    "model": TEXT,
    "gpu": TEXT,
    "tp": COUNT,
    "pp": COUNT,
    "dtype": TEXT,
    "frequency_mhz": NUMBER,
    "part": TEXT,
    "batch": NUMBER,
    "iteration_s": NUMBER,
    "context_s_per_token": NUMBER,
    "prompt_tokens": NUMBER,
    "prefill_s": NUMBER,
    "overhead_s": NUMBER,
    "attention_s_per_pair": NUMBER,
    "power_w": NUMBER,
    "host_power_w": NUMBER,
    "kv_tokens": COUNT,
    "chunk_tokens": COUNT,
    "max_batch": COUNT,
    "prefill_first": COUNT,
    "provenance": TEXT,
    "source": TEXT,
}
"""Columns and their types, in order."""

type Cells = dict[str, object]


def write_engine_table(table: EngineTable, path: Path, *, force: bool = False) -> None:
    """Write an engine table, whole or not at all; reading it gives the same numbers.

    Raises
    ------
    InputError
        The file exists and `force` is not given, or it cannot be written.
    UsageError
        The path's suffix names no format.
    """
    rows = [row for entry in table.entries for row in _rows(entry)]
    arrays = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in COLUMNS.items()}
    write_new_file(path, table_bytes(path, pa.table(arrays)), force=force)


def _rows(entry: EngineEntry) -> Iterator[Cells]:
    """Clock by clock: the instance, every batch, every number of prompt tokens."""
    kind = entry.kind
    for clock, frequency_mhz in enumerate(entry.costs.frequency_mhz.tolist()):
        common: Cells = {"model": entry.model, "gpu": kind.gpu, "tp": kind.tp, "pp": kind.pp, "dtype": kind.dtype}
        common["frequency_mhz"] = None if frequency_mhz == NOT_LOCKED_MHZ else frequency_mhz
        cells = (_instance(entry, clock), *_decode(entry, clock), *_prefill(entry, clock))
        for own, evidence in zip(cells, entry.evidence[clock], strict=True):
            yield common | own | _evidence(evidence)


def _instance(entry: EngineEntry, clock: int) -> Cells:
    costs = entry.costs
    return {
        "part": Part.INSTANCE.value,
        "overhead_s": float(costs.overhead_s[clock]),
        "attention_s_per_pair": float(costs.attention_s[clock]),
        "power_w": float(costs.idle_power_w[clock]),
        "host_power_w": costs.host_power_w,
        "kv_tokens": costs.kv_tokens,
        "chunk_tokens": entry.chunk_tokens,
        "max_batch": entry.max_batch,
        "prefill_first": int(entry.prefill_first),
    }


def _decode(entry: EngineEntry, clock: int) -> Iterator[Cells]:
    costs = entry.costs
    columns = (costs.batch, costs.iteration_s[clock], costs.context_s[clock], costs.decode_power_w[clock])
    for batch, iteration_s, context_s, power_w in zip(*(one.tolist() for one in columns), strict=True):
        yield {
            "part": Part.DECODE.value,
            "batch": batch,
            "iteration_s": iteration_s,
            "context_s_per_token": context_s,
            "power_w": power_w,
        }


def _prefill(entry: EngineEntry, clock: int) -> Iterator[Cells]:
    costs = entry.costs
    columns = (costs.prefill_tokens, costs.prefill_s[clock], costs.prefill_power_w[clock])
    for tokens, prefill_s, power_w in zip(*(one.tolist() for one in columns), strict=True):
        yield {"part": Part.PREFILL.value, "prompt_tokens": tokens, "prefill_s": prefill_s, "power_w": power_w}


def _evidence(evidence: Evidence) -> Cells:
    return {"provenance": evidence.provenance.value, "source": evidence.source}
