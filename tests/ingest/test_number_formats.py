"""One list of number formats, in profiles, in scenarios and wherever memory is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.ingest import read_inputs, read_profile
from dynamo_plan.profile.memory import BITS
from dynamo_plan.schema.kind import NumberFormat
from dynamo_plan.units import BITS_PER_BYTE
from dynamo_plan.verify.rules.memory import DTYPE_BYTES
from tests.ingest.builders import SCENARIO, profile_rows, write_csv, write_tiny_scenario
from tests.ingest.faultcase import only_fault

WRONG = [
    ("fp8", "Did you mean fp8_e4m3?"),
    ("BF8", "Did you mean bf16 or fp8_e5m2?"),
    ("BF16", "Did you mean bf16?"),
    ("float16", "Did you mean fp16?"),
    ("fp4", "Did you mean nvfp4 or mxfp4?"),
    ("fp32", "bf16"),
]
MEMORY = "memory: {parameters_billion: 7, layers: 32, kv_heads: 8, head_dim: 128, max_request_tokens: 4096, kv_dtype: FORMAT}"


def with_kv_dtype(word: str) -> str:
    """The small scenario with memory figures."""
    return SCENARIO.replace("    pools: per-bucket", f"    pools: per-bucket\n    {MEMORY.replace('FORMAT', word)}")


def test_every_format_has_a_size_and_both_sides_agree_on_it() -> None:
    assert set(BITS) == set(DTYPE_BYTES) == {str(name) for name in NumberFormat}
    assert {name: bits / BITS_PER_BYTE for name, bits in BITS.items()} == DTYPE_BYTES


@pytest.mark.parametrize("name", list(NumberFormat))
def test_a_known_format_is_read(tmp_path: Path, name: NumberFormat) -> None:
    table = read_profile(write_csv(tmp_path / "p.csv", [row | {"dtype": name.value} for row in profile_rows()]))
    assert set(table.dtype.tolist()) == {name.value}
    (service,) = read_inputs(write_tiny_scenario(tmp_path / "s", with_kv_dtype(name.value))).scenario.services
    assert service.memory is not None
    assert service.memory.kv_dtype is name


@pytest.mark.parametrize(("word", "says"), WRONG)
def test_another_format_in_a_profile_is_a_fault(tmp_path: Path, word: str, says: str) -> None:
    path = write_csv(tmp_path / "p.csv", [row | {"dtype": word} for row in profile_rows()])
    only_fault(lambda: read_profile(path), "profile-dtype", "p.csv:2 dtype", f"'{word}' is not known (60 rows)", says)


@pytest.mark.parametrize(("word", "says"), WRONG)
def test_another_format_of_the_cache_is_a_fault(tmp_path: Path, word: str, says: str) -> None:
    path = write_tiny_scenario(tmp_path, with_kv_dtype(word))
    where = "scenario.yaml:14:103 services[0].memory.kv_dtype"
    only_fault(lambda: read_inputs(path), "scenario-value", where, f'"{word}" is not known', "'bf16', 'fp16'", says)
