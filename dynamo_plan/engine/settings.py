"""From engine models to the tables that kernels read: every coefficient rounded once, to picoseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynamo_plan.compiled import Floats, Integers
from dynamo_plan.engine.tables import PAGE_TOKENS, Limit, Settings
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.units import PICOSECONDS_PER_SECOND

CHUNK_TOKENS = 2048
"""Prompt and decode tokens of an iteration at most, vLLM's default on most GPUs."""

MAX_BATCH = 256
"""Requests in the batch at most, vLLM's default of long standing."""

WATERMARK = 0.01
"""Share of the KV blocks that an admission leaves free, as in vLLM's block manager: else every new request would soon be preempted."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How the engine schedules.

    Attributes
    ----------
    chunk_tokens : int
        Tokens of an iteration at most. With chunked prefill the decodes' tokens count, and prompts are cut to fit; with
        `prefill_first` prompts are whole, and one that is longer goes alone.
    max_batch : int
        Requests in the batch at most.
    prefill_first : bool
        Decodes wait while prompts can be prefilled.
    """

    chunk_tokens: int = CHUNK_TOKENS
    max_batch: int = MAX_BATCH
    prefill_first: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot serve."""
        if self.chunk_tokens < 1 or self.max_batch < 1:
            raise ValueError("an iteration holds at least one token and one request")


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the tables: a kind of instance at a clock [MHz], serving in one way."""

    model: EngineModel
    frequency_mhz: float
    serving: Serving = Serving()


def settings_of(rows: Sequence[Setting], longest_tokens: int, all_tokens: int) -> Settings:
    """Tables of several settings.

    Parameters
    ----------
    longest_tokens, all_tokens : int
        Input and output tokens of the longest request and of all together; a preempted one is prefilled with both.
    """
    batch = max(row.serving.max_batch for row in rows)
    wholes = [longest_tokens if row.serving.prefill_first else 1 for row in rows]
    tokens = max(max(min(row.serving.chunk_tokens, all_tokens), whole) for row, whole in zip(rows, wholes, strict=True))
    batches, counts = np.arange(batch + 1.0), np.arange(tokens + 1.0)
    limits = np.zeros((len(rows), len(Limit)), dtype=np.int64)
    decode = np.zeros((len(rows), batch + 1, 2), dtype=np.int64)
    prefill = np.zeros((len(rows), tokens + 1), dtype=np.int64)
    idle_w, decode_w, prefill_w = (
        np.zeros(len(rows)),
        np.zeros((len(rows), batch + 1)),
        np.zeros((len(rows), tokens + 1)),
    )
    for number, row in enumerate(rows):
        model, clock = row.model, row.frequency_mhz
        blocks = model.kv_tokens // PAGE_TOKENS
        limits[number] = _limits(row, blocks)
        decode[number, :, 0] = _picoseconds(
            extended(batches, model.batch, model.between_clocks(model.iteration_s, clock))
        )
        decode[number, 1:, 1] = _picoseconds(
            extended(batches, model.batch, model.between_clocks(model.context_s, clock))
        )[1:]
        added = extended(counts, model.prefill_tokens, model.between_clocks(model.prefill_s, clock))
        prefill[number] = _picoseconds(added + model.between_clocks(model.overhead_s, clock))
        idle_w[number] = float(model.between_clocks(model.idle_power_w, clock))
        decode_w[number] = extended(batches, model.batch, model.between_clocks(model.decode_power_w, clock))
        prefill_w[number] = extended(counts, model.prefill_tokens, model.between_clocks(model.prefill_power_w, clock))
    return Settings(limits, decode, prefill, idle_w, decode_w, prefill_w)


def _limits(row: Setting, blocks: int) -> list[int]:
    found = {
        Limit.CHUNK: row.serving.chunk_tokens,
        Limit.SEQUENCES: row.serving.max_batch,
        Limit.BLOCKS: blocks,
        Limit.WATERMARK: int(WATERMARK * blocks),
        Limit.PREFILL_FIRST: int(row.serving.prefill_first),
        Limit.ATTENTION: int(_picoseconds(row.model.between_clocks(row.model.attention_s, row.frequency_mhz))),
    }
    return [found[column] for column in Limit]


def extended(at: Floats, knots: Floats, values: Floats) -> Floats:
    """Piecewise linear through (knots, values): held before the first, continued by the last two knots, never below 0."""
    found = np.interp(at, knots, values)
    if knots.size > 1:
        slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
        found = np.where(at > knots[-1], np.maximum(values[-1] + slope * (at - knots[-1]), 0.0), found)
    return np.asarray(found)


def _picoseconds(seconds: Floats) -> Integers:
    return np.rint(np.asarray(seconds) * PICOSECONDS_PER_SECOND).astype(np.int64)
