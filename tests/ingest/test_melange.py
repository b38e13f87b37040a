"""Cases of Mélange: what is read, what each fault says, and the scenario that comes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dynamo_plan.ingest import read_inputs
from dynamo_plan.ingest.melange import Unstated, read_melange, scenario_files
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ
from tests.ingest.faultcase import check, faults_of, only_fault
from tests.melange_cases import CASES

UNSTATED = Unstated("llama-2-7b", "fp16", "measured")


def small() -> dict[str, Any]:
    """Two GPU types, two classes of inputs and three of outputs; the small type cannot serve long inputs."""
    return {
        "gpu_info": {
            "small": {"cost": 0.5, "tputs": [[4, 3, 2], [0, 0, 0]]},
            "large": {"cost": 2, "tputs": [[9, 8, 7], [3, 2, 1]]},
        },
        "workload_distribution": [[0.5, 0.25, 0.25], [0, 0, 0]],
        "total_request_rate": 8,
    }


def written(tmp_path: Path, record: object) -> Path:
    path = tmp_path / "case.json"
    path.write_text(record if isinstance(record, str) else json.dumps(record), encoding="utf-8")
    return path


def imported(tmp_path: Path, record: dict[str, Any]) -> Inputs:
    for name, text in scenario_files(read_melange(written(tmp_path, record)), UNSTATED).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return read_inputs(tmp_path / "scenario.yaml")


def test_a_case_is_read_as_it_stands(tmp_path: Path) -> None:
    case = read_melange(written(tmp_path, {**small(), "slice_factor": 4, "colour": "red"}))
    assert (case.name, case.file, case.rate_rps) == ("case", "case.json", 8.0)
    assert [(gpu.name, gpu.price_usd_per_h) for gpu in case.gpus] == [("small", 0.5), ("large", 2.0)]
    assert case.gpus[1].capacity_rps.tolist() == [[9, 8, 7], [3, 2, 1]]
    assert case.share.shape == (2, 3)
    assert [line.split(" ")[0] for line in case.not_used] == ["slice_factor", "colour"]


def test_the_scenario_says_what_the_case_says(tmp_path: Path) -> None:
    inputs = imported(tmp_path, small())
    scenario, (service,), (site,) = inputs.scenario, inputs.scenario.services, inputs.scenario.sites
    assert len(inputs.windows) == 1
    assert inputs.windows.hours == 1.0
    assert {name: gpu.price_usd_per_gpu_h for name, gpu in site.gpus.items()} == {"small": 0.5, "large": 2.0}
    assert (service.model, service.slo, service.routing.value) == ("llama-2-7b", None, "free")
    assert {name.value: weight for name, weight in scenario.objective.items()} == {"cost": 1.0}
    forecast = inputs.forecasts[service.name]
    assert forecast.buckets == ("SS", "SM", "SL", "LS", "LM", "LL")
    assert forecast.rate_rps.tolist() == [[4.0, 2.0, 2.0, 0.0, 0.0, 0.0]]
    assert inputs.mixing[service.name].derate("llama-2-7b", Kind("large", 1, 1, "fp16"), 0.0, frozenset("SL")) == 0.0


def test_what_a_case_does_not_state_the_profile_does_not_state(tmp_path: Path) -> None:
    inputs = imported(tmp_path, small())
    (table,) = inputs.profiles.values()
    assert len(table) == 3 + 6  # a throughput of 0 is no row
    assert (table.states_latency, table.states_power, table.states_clock) == (False, False, False)
    assert np.isnan(table.ttft_p99_ms).all()
    assert (table.frequency_mhz == NOT_LOCKED_MHZ).all()
    assert set(table.provenance.tolist()) == {"measured"}
    assert all("case.json" in source for source in table.source.tolist())


def test_one_class_of_inputs_needs_no_mixing_table(tmp_path: Path) -> None:
    record = {
        "gpu_info": {"only": {"cost": 1.0, "tputs": [[2.0]]}},
        "workload_distribution": [[1.0]],
        "total_request_rate": 1.0,
    }
    inputs = imported(tmp_path, record)
    assert inputs.mixing == {}
    assert inputs.forecasts["requests"].buckets == ("AA",)


@pytest.mark.parametrize("shape", [(1, 12), (12, 1), (5, 5), (4, 2)])
def test_classes_of_any_number_up_to_twelve(tmp_path: Path, shape: tuple[int, int]) -> None:
    table = np.ones(shape)
    record = {
        "gpu_info": {"only": {"cost": 1.0, "tputs": table.tolist()}},
        "workload_distribution": (table / table.size).tolist(),
        "total_request_rate": 1.0,
    }
    assert len(imported(tmp_path, record).forecasts["requests"].buckets) == table.size


def test_a_name_that_yaml_would_misread_stays_a_name(tmp_path: Path) -> None:
    record = small()
    record["gpu_info"] = {"100": record["gpu_info"]["small"], "1e5": record["gpu_info"]["large"]}
    assert set(imported(tmp_path, record).scenario.sites[0].gpus) == {"100", "1e5"}


def without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.pop(key)


def put(value: object, *path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        at: Any = record
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "code", "place", "parts"),
    [
        (without("gpu_info"), "melange-missing-key", "case.json", ["key gpu_info is missing"]),
        (without("total_request_rate"), "melange-missing-key", "case.json", ["total_request_rate is missing"]),
        (put({"tputs": [[1, 1, 1]] * 2}, "gpu_info", "small"), "melange-missing-key", "gpu_info.small", ["key cost"]),
        (put({"price": 1, "tputs": [[1] * 3] * 2, "cot": 1}, "gpu_info", "small"), "melange-missing-key", "small", ["Did you mean cot?"]),
        (put({}, "gpu_info"), "melange-value", "gpu_info", ["names no GPU type"]),
        (put([], "gpu_info"), "melange-value", "gpu_info", ["names no GPU type"]),
        (put(7, "gpu_info", "small"), "melange-value", "gpu_info.small", ["is not an object"]),
        (put({"cost": 1, "tputs": [[1] * 3] * 2}, "gpu_info", "A 100"), "melange-value", "gpu_info.A 100", ["cannot name"]),
        (put(-1, "gpu_info", "small", "cost"), "melange-value", "gpu_info.small.cost", ["-1 is out of range"]),
        (put("1", "gpu_info", "small", "cost"), "melange-value", "gpu_info.small.cost", ["is not a number"]),
        (put(True, "total_request_rate"), "melange-value", "total_request_rate", ["is not a number"]),
        (put(None, "total_request_rate"), "melange-value", "total_request_rate", ["is null"]),
        (put(None, "gpu_info"), "melange-value", "gpu_info", ["is null"]),
        (put(None, "workload_distribution"), "melange-value", "workload_distribution", ["is null"]),
        (put(None, "gpu_info", "small", "tputs"), "melange-value", "gpu_info.small.tputs", ["is null"]),
        (put(1e300, "total_request_rate"), "melange-value", "total_request_rate", ["out of range"]),
        (put(10**400, "total_request_rate"), "melange-value", "total_request_rate", ["out of range"]),
        (put(-0.25, "workload_distribution", 0, 1), "melange-value", "workload_distribution[0][1]", ["-0.25"]),
        (put(None, "workload_distribution", 0, 1), "melange-value", "workload_distribution[0][1]", ["null"]),
        (put(float("nan"), "gpu_info", "large", "tputs", 1, 2), "melange-value", "gpu_info.large.tputs[1][2]", ["NaN"]),
        (put([[1, 2, 3], [1, 2]], "gpu_info", "large", "tputs"), "melange-shape", "gpu_info.large.tputs", ["rectangle"]),
        (put([[1, 2], [1, 2]], "gpu_info", "large", "tputs"), "melange-shape", "gpu_info.large.tputs", ["2 x 2", "2 x 3"]),
        (put([], "workload_distribution"), "melange-shape", "workload_distribution", ["not a rectangle"]),
        (put(3, "workload_distribution"), "melange-shape", "workload_distribution", ["not a rectangle"]),
        (put([[0.5, 0, 0], [0, 0, 0]], "workload_distribution"), "melange-shares", "workload_distribution", ["add up to 0.5"]),
        (put([[0, 0, 0], [0, 0, 0]], "workload_distribution"), "melange-shares", "workload_distribution", ["add up to 0"]),
        (put([[0.5, 0, 0], [0, 0, 0.5]], "workload_distribution"), None, "", []),
    ],
)  # fmt: skip
def test_one_thing_wrong(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], code: str | None, place: str, parts: list[str]
) -> None:
    record = small()
    change(record)
    path = written(tmp_path, record)
    if code is None:
        read_melange(path)
        return
    only_fault(lambda: read_melange(path), code, place, *parts)


def test_a_bucket_that_no_gpu_serves(tmp_path: Path) -> None:
    record = small()
    record["workload_distribution"] = [[0.5, 0, 0], [0, 0, 0.5]]
    record["gpu_info"]["large"]["tputs"][1][2] = 0
    only_fault(
        lambda: read_melange(written(tmp_path, record)),
        "melange-unservable",
        "workload_distribution[1][2]",
        "0.5 of the requests",
        "every GPU type's throughput is 0",
    )


def test_too_many_classes(tmp_path: Path) -> None:
    record = {
        "gpu_info": {"only": {"cost": 1.0, "tputs": [[1.0]] * 13}},
        "workload_distribution": [[1 / 13]] * 13,
        "total_request_rate": 1.0,
    }
    faults = faults_of(lambda: read_melange(written(tmp_path, record)))
    assert {fault.code for fault in faults} == {"melange-shape"}
    assert "too many classes" in faults[0].what


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "null", '"case"', "[" * 100_000, "\x00"])
def test_no_json_object(tmp_path: Path, text: str) -> None:
    only_fault(lambda: read_melange(written(tmp_path, text)), "melange-json", "case.json")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_bytes(b"\xff\xfe{\x00}\x00")
    only_fault(lambda: read_melange(path), "melange-json", "case.json", "not JSON")


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    record = small()
    record["gpu_info"]["small"]["cost"] = -1
    record["workload_distribution"][0][0] = "half"
    del record["total_request_rate"]
    faults = faults_of(lambda: read_melange(written(tmp_path, record)))
    assert [fault.code for fault in faults] == ["melange-missing-key", "melange-value", "melange-value"]
    check(faults[2], "melange-value", "gpu_info.small.cost", "-1")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    only_fault(lambda: read_melange(tmp_path / "no.json"), "file-not-found", "no.json")


def test_our_figures_are_those_of_the_published_cases(raw_data: Callable[[str], Path], tmp_path: Path) -> None:
    folder = raw_data("../cases/melange")
    for known in CASES:
        theirs, ours = read_melange(folder / f"{known.name}.json"), read_melange(known.write(tmp_path))
        assert (theirs.name, theirs.rate_rps) == (ours.name, ours.rate_rps)
        np.testing.assert_allclose(theirs.share, ours.share, rtol=1e-12)
        for one, other in zip(theirs.gpus, ours.gpus, strict=True):
            assert (one.name, one.price_usd_per_h) == (other.name, other.price_usd_per_h)
            np.testing.assert_allclose(one.capacity_rps, other.capacity_rps, rtol=1e-4)
