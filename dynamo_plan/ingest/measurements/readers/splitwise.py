"""Splitwise's table of one batch at a time: prompt, batch and output sizes of Llama-2-70B and BLOOM-176B on A100 and H100, CSV.

Times are ms, power a share of the GPU's TDP (0: not measured). Left out, with the reason: rows of a capped H100, which are the uncapped
ones times a constant; outputs of 1024 tokens and more, most of which ended early, and others that did; and TP 2 at batch 64, where the
KV cache is full.

Source: Patel et al., "Splitwise: Efficient Generative LLM Inference Using Phase Splitting", ISCA 2024.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.derived import closed_loop_rps
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.ingest.measurements.rows import csv_rows, has_columns
from dynamo_plan.schema.hardware import board_of
from dynamo_plan.schema.measurement import Latency, Measurement

NAME = "splitwise"
DESCRIPTION = "Splitwise performance table, CSV"

CAPPED = "-pcap"
LONG_OUTPUT = 1024
"""Tokens from which 142 of 160 runs made fewer than the table says."""
LEAST_SHARE = 0.75
"""Of the time that prompt and tokens take; whole runs reach 0.8 and more of it, those that ended early 0.73 and less."""
FULL_BATCH = {2: 64}
"""Batch at which an instance of this TP has no KV cache left."""


def sniff(head: bytes, name: str) -> bool:
    """The table's columns."""
    return has_columns(head, "hardware", "prompt_size", "batch_size", "token_size", "prompt_time", "token_time")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement per sound row."""
    for fields in csv_rows(source, notes):
        found = _measurement(fields)
        reason = "" if len(fields.faults) else _why_not(fields, found)
        if reason:
            notes.omit(found.where, reason)
        else:
            yield found, fields.faults


def _measurement(fields: Fields) -> Measurement:
    gpu, tp = fields.text("hardware"), fields.count("tensor_parallel")
    ttft_ms, tbt_ms = fields.number("prompt_time"), fields.number("token_time")
    output_tokens, batch = fields.number("token_size"), fields.number("batch_size")
    tdp_w = board_of(gpu).rated_w
    share = fields.number("average_power")
    return Measurement(
        where=fields.where,
        format=NAME,
        model=fields.text("model"),
        gpu=gpu,
        tp=tp,
        pp=1,
        input_tokens=fields.number("prompt_size"),
        output_tokens=output_tokens,
        concurrency=batch,
        throughput_rps=closed_loop_rps(batch, ttft_ms, tbt_ms, output_tokens),
        ttft=Latency(mean_ms=ttft_ms),
        tbt=Latency(mean_ms=tbt_ms),
        power_w=share * tdp_w * tp if share and tdp_w and tp else None,
        source=f"Splitwise, {fields.where}; throughput of one batch after the other",
    )


def _why_not(fields: Fields, found: Measurement) -> str:
    if CAPPED in (found.gpu or ""):
        return "not measured: the times of the uncapped GPU times a constant"
    full = FULL_BATCH.get(found.tp or 0)
    if full is not None and found.concurrency == full:
        return f"TP {found.tp} at batch {full}: the KV cache is full, requests wait"
    if found.output_tokens is not None and found.output_tokens >= LONG_OUTPUT:
        return f"outputs of {LONG_OUTPUT} tokens and more: most runs ended early"
    whole_ms, tokens_ms = fields.number("e2e_time"), _tokens_ms(found)
    if whole_ms is not None and whole_ms < LEAST_SHARE * tokens_ms:
        return f"e2e_time is below {LEAST_SHARE:.0%} of what prompt and tokens take: the run ended early"
    return ""


def _tokens_ms(found: Measurement) -> float:
    """Time of prompt and tokens one by one [ms]."""
    return (found.ttft.mean_ms or 0.0) + max((found.output_tokens or 1.0) - 1, 0.0) * (found.tbt.mean_ms or 0.0)
