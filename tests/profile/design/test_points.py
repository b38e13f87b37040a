from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.emit.measurement_script import measurement_script, measurement_yaml
from dynamo_plan.errors import InputError
from dynamo_plan.ingest import read_inputs
from dynamo_plan.ingest.yaml_document import parse_value
from dynamo_plan.profile.design.points import LOADS, ServiceDesign
from dynamo_plan.schema.inputs import Inputs
from tests.ingest.builders import CLOCKS_MHZ, write_tiny_scenario


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return read_inputs(write_tiny_scenario(tmp_path_factory.mktemp("tiny")))


def with_profile(inputs: Inputs, **columns: object) -> Inputs:
    return replace(inputs, profiles={"chat": replace(inputs.profiles["chat"], **columns)})  # type: ignore[arg-type]


def test_a_design_keeps_to_its_budget_and_to_what_is_there(inputs: Inputs) -> None:
    found = ServiceDesign(inputs, inputs.scenario.services[0]).design(14)
    assert len(found.points) == 4  # of three rates each
    assert sorted(point.order for point in found.points) == [1, 2, 3, 4]
    assert {point.frequency_mhz for point in found.points} <= set(CLOCKS_MHZ)
    assert {(point.input_tokens, point.output_tokens) for point in found.points} <= {(160.0, 200.0), (600.0, 220.0)}
    assert found.error_after < found.error_before
    launches = [str(point.kind) for point in found.points]
    assert launches == sorted(launches)
    for point in found.points:
        assert point.rates_rps == pytest.approx([load / LOADS[1] * point.rates_rps[1] for load in LOADS])


def test_what_was_measured_is_no_candidate(inputs: Inputs) -> None:
    table = inputs.profiles["chat"]
    measured = np.where(table.tp == 2, "measured", "modelled")
    design = ServiceDesign(with_profile(inputs, provenance=measured), inputs.scenario.services[0])
    assert {one.kind.tp for one in design.candidates()} == {4}
    more = ServiceDesign(with_profile(inputs, provenance=measured), inputs.scenario.services[0], (1000.0, 1400.0))
    assert {one.frequency_mhz for one in more.candidates() if one.kind.tp == 2} == {1000.0}


def test_without_locked_clocks_they_must_be_given(inputs: Inputs) -> None:
    table = inputs.profiles["chat"]
    rows = np.flatnonzero(table.frequency_mhz == CLOCKS_MHZ[-1])
    columns = {name: getattr(table, name)[rows] for name in ("line", "model", "gpu", "tp", "pp", "dtype", "input_tokens",
               "output_tokens", "rate_rps", "ttft_p99_ms", "tbt_p99_ms", "power_w", "provenance", "source")}  # fmt: skip
    unlocked = with_profile(inputs, **columns, frequency_mhz=np.zeros(rows.size))
    with pytest.raises(InputError) as error:
        ServiceDesign(unlocked, inputs.scenario.services[0])
    assert error.value.faults[0].code == "design-no-clock"
    found = ServiceDesign(unlocked, inputs.scenario.services[0], (800.0, 1980.0)).design(6)
    assert {point.frequency_mhz for point in found.points} <= {800.0, 1980.0}


def test_a_design_is_the_same_twice(inputs: Inputs) -> None:
    first, second = (ServiceDesign(inputs, inputs.scenario.services[0]).design(12) for _ in range(2))
    assert first == second


def test_a_script_locks_resets_and_launches_once_per_kind(inputs: Inputs, tmp_path: Path) -> None:
    found = ServiceDesign(inputs, inputs.scenario.services[0]).design(30)
    text = measurement_script(found)
    kinds = {point.kind for point in found.points}
    assert text.count("vllm serve ") == len(kinds)
    assert text.count("vllm bench serve ") == 3 * len(found.points)
    locks = {(point.kind, point.frequency_mhz) for point in found.points}
    assert text.count("nvidia-smi -lgc ") == len(locks)
    assert text.count("nvidia-smi -rgc\n") == len(kinds)
    assert "trap 'nvidia-smi -rgc; kill $POWER $SERVER' EXIT" in text
    assert "--metadata gpu=h100 tp=2 pp=1 dtype=bf16 gpu_clock_mhz=1980" in text
    script = tmp_path / "design.sh"
    script.write_text(text, encoding="utf-8")
    subprocess.run(["sh", "-n", str(script)], check=True)


def test_a_list_says_the_same(inputs: Inputs) -> None:
    found = ServiceDesign(inputs, inputs.scenario.services[0]).design(6)
    listed = parse_value(measurement_yaml(found))
    assert isinstance(listed, dict)
    points = listed["points"]
    assert isinstance(points, list)
    assert len(points) == 2
    first = points[0]
    assert isinstance(first, dict)
    assert first["kind"] == str(found.points[0].kind)
    assert isinstance(first["runs"], list)
    assert len(first["runs"]) == len(LOADS)
