"""Measured rows that the engine is held against, read from the raw public data sets; what is left out is named here with its reason."""

from __future__ import annotations

import csv
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dynamo_plan.engine.calibrate import Protocol, Row
from dynamo_plan.engine.settings import Serving
from dynamo_plan.units import MS_PER_SECOND

KV_BYTES_70B = {"bf16": 327_680.0, "fp8": 163_840.0}
"""Bytes of a cached token of Llama 2 and 3.1 70B: 80 layers x 8 KV heads x 128 x (key, value)."""

H100_BYTES_PER_S, H200_BYTES_PER_S, V100_BYTES_PER_S = 3.35e12, 4.8e12, 0.9e12
"""Memory bandwidth of one GPU; the first two from silicon-latency's systems/*.yaml, V100 from NVIDIA's data sheet."""

SPLITWISE_CLOCK_MHZ = 1980.0
"""Clocks were not locked; H100's maximum."""

STATIC = Protocol(requests_per_client=1, serving=Serving(chunk_tokens=1 << 20))
"""Splitwise: all prompts of a batch in one iteration, then decode until all have ended."""

CLIENT = Protocol(requests_per_client=10, shortest=0.8, serving=Serving(chunk_tokens=8192))
"""InferenceMAX, by its README: 10 x concurrency requests at infinite rate, lengths from 0.8 of what is asked for, 8192 batched tokens,
chunked prefill."""

BACKLOG = Protocol(
    requests_per_client=1, is_tbt_by_duration=True, serving=Serving(chunk_tokens=32_768, prefill_first=True)
)
"""dvfs-v100, by its workload_tpj_freq_scan.py: four times the concurrency it names at once, 32,768 batched tokens, no chunked prefill; its
TPOT is (duration - mean TTFT) / output tokens."""

BACKLOG_REQUESTS = 64

V100_KV_TOKENS = 120_000
"""0.95 of 32 GiB less 14.5 GB of weights and 2 GB, over 131,072 bytes per token (32 layers x 8 KV heads x 128 x 2 x 2 bytes)."""

V100_KV_BYTES = 131_072.0


@dataclass(frozen=True, slots=True)
class Series:
    """Rows of one machine, to be halved.

    Attributes
    ----------
    name, group : str
        What it is; what it is counted with.
    rows, saturated : tuple of Row
        Rows to fit and predict, and those in which the KV cache was full.
    least_context_s : float
        Bytes of a cached token over memory bandwidth [s].
    kv_tokens : int
    """

    name: str
    group: str
    rows: tuple[Row, ...]
    least_context_s: float
    kv_tokens: int
    saturated: tuple[Row, ...] = ()


def splitwise(folder: Path) -> Iterator[Series]:
    """Llama-2-70B on H100, TP 2, 4, 8; medians of 5 to 15 repeats.

    Without batch 64 at TP 2, whose prefill and end-to-end times contradict the others. End-to-end times are not used: outputs of 1,024
    and more ended early.
    """
    repeats: dict[tuple[int, int, int, int], list[tuple[float, float]]] = defaultdict(list)
    for row in _records(folder / "perf_model.csv"):
        if (row["model"], row["hardware"]) == ("llama2-70b", "h100-80gb"):
            shape = (row["tensor_parallel"], row["prompt_size"], row["batch_size"], row["token_size"])
            tp, prompt, batch, output = (int(one) for one in shape)
            repeats[tp, prompt, output, batch].append((float(row["prompt_time"]), float(row["token_time"])))
    for tp in (2, 4, 8):
        rows = []
        for (own, prompt, output, batch), times in sorted(repeats.items()):
            if own == tp and (tp, batch) != (2, 64):
                ttft_ms, tbt_ms = (statistics.median(one) for one in zip(*times, strict=True))
                latency_s = ttft_ms / MS_PER_SECOND, tbt_ms / MS_PER_SECOND
                rows.append(Row(prompt, output, batch, latency_s[0], latency_s[1], SPLITWISE_CLOCK_MHZ))
        least = KV_BYTES_70B["bf16"] / (tp * H100_BYTES_PER_S)
        yield Series(f"TP{tp}", f"splitwise TP{tp}", tuple(rows), least, kv_tokens=1 << 24)


def silicon(folder: Path) -> Iterator[Series]:
    """Llama-3.1-70B with weights in fp8 on H100 and H200, per backend and TP.

    A row is saturated where its requests in flight, at full length, exceed a cache in bf16; which number format the cache had is not
    stated. H200 at TP 1 fits fp8 only.
    """
    found: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
    for row in _records(folder / "silicon_sample.csv"):
        if row["model_path"].endswith("Llama-3.1-70B") and row["system"] in SYSTEMS:
            ttft_s, tbt_s = (float(row[f"silicon_{name}_ms"]) / MS_PER_SECOND for name in ("ttft", "tpot"))
            prompt, output, batch = (int(row[name]) for name in ("isl", "osl", "batch_size"))
            one = Row(prompt, output, batch, ttft_s, tbt_s, SYSTEMS[row["system"]].clock_mhz)
            found[row["system"], row["backend"], int(row["tp_size"])].append(one)
    for (name, backend, tp), rows in sorted(found.items()):
        system = SYSTEMS[name]
        room = system.kv_tokens(tp, "bf16")
        tokens = {row: row.concurrency * (row.input_tokens + row.output_tokens) for row in rows}
        cache = "fp8" if (name, tp) == ("h200_sxm", 1) else "bf16"
        yield Series(
            f"{name[:4].upper()} TP{tp}",
            f"silicon {backend}",
            tuple(row for row in rows if tokens[row] <= room),
            KV_BYTES_70B[cache] / (tp * system.bytes_per_s),
            system.kv_tokens(tp, cache),
            tuple(row for row in rows if tokens[row] > room),
        )


@dataclass(frozen=True, slots=True)
class System:
    """A GPU type: memory [bytes], bandwidth [bytes/s], clock when not locked [MHz]."""

    bytes: float
    bytes_per_s: float
    clock_mhz: float

    def kv_tokens(self, tp: int, cache: str) -> int:
        """Tokens that fit beside Llama-3.1-70B: 0.9 of memory less weights and 2 GB per GPU for activations."""
        return int((0.9 * self.bytes - 72.7e9 / tp - 2e9) * tp / KV_BYTES_70B[cache])


SYSTEMS = {
    "h100_sxm": System(85_899_345_920.0, H100_BYTES_PER_S, 1980.0),
    "h200_sxm": System(151_397_597_184.0, H200_BYTES_PER_S, 1980.0),
}
"""Memory and bandwidth from silicon-latency's systems/*.yaml."""


def dvfs(folder: Path) -> Series:
    """Mistral-7B on one V100: four workloads, one request alone or 64 at once, twelve clocks; medians of three repeats."""
    repeats: dict[tuple[float, int, int, int], list[tuple[float, float]]] = defaultdict(list)
    for row in _records(folder / "measured_points.csv"):
        batch = BACKLOG_REQUESTS if row["concurrency"] == "16" else 1
        shape = (float(row["frequency_mhz"]), int(row["input_tokens"]), int(row["output_tokens"]), batch)
        repeats[shape].append((float(row["ttft_s"]), float(row["tpot_s"])))
    rows = []
    for (clock, prompt, output, batch), times in sorted(repeats.items()):
        ttft_s, tbt_s = (statistics.median(one) for one in zip(*times, strict=True))
        rows.append(Row(prompt, output, batch, ttft_s, tbt_s, clock))
    return Series("V100", "dvfs-v100", tuple(rows), V100_KV_BYTES / V100_BYTES_PER_S, V100_KV_TOKENS)


def _records(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
