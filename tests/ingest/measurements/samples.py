"""One small file per format, written by hand after the tools' documentation; figures are invented and easy to check."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

import numpy as np


def as_csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    """Rows as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def as_lines(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def as_npz(**arrays: object) -> bytes:
    content = io.BytesIO()
    np.savez(content, **{name: np.asarray(values) for name, values in arrays.items()})  # type: ignore[arg-type]
    return content.getvalue()


PROFILE = [
    {
        "model": "llama-2-70b",
        "gpu": "h100",
        "tp": 4,
        "pp": 1,
        "dtype": "bf16",
        "frequency_mhz": 1400,
        "input_tokens": 512,
        "output_tokens": 128,
        "request_rate_rps": rate,
        "concurrency": "",
        "throughput_rps": rate,
        "ttft_p50_ms": 90 if rate else "",
        "ttft_p99_ms": 180 if rate else "",
        "tbt_p99_ms": 30 if rate else "",
        "power_w": 1100 + 100 * rate,
        "duration_s": 300,
        "provenance": "measured",
        "source": "bench",
    }
    for rate in (0, 2)
]

VLLM = {
    "date": "20260419-022500",
    "backend": "vllm",
    "model_id": "meta-llama/Llama-3.1-8B",
    "tokenizer_id": "meta-llama/Llama-3.1-8B",
    "num_prompts": 100,
    "tp": "2",
    "gpu_clock_mhz": "1400",
    "request_rate": 4.0,
    "burstiness": 1.0,
    "max_concurrency": None,
    "duration": 20.0,
    "completed": 98,
    "total_input_tokens": 50176,
    "total_output_tokens": 12544,
    "request_throughput": 4.9,
    "mean_ttft_ms": 61.0,
    "median_ttft_ms": 55.0,
    "p99_ttft_ms": 140.0,
    "mean_tpot_ms": 11.0,
    "median_tpot_ms": 10.5,
    "p99_tpot_ms": 16.0,
    "mean_itl_ms": 10.9,
    "p99_itl_ms": 44.0,
}

SGLANG = {
    "backend": "sglang",
    "dataset_name": "random",
    "request_rate": float("inf"),
    "max_concurrency": 16,
    "random_input_len": 1024,
    "random_output_len": 256,
    "server_info": {"model_path": "Qwen/Qwen3-32B", "tp_size": 4, "pp_size": 1, "dtype": "auto", "quantization": "fp8"},
    "duration": 50.0,
    "completed": 200,
    "total_input_tokens": 204800,
    "total_output_tokens": 51200,
    "request_throughput": 4.0,
    "mean_ttft_ms": 300.0,
    "median_ttft_ms": 250.0,
    "p99_ttft_ms": 900.0,
    "mean_tpot_ms": 14.0,
    "median_tpot_ms": 14.0,
    "p99_tpot_ms": 20.0,
    "concurrency": 15.6,
}


def _distribution(mean: float, p99: float) -> dict[str, object]:
    return {"successful": {"mean": mean, "median": mean, "percentiles": {"p50": mean, "p90": p99, "p99": p99}}}


GUIDELLM = {
    "metadata": {"version": 2, "guidellm_version": "0.8.1"},
    "benchmarks": [
        {
            "config": {"strategy": strategy, "backend": {"model": "Qwen/Qwen3-8B"}},
            "scheduler_metrics": {"measure_start_time": 1776565468.0, "measure_end_time": 1776565528.0},
            "duration": 60.0,
            "metrics": {
                "request_totals": {"successful": 120, "errored": 3, "incomplete": 2, "total": 125},
                "requests_per_second": _distribution(2.0, 3.0),
                "request_concurrency": _distribution(7.5, 9.0),
                "prompt_token_count": _distribution(256.0, 256.0),
                "output_token_count": _distribution(128.0, 128.0),
                "time_to_first_token_ms": _distribution(80.0, 200.0),
                "inter_token_latency_ms": _distribution(9.0, 12.0),
                "time_per_output_token_ms": _distribution(9.6, 12.5),
            },
        }
        for strategy in (
            {"type_": "poisson", "rate": 2.0},
            {"type_": "concurrent", "streams": 8},
            {"type_": "synchronous"},
        )
    ],
}


def _metric(unit: str, avg: float, **more: float) -> dict[str, object]:
    return {"unit": unit, "avg": avg, **more}


AIPERF: dict[str, object] = {
    "schema_version": "1.5",
    "aiperf_version": "0.13.0",
    "start_time": "2026-04-19T02:24:28Z",
    "was_cancelled": False,
    "input_config": {
        "endpoint": {"model_names": ["Qwen/Qwen3-8B"]},
        "phases": [{"kind": "warmup", "concurrency": 1}, {"kind": "profiling", "concurrency": 8}],
    },
    "request_throughput": _metric("requests/sec", 3.0),
    "request_latency": _metric("ms", 2000.0, p99=2500.0),
    "request_count": _metric("requests", 90.0),
    "error_request_count": _metric("requests", 2.0),
    "time_to_first_token": _metric("ms", 70.0, p50=60.0, p90=90.0, p95=110.0, p99=150.0),
    "inter_token_latency": _metric("ms", 8.0, p50=8.0, p90=9.0, p95=9.5, p99=10.0),
    "input_sequence_length": _metric("tokens", 550.0),
    "output_sequence_length": _metric("tokens", 200.0),
    "benchmark_duration": _metric("sec", 30.0),
    "nvidia_total_gpu_power": _metric("W", 1200.0),
    "nvidia_total_gpu_energy": _metric("MJ", 0.036),
    "nvidia_energy_per_output_token": _metric("mJ", 2000.0),
    "telemetry_data": {
        "endpoints": {
            "localhost:9400": {
                "gpus": {
                    f"gpu_{index}": {
                        "gpu_name": "NVIDIA H100 80GB HBM3",
                        "metrics": {"nvidia_power_usage": _metric("W", 600.0)},
                    }
                    for index in range(2)
                }
            }
        }
    },
}

GENAI_PERF = {
    "request_throughput": {"unit": "requests/sec", "avg": 1.5},
    "request_latency": {"unit": "ms", "avg": 900.0, "p99": 1000.0},
    "time_to_first_token": {"unit": "ms", "avg": 50.0, "p50": 48.0, "p99": 80.0},
    "inter_token_latency": {"unit": "ms", "avg": 6.0, "p50": 6.0, "p99": 7.0},
    "input_sequence_length": {"unit": "tokens", "avg": 100.0},
    "output_sequence_length": {"unit": "tokens", "avg": 140.0},
    "input_config": {"model": ["llama"], "perf_analyzer": {"stimulus": {"request_rate": 1.5}}},
}

INFERENCE_PERF = {
    "load_summary": {"count": 600, "requested_rate": 10.0, "achieved_rate": 9.9, "send_duration": 60.0},
    "successes": {
        "count": 590,
        "latency": {
            "request_latency": {"mean": 2.1, "median": 2.0, "p90": 2.6, "p99": 3.0},
            "time_to_first_token": {"mean": 0.08, "median": 0.07, "p90": 0.12, "p99": 0.2},
            "time_per_output_token": {"mean": 0.02, "median": 0.02, "p90": 0.025, "p99": 0.03},
            "inter_token_latency": {"mean": 0.02, "median": 0.019, "p90": 0.03, "p99": 0.09},
        },
        "throughput": {"requests_per_sec": 9.5, "output_tokens_per_sec": 950.0},
        "prompt_len": {"mean": 300.0},
        "output_len": {"mean": 100.0},
    },
    "failures": {"count": 10},
}

MLENERGY_RESULTS = {
    "model_id": "Qwen/Qwen3-8B",
    "gpu_model": "H100",
    "num_gpus": 1,
    "max_num_seqs": 128,
    "num_prompts": 4,
    "completed": 3,
    "duration": 60.0,
    "steady_state_duration": 40.0,
    "steady_state_energy": 20000.0,
    "steady_state_energy_per_token": 0.1,
    "output_throughput": 4800.0,
    "results": [
        {"success": True, "input_len": 200, "output_len": 101, "ttft": 0.1, "latency": 1.1, "energy": 10.0},
        {"success": True, "input_len": 300, "output_len": 201, "ttft": 0.2, "latency": 4.2, "energy": 20.0},
        {"success": True, "input_len": 400, "output_len": 1, "ttft": 0.3, "latency": 0.3, "energy": 0.1},
        {"success": False, "input_len": 1, "output_len": 0},
    ],
}

MLENERGY_V2 = {
    "Model": "org/model",
    "GPU": "NVIDIA H100 80GB HBM3",
    "TP": 2,
    "PP": 1,
    "Energy/req (J)": 300.0,
    "Avg TPOT (s)": 0.05,
    "Token tput (tok/s)": 600.0,
    "Avg Output Tokens": 200.0,
    "Avg BS (reqs)": 31.5,
    "Max BS (reqs)": 32,
}

MLENERGY_V3 = {
    "task": "gpqa",
    "configurations": [
        {
            "model_id": "org/model",
            "gpu_model": "B200",
            "num_gpus": gpus,
            "tensor_parallel": 2,
            "data_parallel": 1,
            "max_num_seqs": 64,
            "avg_batch_size": 50.0,
            "weight_precision": "bfloat16",
            "energy_per_token_joules": 0.2,
            "energy_per_request_joules": 100.0,
            "avg_power_watts": 1000.0,
            "output_throughput_tokens_per_sec": 5000.0,
            "avg_output_len": 500.0,
            "median_itl_ms": 4.0,
            "p90_itl_ms": 5.0,
            "p95_itl_ms": 6.0,
            "p99_itl_ms": 12.0,
        }
        for gpus in (2, 4)
    ],
}

ZEUS = [
    {
        "start_time": 1776565468.5,
        "window_name": "run-1",
        "elapsed_time": 20.0,
        "gpu0_energy": 6000.0,
        "gpu1_energy": 5000.0,
    }
]

SILICON = [
    {
        "id": f"case-{index}",
        "silicon_data_source": f"dump; silicon_concurrency={concurrency}; note",
        "backend": "vllm",
        "backend_version": "0.19.0",
        "model_path": "meta-llama/Llama-3.1-70B",
        "system": "h100_sxm",
        "precision": "fp8",
        "mode": mode,
        "isl": 1024,
        "osl": 101,
        "gemm_quant_mode": "fp8_block",
        "batch_size": 8,
        "tp_size": 4,
        "pp_size": 1,
        "attention_dp_size": 1,
        "silicon_ttft_ms": 1000.0,
        "silicon_tpot_ms": 10.0,
    }
    for index, (mode, concurrency) in enumerate((("agg", 16), ("disagg", 32)))
]

SPLITWISE = [
    {
        "model": "llama2-70b",
        "hardware": hardware,
        "prompt_size": 512,
        "batch_size": batch,
        "token_size": tokens,
        "peak_power": 1.0,
        "average_power": power,
        "prompt_time": 100.0,
        "token_time": 40.0,
        "e2e_time": whole,
        "tensor_parallel": tp,
    }
    for hardware, tp, batch, tokens, power, whole in (
        ("a100-80gb", 4, 2, 101, 0.5, 4100.0),
        ("h100-80gb", 8, 1, 101, 0, 4000.0),
        ("h100-80gb-pcap", 8, 1, 101, 0, 4000.0),
        ("h100-80gb", 2, 64, 101, 0, 60000.0),
        ("h100-80gb", 8, 1, 1024, 0, 41020.0),
        ("h100-80gb", 8, 1, 501, 0, 5000.0),
    )
]

CLOCK_SWEEP = [
    {
        "input_tokens": 64,
        "output_tokens": 64,
        "frequency_mhz": clock,
        "repeat": repeat,
        "concurrency": 16,
        "requests": 64,
        "duration_s": 32.0,
        "ttft_s": 0.5,
        "tpot_s": 0.04,
        "avg_power_w": 150.0,
        "energy_j": 4800.0,
        "request_rate_rps": 2.0,
    }
    for clock in (750, 1300)
    for repeat in (1, 2)
]

FILES: dict[str, tuple[str, bytes]] = {
    "profile": ("profile.csv", as_csv(PROFILE)),
    "vllm": ("vllm-4qps.json", as_json(VLLM)),
    "vllm sweep": ("summary.csv", b"," + as_csv([VLLM | {"run_number": 0}]).replace(b"\n", b"\n0,", 1)),
    "vllm lines": ("appended.json", as_lines(VLLM, VLLM)),
    "sglang": ("sglang.jsonl", as_lines(SGLANG, SGLANG | {"request_rate": 2.0})),
    "guidellm": ("benchmarks.json", as_json(GUIDELLM)),
    "aiperf": ("profile_export_aiperf.json", as_json(AIPERF)),
    "genai-perf": ("profile_export_genai_perf.json", as_json(GENAI_PERF)),
    "inference-perf": ("stage_0_lifecycle_metrics.json", as_json(INFERENCE_PERF)),
    "mlenergy-results": ("results.json", as_json(MLENERGY_RESULTS)),
    "mlenergy-v2": ("bs32+tp2+pp1.json", as_json(MLENERGY_V2)),
    "mlenergy-v3": ("gpqa.json", as_json(MLENERGY_V3)),
    "zeus": ("zeus.csv", as_csv(ZEUS)),
    "dynamo-profiler": (
        "raw_data.npz",
        as_npz(prefill_isl=[128.0, 512.0], prefill_ttft=[20.0, 50.0], prefill_thpt_per_gpu=[6400.0, 10240.0]),
    ),
    "dynamo-profiler decode": (
        "raw_data.npz",
        as_npz(
            x_kv_usage=[0.1, 0.5],
            y_context_length=[1000.0, 2000.0],
            z_itl=[8.0, 12.0],
            z_thpt_per_gpu=[100.0, 300.0],
            max_kv_tokens=[40000],
        ),
    ),
    "silicon": ("silicon.csv", as_csv(SILICON)),
    "splitwise": ("perf_model.csv", as_csv(SPLITWISE)),
    "clock-sweep": ("points.csv", as_csv(CLOCK_SWEEP)),
}
"""File name and content, by format; where a format has several shapes, its name is the first word."""

FORMAT_OF = {name: {"genai-perf": "aiperf"}.get(name, name.split(" ")[0]) for name in FILES}
