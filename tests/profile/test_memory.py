"""Block counts against a real start-up log and against paper."""

from __future__ import annotations

import pytest

from dynamo_plan.profile.memory import ModelShape, kv_blocks, kv_bytes_per_token, kv_memory_bytes
from dynamo_plan.units import BYTES_PER_GIB

LOGGED_BLOCKS = 13_296
"""What an engine logged for the model of 16 layers below."""

LOG_AGREEMENT = 1e-3
"""Relative; the engine rounds its free memory to the two decimals that the log prints."""

LLAMA_2_70B = ModelShape(68.98e9, 80, 8, 128)
HBM_GIB = 79.1


def blocks_of(weights: str, kv: str, tp: int) -> int:
    free = kv_memory_bytes(LLAMA_2_70B, weights, tp, 1, HBM_GIB, utilisation=0.9, overhead_gib=2.0)
    return kv_blocks(free, kv_bytes_per_token(LLAMA_2_70B, kv, tp, 1))


def test_blocks_of_a_real_log() -> None:
    per_token = kv_bytes_per_token(ModelShape(1e9, 16, 8, 64), "bf16", 1, 1)
    assert per_token == 2 * 16 * 8 * 64 * 2
    blocks = kv_blocks(51.98 * BYTES_PER_GIB, per_token, block_tokens=128)
    assert blocks == 13_306
    assert blocks == pytest.approx(LOGGED_BLOCKS, rel=LOG_AGREEMENT)


@pytest.mark.parametrize(
    ("weights", "kv", "tp", "blocks"),
    [
        ("bf16", "bf16", 1, 0),
        ("bf16", "bf16", 2, 2_026),
        ("bf16", "bf16", 4, 30_366),
        ("bf16", "bf16", 8, 87_047),
        ("fp8_e4m3", "bf16", 1, 1_013),
        ("fp8_e4m3", "fp8_e4m3", 1, 2_026),
    ],
)
def test_blocks_of_llama_2_70b(weights: str, kv: str, tp: int, blocks: int) -> None:
    assert blocks_of(weights, kv, tp) == blocks


def test_heads_are_replicated_where_tp_exceeds_them() -> None:
    assert kv_bytes_per_token(LLAMA_2_70B, "bf16", 16, 1) == kv_bytes_per_token(LLAMA_2_70B, "bf16", 8, 1)


def test_a_pipeline_holds_its_own_layers() -> None:
    assert kv_bytes_per_token(LLAMA_2_70B, "bf16", 1, 3) == 2 * 27 * 8 * 128 * 2  # 80 layers over 3 stages: 27, 27, 26


def test_memory_below_zero_holds_no_block() -> None:
    assert kv_memory_bytes(LLAMA_2_70B, "bf16", 1, 1, HBM_GIB, 0.9, 2.0) < 0
    assert kv_blocks(-1.0, 1.0) == 0
