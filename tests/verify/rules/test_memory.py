"""KV cache blocks against logs and figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.scenario import MemorySpec
from dynamo_plan.verify.rules.memory import kv_blocks, was_measured
from tests.verify.changes import nothing_measured, with_gpus, with_group, with_services
from tests.verify.hand import findings_of, two_pools

LLAMA_2_70B = MemorySpec(parameters_billion=68.98, layers=80, kv_heads=8, head_dim=128, max_request_tokens=4096)


@pytest.mark.parametrize(
    ("tp", "dtype", "kv_dtype", "blocks"),
    [
        # TP2 by hand: (0.9 x 79.1 - 2) GiB - 68.98e9 B = 5.3117e9 B; 16 tokens x 2 x 80 x 4 heads x 128 x 2 B = 2621440 B.
        (2, "bf16", None, 2026),
        (4, "bf16", None, 30366),
        (8, "bf16", None, 87047),
        (1, "fp8_e4m3", None, 1013),
        (1, "fp8_e4m3", "fp8_e4m3", 2026),
        (1, "int8", "fp8_e5m2", 2026),
    ],
)
def test_blocks_of_llama_2_70b(tp: int, dtype: str, kv_dtype: str | None, blocks: int) -> None:
    memory = LLAMA_2_70B.model_copy(update={"kv_dtype": kv_dtype})
    assert kv_blocks(memory, Kind("h100", tp, 1, dtype), 79.1) == blocks


def test_weights_that_do_not_fit_leave_no_block() -> None:
    assert kv_blocks(LLAMA_2_70B, Kind("h100", 1, 1, "bf16"), 79.1) < 0


def test_blocks_of_a_small_model_with_an_engine_s_budget() -> None:
    # 51.98 GiB for KV, 16 layers, 8 heads of 64, BF16: 32768 B per token, so 13306 blocks of 128 tokens.
    memory = MemorySpec(
        parameters_billion=1e-9,
        layers=16,
        kv_heads=8,
        head_dim=64,
        max_request_tokens=1,
        utilisation=1.0,
        overhead_gib=0.0,
    )
    assert kv_blocks(memory, Kind("h100", 1, 1, "bf16"), 51.98) // 8 == 13306


def test_heads_are_replicated_beyond_their_number() -> None:
    # From TP8 to TP16 a GPU holds 68.98e9 x 2 / 16 B less of weights and still one KV head:
    # 8.6225e9 B / (16 x 2 x 80 x 128 x 2 B) = 13156.9 blocks more.
    tp8, tp16 = (kv_blocks(LLAMA_2_70B, Kind("h100", tp, 1, "bf16"), 79.1) for tp in (8, 16))
    assert tp16 - tp8 == pytest.approx(13157, abs=1)


def test_pipeline_stages_hold_their_layers() -> None:
    # TP2 PP2: weights as TP4, 40 layers of 4 heads: bytes per token as TP4 too.
    assert kv_blocks(LLAMA_2_70B, Kind("h100", 2, 2, "bf16"), 79.1) == 30366


@pytest.mark.parametrize(("tokens", "refused"), [(32416, 0), (32417, 1)])
def test_the_longest_request_must_fit(tokens: int, refused: int) -> None:
    plan, inputs = two_pools()
    # 2026 blocks hold 32416 tokens.
    memory = LLAMA_2_70B.model_copy(update={"max_request_tokens": tokens})
    only_tp2 = replace(plan, groups=plan.groups[:1])
    fitted = with_gpus(with_services(nothing_measured(inputs), memory=memory), hbm_gib=79.1)
    assert len(findings_of("memory", only_tp2, fitted)) == refused


def test_a_measured_row_outweighs_the_rule() -> None:
    plan, inputs = two_pools()
    unknown = nothing_measured(
        with_services(inputs, memory=LLAMA_2_70B.model_copy(update={"max_request_tokens": 10**9}))
    )
    assert {finding.where for finding in findings_of("memory", plan, unknown)} == {
        "chat/LA h100-tp2-bf16",
        "chat/SA h100-tp1-bf16",
        "chat/SA h100-tp2-bf16",
    }
    # One measured row of TP1, at any clock and length: TP1 ran, TP2 is still only composed.
    table = unknown.profiles["chat"]
    labels = table.provenance.copy()
    labels[np.flatnonzero(table.tp == 1)[-1]] = "measured"
    ran = replace(unknown, profiles={"chat": replace(table, provenance=labels)})
    assert {finding.where for finding in findings_of("memory", plan, ran)} == {
        "chat/LA h100-tp2-bf16",
        "chat/SA h100-tp2-bf16",
    }
    # Another model's measurement says nothing about this one.
    other = replace(ran.profiles["chat"], model=np.where(table.tp == 1, "other", table.model))
    assert not was_measured(other, "m", Kind("h100", 1, 1, "bf16"))


def test_where_the_scenario_is_silent_nothing_is_claimed() -> None:
    plan, measured = two_pools()
    inputs = nothing_measured(measured)
    too_large = LLAMA_2_70B.model_copy(update={"max_request_tokens": 10**9})
    assert findings_of("memory", plan, with_gpus(with_services(inputs, memory=too_large), hbm_gib=None)) == []
    assert findings_of("memory", plan, with_services(inputs, memory=None)) == []


def test_an_unknown_number_format_is_a_finding() -> None:
    plan, inputs = two_pools()
    spoiled = with_group(plan, 0, kind=replace(plan.groups[0].kind, dtype="posit8"))
    (finding,) = findings_of("memory", spoiled, inputs)
    assert finding.found == "posit8"
