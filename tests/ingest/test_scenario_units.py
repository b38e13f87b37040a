"""Values of a scenario in another unit than their name says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.ingest import read_inputs
from tests.ingest.builders import SCENARIO, write_tiny_scenario
from tests.ingest.faultcase import only_fault

MEMORY = "memory: {parameters_billion: 68980000000, layers: 80, kv_heads: 8, head_dim: 128, max_request_tokens: 4096}"


@pytest.mark.parametrize(
    ("old", "new", "code", "where", "parts"),
    [
        ("S: 400", "S: 0.4", "unit-latency", "slo.ttft_p99_ms.S", ["0.4 ms", "looks like seconds", "by 1000"]),
        ("tbt_p99_ms: 100", "tbt_p99_ms: 0.1", "unit-latency", "slo.tbt_p99_ms", ["0.1 ms", "tbt_p99_ms is in ms"]),
        (
            "pools: per-bucket",
            "frequencies_mhz: [1400, 1.98]",
            "unit-frequency",
            "services[0].frequencies_mhz[1]",
            ["1.98 MHz", "looks like GHz", "Multiply it by 1000"],
        ),
        (
            "pools: per-bucket",
            "frequencies_mhz: [1400000000]",
            "unit-frequency",
            "services[0].frequencies_mhz[0]",
            ["1400000000 MHz", "looks like Hz", "Divide it by 1000000"],
        ),
        (
            "pools: per-bucket",
            "frequencies_mhz: [400, 3000]",
            "coverage-clocks",
            "services[0].frequencies_mhz",
            ["none of 400, 3000 MHz", "from 800 to 1980 MHz", "leave frequencies_mhz out"],
        ),
        ("pools: per-bucket", MEMORY, "unit-parameters", "memory.parameters_billion", ["6.898e+10", "70 for a model"]),
        ("pue: 1.2", "pue: 120", "unit-pue", "sites[0].pue", ["120 is no power", "per cent", "Divide it by 100"]),
    ],
)
def test_one_value_in_another_unit(tmp_path: Path, old: str, new: str, code: str, where: str, parts: list[str]) -> None:
    path = write_tiny_scenario(tmp_path, SCENARIO.replace(old, new))
    only_fault(lambda: read_inputs(path), code, where, *parts)


@pytest.mark.parametrize("clocks", ["[1400]", "[400, 1500]", "[800, 1980]"])
def test_a_clock_within_those_measured_will_do(tmp_path: Path, clocks: str) -> None:
    path = write_tiny_scenario(tmp_path, SCENARIO.replace("pools: per-bucket", f"frequencies_mhz: {clocks}"))
    assert read_inputs(path).scenario.services[0].frequencies_mhz
