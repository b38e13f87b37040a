from __future__ import annotations

import pytest

from dynamo_plan.profile.admissible import admissible_kinds
from dynamo_plan.profile.rules import (
    KindCase,
    all_reduce,
    kv_concurrency,
    kv_memory,
    load_kind_rules,
    number_format,
    pipeline_parallel,
    tensor_parallel,
)
from dynamo_plan.schema.hardware import generation_of
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.scenario import GpuSpec, MemorySpec
from tests.profile.paper_table import MODEL, Row, profile_table

LLAMA = MemorySpec(
    parameters_billion=68.98, layers=80, kv_heads=8, head_dim=128, attention_heads=64, max_request_tokens=4096
)
H100 = GpuSpec(hbm_gib=79.1)


def kind(tp: int = 8, pp: int = 1, gpu: str = "h100", dtype: str = "bf16") -> Kind:
    return Kind(gpu, tp, pp, dtype)


@pytest.mark.parametrize(("link_gb_per_s", "expected_ms"), [(450.0, 0.652), (25.0, 11.744)])
def test_all_reduce_by_hand(link_gb_per_s: float, expected_ms: float) -> None:
    """2 x 80 layers x 7/4 x 64 tokens x 8192 x 2 bytes = 293.6 MB."""
    assert LLAMA.hidden == 8192
    assert all_reduce.all_reduce_ms(8, 80, 8192, 64.0, link_gb_per_s) == pytest.approx(expected_ms, abs=5e-4)


def test_an_all_reduce_above_a_tenth_of_the_limit_is_named() -> None:
    fast = KindCase(kind(), H100, LLAMA, in_flight=64.0, tbt_slo_ms=100.0)
    assert all_reduce.judge(fast) is None
    slow = KindCase(kind(), GpuSpec(link_gb_per_s=25.0), LLAMA, in_flight=64.0, tbt_slo_ms=100.0)
    found = all_reduce.judge(slow)
    assert found is not None
    assert not found.refuses
    assert (
        found.reason
        == "its all-reduces alone take 11.7 ms of the 100 ms between tokens at 64 requests in flight and 25 GB/s"
    )
    looser = KindCase(kind(), GpuSpec(link_gb_per_s=25.0), LLAMA, in_flight=64.0, tbt_slo_ms=118.0)
    assert all_reduce.judge(looser) is None


@pytest.mark.parametrize(
    "case",
    [
        KindCase(kind(tp=1), GpuSpec(link_gb_per_s=1.0), LLAMA, in_flight=64.0, tbt_slo_ms=1.0),
        KindCase(kind(), GpuSpec(link_gb_per_s=1.0), None, in_flight=64.0, tbt_slo_ms=1.0),
        KindCase(kind(), GpuSpec(link_gb_per_s=1.0), LLAMA, in_flight=64.0),
        KindCase(kind(gpu="l40s"), GpuSpec(), LLAMA, in_flight=64.0, tbt_slo_ms=1.0),
        KindCase(kind(gpu="own"), GpuSpec(), LLAMA, in_flight=64.0, tbt_slo_ms=1.0),
    ],
)
def test_what_is_not_known_is_not_judged(case: KindCase) -> None:
    assert all_reduce.judge(case) is None


@pytest.mark.parametrize(("tp", "said"), [(1, None), (8, None), (3, "divide"), (16, "reaches beyond the 8 GPUs")])
def test_tensor_parallelism(tp: int, said: str | None) -> None:
    found = tensor_parallel.judge(KindCase(kind(tp), GpuSpec(), LLAMA))
    assert (found is None) == (said is None)
    if found is not None and said is not None:
        assert found.refuses
        assert said in found.reason


def test_linked_gpus_are_the_server_s_unless_stated() -> None:
    assert tensor_parallel.judge(KindCase(kind(16), GpuSpec(linked_gpus=72), LLAMA)) is None
    assert tensor_parallel.judge(KindCase(kind(4), GpuSpec(linked_gpus=2), LLAMA)) is not None
    assert tensor_parallel.judge(KindCase(kind(3))) is None


def test_bubble_by_hand() -> None:
    assert pipeline_parallel.bubble(4, 4) == pytest.approx(3 / 7)
    assert pipeline_parallel.bubble(4, 32) == pytest.approx(3 / 35)
    assert pipeline_parallel.bubble(1, 1) == 0.0


def test_pipelines() -> None:
    assert pipeline_parallel.judge(KindCase(kind())) is None
    named = pipeline_parallel.judge(KindCase(kind(pp=4), memory=LLAMA))
    assert named is not None
    assert named.reason == "a pipeline of 4 stages idles 43% of the time with 4 batches on the way"
    refused = pipeline_parallel.judge(KindCase(kind(pp=81), memory=LLAMA))
    assert refused is not None
    assert refused.refuses


@pytest.mark.parametrize(
    ("gpu", "dtype", "holds"),
    [
        ("h100", "fp8_e4m3", True),
        ("H100-SXM5", "fp8_e5m2", True),
        ("a100-80gb", "fp8_e4m3", False),
        ("v100", "bf16", False),
        ("v100", "fp16", True),
        ("h100", "nvfp4", False),
        ("b200", "nvfp4", True),
        ("mi300x", "fp8_e4m3", True),
        ("mi355x", "nvfp4", False),
        ("somebody-s-own", "nvfp4", True),
    ],
)
def test_number_formats(gpu: str, dtype: str, holds: bool) -> None:
    assert (number_format.judge(KindCase(kind(gpu=gpu, dtype=dtype))) is None) is holds


def test_names_of_gpus() -> None:
    assert generation_of("h100") == generation_of("H100_SXM")
    assert generation_of("rtx4090") is None


def test_kv_cache_rules() -> None:
    """TP8 of Llama-2-70B on 79.1 GiB: 48.4 thousand blocks would be 1.3 million tokens."""
    fits = KindCase(kind(), H100, LLAMA, cached_tokens=1.0e6)
    assert kv_memory.judge(fits) is None
    assert kv_concurrency.judge(fits) is None
    named = kv_concurrency.judge(KindCase(kind(), H100, LLAMA, cached_tokens=1.0e7))
    assert named is not None
    assert not named.refuses
    assert kv_memory.judge(KindCase(kind(tp=1), H100, LLAMA)) is not None


def test_every_rule_is_here() -> None:
    assert [rule.NAME for rule in load_kind_rules()] == [
        "all_reduce",
        "kv_concurrency",
        "kv_memory",
        "number_format",
        "pipeline_parallel",
        "tensor_parallel",
    ]


def test_a_measured_row_outweighs_every_rule() -> None:
    strange = Kind("v100", 3, 1, "fp8_e4m3")
    gpus = {"v100": GpuSpec(hbm_gib=16.0)}
    for provenance, kept in (("measured", (strange,)), ("composed", ())):
        table = profile_table([Row(strange, 1000.0, 1.0, 10.0, 100.0, provenance=provenance)])
        found, dropped = admissible_kinds(table, MODEL, LLAMA, gpus)
        assert found == kept
        assert len(dropped) == (not kept)
