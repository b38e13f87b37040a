from __future__ import annotations

import pytest

from dynamo_plan.profile.admissible import admissible_kinds
from dynamo_plan.profile.memory import memory_fault
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.scenario import GpuSpec, MemorySpec
from tests.profile.paper_table import MODEL, Row, profile_table

TP1, TP2, OTHER = Kind("h100", 1, 1, "bf16"), Kind("h100", 2, 1, "bf16"), Kind("a100", 2, 1, "bf16")
SITE = {"h100": GpuSpec(hbm_gib=79.1)}
LLAMA_2_70B = MemorySpec(parameters_billion=68.98, layers=80, kv_heads=8, head_dim=128, max_request_tokens=4096)


def kinds(provenance: str, memory: MemorySpec | None = LLAMA_2_70B) -> tuple[tuple[Kind, ...], dict[str, str]]:
    rows = [Row(kind, 1980.0, 1.0, 10.0, 500.0, provenance=provenance) for kind in (TP2, OTHER, TP1)]
    kept, dropped = admissible_kinds(profile_table(rows), MODEL, memory, SITE)
    return kept, {omission.piece: omission.reason for omission in dropped}


def test_a_kind_that_does_not_fit_is_dropped_with_the_reason() -> None:
    kept, dropped = kinds("composed")
    assert kept == (TP2,)
    assert dropped == {
        "kind a100-tp2-bf16": "the site has no a100",
        "kind h100-tp1-bf16": "0 KV blocks of 16 tokens fit on each GPU; the longest request needs 4096 tokens",
    }


def test_what_was_measured_did_fit() -> None:
    assert kinds("measured")[0] == (TP1, TP2)


def test_without_memory_data_nothing_is_dropped_for_memory() -> None:
    assert kinds("composed", None)[0] == (TP1, TP2)
    assert memory_fault(TP1, LLAMA_2_70B, None) is None


def test_a_model_without_rows_has_no_kinds() -> None:
    rows = [Row(TP2, 1980.0, 1.0, 10.0, 500.0)]
    assert admissible_kinds(profile_table(rows), "another model", None, SITE) == ((), ())


@pytest.mark.parametrize(("tokens", "fits"), [(2_026 * 16, True), (2_026 * 16 + 1, False)])
def test_the_longest_request_must_fit_wholly(tokens: int, fits: bool) -> None:
    memory = LLAMA_2_70B.model_copy(update={"max_request_tokens": tokens})
    assert (memory_fault(TP2, memory, 79.1) is None) is fits


def test_the_cache_s_own_format_counts() -> None:
    memory = LLAMA_2_70B.model_copy(update={"max_request_tokens": 2_026 * 16 + 1, "kv_dtype": "fp8_e4m3"})
    assert memory_fault(TP2, memory, 79.1) is None
