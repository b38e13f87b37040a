"""Whatever bytes a file holds, reading ends in measurements or in a fault of ours (100,000 inputs: `python -m benchmarks.fuzz`)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import outcome_of
from dynamo_plan.errors import Fault, PlanError
from dynamo_plan.ingest.measurements import find_readers, read_measurements
from tests.ingest.measurements.mutations import damaged
from tests.ingest.measurements.samples import FILES, FORMAT_OF

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def survives(path: Path, format: str | None) -> None:
    """Read; a fault must say something, any other error fails the test."""
    faults: tuple[Fault, ...] | None = None
    try:
        read_measurements([path], format=format, keep_going=True)
    except PlanError as error:
        faults = error.faults
    assert faults is None or (faults and all(fault.code and fault.where and fault.what for fault in faults))


@FUZZ
@given(data=st.binary(max_size=200), name=st.sampled_from(sorted(find_readers())))
def test_any_bytes(tmp_path: Path, data: bytes, name: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    survives(path, name)


@FUZZ
@given(
    data=st.data(),
    name=st.sampled_from([name for name, (file, _) in FILES.items() if file.endswith(("json", "jsonl"))]),
)
def test_any_value_in_place_of_another(tmp_path: Path, data: st.DataObject, name: str) -> None:
    file, content = FILES[name]
    document = json.loads(content.splitlines()[0] if name in ("sglang", "vllm lines") else content)
    holder = document
    while isinstance(holder, dict | list) and holder:
        keys = sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(holder[key], dict | list) or data.draw(st.booleans()):
            holder[key] = data.draw(JSON)
            break
        holder = holder[key]
    path = tmp_path / file
    path.write_text(json.dumps(document), encoding="utf-8")
    survives(path, FORMAT_OF[name])


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(tmp_path: Path, name: str) -> None:
    file, content = FILES[name]
    dice = random.Random(20240514)
    path = tmp_path / file
    for _ in range(60):
        path.write_bytes(damaged(content, [data for _, data in FILES.values()], dice))
        survives(path, FORMAT_OF[name])


@pytest.mark.slow
def test_five_thousand_damaged_files(tmp_path: Path) -> None:
    outcomes = {outcome_of(seed, tmp_path) for seed in range(1, 5001)}
    assert outcomes == {"read", "partly", "fault"}
