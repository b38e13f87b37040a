"""Every format: one small file of each, its figures worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dynamo_plan.ingest.measurements import Measurements, find_readers, read_measurements
from dynamo_plan.ingest.measurements.opened import HEAD_BYTES
from dynamo_plan.schema.measurement import Latency, Measurement
from tests.ingest.faultcase import only_fault
from tests.ingest.measurements.samples import (
    AIPERF,
    FILES,
    FORMAT_OF,
    INFERENCE_PERF,
    MLENERGY_RESULTS,
    SGLANG,
    VLLM,
    as_json,
    as_lines,
    as_npz,
)

type Read = Callable[[str], Measurements]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read the small file of a format, unaided."""

    def found(name: str) -> Measurements:
        path = tmp_path / FILES[name][0]
        path.write_bytes(FILES[name][1])
        return read_measurements([path])

    return found


def first(found: Measurements) -> Measurement:
    return found.rows[0]


@pytest.mark.parametrize("name", FILES)
def test_exactly_one_reader_knows_its_file(name: str) -> None:
    file, content = FILES[name]
    fitting = [reader for reader, module in find_readers().items() if module.sniff(content[:HEAD_BYTES], file)]
    assert fitting == [FORMAT_OF[name]]


def test_profile_passes_through(read: Read) -> None:
    idle, loaded = read("profile").rows
    assert (idle.throughput_rps, idle.power_w, idle.ttft) == (0.0, 1100.0, Latency())
    assert (loaded.offered_rps, loaded.frequency_mhz, loaded.duration_s) == (2.0, 1400.0, 300.0)
    assert loaded.ttft == Latency(p50_ms=90.0, p99_ms=180.0)
    assert loaded.source == "bench"
    assert loaded.where.endswith("profile.csv:3")


@pytest.mark.parametrize("shape", ["vllm", "vllm sweep", "vllm lines"])
def test_vllm(read: Read, shape: str) -> None:
    row = first(read(shape))
    assert (row.model, row.tp, row.frequency_mhz, row.pp) == ("meta-llama/Llama-3.1-8B", 2, 1400.0, None)
    assert (row.input_tokens, row.output_tokens) == (512.0, 128.0)
    assert (row.offered_rps, row.concurrency, row.throughput_rps) == (4.0, None, 4.9)
    assert row.ttft == Latency(61.0, 55.0, p99_ms=140.0)
    assert row.tbt == Latency(11.0, 10.5, p99_ms=16.0), "per request, not per token"
    assert (row.completed, row.failed, row.start) == (98, 2, None)


def test_vllm_date_is_used_where_its_zone_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(as_json(VLLM))
    row = first(read_measurements([tmp_path / "a.json"], zone="Europe/Berlin"))
    assert row.start == datetime(2026, 4, 19, 0, 24, 40, tzinfo=UTC), "02:25:00 in summer time, 20 s before"


@pytest.mark.parametrize("key", ["tensor_parallel_size", "tensor-parallel-size"])
def test_vllm_sweep_over_server_parameters(tmp_path: Path, key: str) -> None:
    run = {name: value for name, value in VLLM.items() if name != "tp"} | {key: 8, "dtype": " "}
    (tmp_path / "summary.json").write_bytes(as_json([run, run]))
    found = read_measurements([tmp_path / "summary.json"]).rows
    assert [(row.tp, row.dtype, row.where[-4:]) for row in found] == [(8, None, " [0]"), (8, None, " [1]")]


def test_vllm_all_at_once_offers_no_rate(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(as_json(VLLM | {"request_rate": "inf", "max_concurrency": 32}))
    row = first(read_measurements([tmp_path / "a.json"]))
    assert (row.offered_rps, row.concurrency) == (None, 32.0)


def test_sglang(read: Read) -> None:
    burst, open_loop = read("sglang").rows
    assert (burst.model, burst.tp, burst.pp, burst.dtype) == ("Qwen/Qwen3-32B", 4, 1, "fp8_e4m3")
    assert (burst.offered_rps, burst.concurrency, burst.throughput_rps) == (None, 16.0, 4.0)
    assert (open_loop.offered_rps, open_loop.where[-2:]) == (2.0, ":2")
    assert burst.tbt.p99_ms == 20.0


def test_guidellm(read: Read) -> None:
    poisson, closed, single = read("guidellm").rows
    assert (poisson.offered_rps, poisson.concurrency) == (2.0, 7.5)
    assert (closed.offered_rps, closed.concurrency, single.concurrency) == (None, 8.0, 1.0)
    assert poisson.start == datetime(2026, 4, 19, 2, 24, 28, tzinfo=UTC)
    assert (poisson.completed, poisson.failed, poisson.duration_s) == (120, 3, 60.0)
    assert poisson.tbt == Latency(9.0, 9.0, 12.0, p99_ms=12.0), "inter-token latency, the first token left out"
    assert closed.where.endswith("benchmarks.json benchmarks[1]")


def test_aiperf_energy(read: Read) -> None:
    row = first(read("aiperf"))
    assert (row.power_w, row.gpus) == (1200.0, 2)
    assert row.energy_j == pytest.approx(36_000.0)
    assert (row.gpu, row.model, row.concurrency) == ("NVIDIA H100 80GB HBM3", "Qwen/Qwen3-8B", 8.0)
    assert (row.completed, row.failed, row.is_clean) == (90, 2, True)
    assert row.ttft == Latency(70.0, 60.0, 90.0, 110.0, 150.0)


def test_aiperf_power_is_summed_over_gpus_where_no_total_is_stated(tmp_path: Path) -> None:
    without = {key: value for key, value in AIPERF.items() if not key.startswith("nvidia_total")}
    (tmp_path / "a.json").write_bytes(as_json(without | {"is_complete": False}))
    row = first(read_measurements([tmp_path / "a.json"]))
    assert (row.power_w, row.is_clean) == (1200.0, False)


def test_aiperf_units_count_whatever_the_name(tmp_path: Path) -> None:
    metric = {"unit": "s", "avg": 0.07, "p99": 0.15}
    (tmp_path / "a.json").write_bytes(as_json(AIPERF | {"time_to_first_token": metric}))
    assert first(read_measurements([tmp_path / "a.json"])).ttft == Latency(70.0, p99_ms=150.0)
    (tmp_path / "b.json").write_bytes(as_json(AIPERF | {"time_to_first_token": metric | {"unit": "fortnight"}}))
    fault = only_fault(lambda: read_measurements([tmp_path / "b.json"]), "measurement-unit", "time_to_first_token.unit")
    assert "'fortnight' is no unit" in str(fault)


def test_genai_perf(read: Read) -> None:
    row = first(read("genai-perf"))
    assert (row.model, row.offered_rps, row.throughput_rps, row.power_w) == ("llama", 1.5, 1.5, None)


def test_inference_perf(read: Read, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("server:\n  model_name: Qwen/Qwen3-8B\n")
    row = first(read("inference-perf"))
    assert (row.model, row.offered_rps, row.throughput_rps) == ("Qwen/Qwen3-8B", 10.0, 9.5)
    assert row.ttft == Latency(80.0, 70.0, 120.0, p99_ms=200.0), "seconds in the file"
    assert row.tbt.p99_ms == pytest.approx(30.0)
    assert (row.completed, row.failed) == (590, 10)
    assert row.duration_s == pytest.approx(590 / 9.5)


def test_inference_perf_summary_beside_its_stages_is_left_out(tmp_path: Path) -> None:
    for name in ("stage_0", "summary"):
        (tmp_path / f"{name}_lifecycle_metrics.json").write_bytes(as_json(INFERENCE_PERF))
    found = read_measurements([tmp_path])
    assert [Path(row.where).name for row in found.rows] == ["stage_0_lifecycle_metrics.json"]
    assert "stages beside it" in found.omitted[0].reason


def test_mlenergy_results(read: Read) -> None:
    row = first(read("mlenergy-results"))
    assert (row.power_w, row.energy_j, row.duration_s, row.gpus) == (500.0, 20_000.0, 40.0, 1)
    assert (row.input_tokens, row.output_tokens) == (300.0, 101.0)
    assert row.throughput_rps == pytest.approx(20_000 / 0.1 / 40 / 101), "tokens of the steady state"
    assert row.tbt.mean_ms == pytest.approx((10.0 + 20.0) / 2), "a request of one token has no time between tokens"
    assert row.ttft.p50_ms == pytest.approx(200.0)
    assert (row.completed, row.failed) == (3, 1)


def test_mlenergy_results_waits_may_be_longer_than_the_steady_state(tmp_path: Path) -> None:
    requests = [{"input_len": 10, "output_len": 100, "ttft": 50.0, "latency": 60.0}] * 100
    run = MLENERGY_RESULTS | {"num_prompts": 100, "completed": 100, "results": requests, "steady_state_energy": 500.0}
    (tmp_path / "results.json").write_bytes(as_json(run))
    (row,) = read_measurements([tmp_path / "results.json"]).rows
    assert (row.duration_s, row.ttft.mean_ms) == (40.0, 50_000.0)


def test_mlenergy_v2(read: Read) -> None:
    row = first(read("mlenergy-v2"))
    assert (row.throughput_rps, row.power_w) == (3.0, 900.0)
    assert (row.tp, row.pp, row.concurrency, row.tbt.mean_ms) == (2, 1, 31.5, 50.0)
    assert row.input_tokens is None


def test_mlenergy_v3(read: Read) -> None:
    one, two = read("mlenergy-v3").rows
    assert (one.throughput_rps, one.power_w, one.dtype) == (10.0, 1000.0, "bf16")
    assert (one.pp, two.pp, two.gpus) == (1, None, 4), "twice the GPUs of TP: what they do is not known"
    assert one.tbt == Latency(None, 4.0, 5.0, 6.0, 12.0)


def test_zeus(read: Read) -> None:
    row = first(read("zeus"))
    assert (row.energy_j, row.duration_s, row.power_w, row.gpus) == (11_000.0, 20.0, 550.0, 2)
    assert row.start == datetime(2026, 4, 19, 2, 24, 28, 500_000, tzinfo=UTC)


def test_dynamo_profiler(read: Read) -> None:
    prefill = read("dynamo-profiler").rows
    assert [(row.input_tokens, row.ttft.mean_ms, row.throughput_rps) for row in prefill] == [
        (128.0, 20.0, 50.0),
        (512.0, 50.0, 20.0),
    ]
    decode = read("dynamo-profiler decode").rows
    assert [(row.concurrency, row.tbt.mean_ms) for row in decode] == [(4.0, 8.0), (10.0, 12.0)]


def test_silicon(read: Read) -> None:
    found = read("silicon")
    row = first(found)
    assert row.throughput_rps == pytest.approx(16 / (1.0 + 100 * 0.010)), "Little's law: 16 in flight, 2 s each"
    assert (row.dtype, row.engine, row.gpus, row.ttft.mean_ms) == ("fp8_e4m3", "vllm 0.19.0", 4, 1000.0)
    assert [entry.where[-2:] for entry in found.omitted] == [":3"]


def test_splitwise(read: Read) -> None:
    found = read("splitwise")
    half_power, no_power = found.rows
    assert half_power.power_w == pytest.approx(0.5 * 400 * 4)
    assert half_power.throughput_rps == pytest.approx(2 / 4.1), "two requests every 4.1 s"
    assert no_power.power_w is None
    assert [(entry.where[-2:], entry.reason.split(":")[0]) for entry in found.omitted] == [
        (":4", "not measured"),
        (":5", "TP 2 at batch 64"),
        (":6", "outputs of 1024 tokens and more"),
        (":7", "e2e_time is below 75% of what prompt and tokens take"),
    ]


def test_clock_sweep(read: Read) -> None:
    row = first(read("clock-sweep"))
    assert (row.frequency_mhz, row.concurrency, row.offered_rps, row.throughput_rps) == (750.0, 16.0, None, 2.0)
    assert (row.ttft.mean_ms, row.tbt.mean_ms, row.power_w, row.energy_j) == (500.0, 40.0, 150.0, 4800.0)


def test_npz_with_pickled_objects_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "raw_data.npz"
    path.write_bytes(as_npz(prefill_isl=[{"a": 1}, None], prefill_ttft=[1.0, 2.0]))
    fault = only_fault(lambda: read_measurements([path]), "measurement-npz", "raw_data.npz")
    assert "Python objects, which are not loaded" in str(fault)


def test_npz_of_uneven_arrays(tmp_path: Path) -> None:
    path = tmp_path / "raw_data.npz"
    path.write_bytes(as_npz(prefill_isl=[1.0], prefill_ttft=[1.0, 2.0]))
    only_fault(lambda: read_measurements([path]), "measurement-npz", "raw_data.npz", "prefill_isl 1, prefill_ttft 2")


def test_sglang_line_that_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(as_lines(SGLANG, SGLANG)[:-40])
    only_fault(lambda: read_measurements([path]), "measurement-json", "", "a.jsonl:2", "ends in the middle")
    found = read_measurements([path], keep_going=True)
    assert (len(found.rows), [entry.where[-2:] for entry in found.rejected]) == (1, [":2"])
