"""Token lengths: draws from the quantile tables of the Azure 2023 hours (CC-BY 4.0)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from recipe.figures import BUCKETS, LLAMA, FloatArray, read_table

WORKLOADS = ("conversation", "coding")
FEWEST_REQUESTS = 30  # a bucket with fewer requests in the coding hour borrows the conversation hour's lengths
SMALLEST_PROBABILITY = 1e-9  # keeps the normal quantile finite


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of one bucket in one hour: mean [tokens], quantiles, rank correlation, and how many requests it had."""

    workload: str
    bucket: str
    requests: int
    rank_correlation: float
    mean: tuple[float, float]
    probabilities: FloatArray
    quantiles: tuple[FloatArray, FloatArray]

    def draw(self, uniforms: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(input, output) tokens from ``uniforms[2, request]``: a Gaussian copula over the two quantile curves."""
        u = np.clip(uniforms, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
        first = ndtri(u[0])
        # Spearman's rank correlation of a Gaussian copula is (6/pi) asin(rho/2).
        rho = 2.0 * np.sin(np.pi * self.rank_correlation / 6.0)
        second = ndtr(rho * first + np.sqrt(1.0 - rho**2) * ndtri(u[1]))
        columns = zip((u[0], second), self.quantiles, strict=True)
        inputs, outputs = (np.rint(np.interp(p, self.probabilities, q)) for p, q in columns)
        return inputs, outputs


@dataclass(frozen=True, slots=True)
class Workload:
    """The buckets of one workload: their lengths (borrowed ones included) and their share of its requests."""

    name: str
    lengths: dict[str, Lengths]
    shares: dict[str, float]


def read_workloads() -> dict[str, Workload]:
    """Read ``token_lengths.csv``."""
    tables = {name: {bucket: _read(name, bucket) for bucket in BUCKETS} for name in WORKLOADS}
    workloads = {}
    for name, own in tables.items():
        total = sum(lengths.requests for lengths in own.values())
        lengths = {
            b: tables["conversation"][b] if name == "coding" and own[b].requests < FEWEST_REQUESTS else own[b]
            for b in BUCKETS
        }
        workloads[name] = Workload(name, lengths, {b: own[b].requests / total for b in BUCKETS})
    return workloads


def _read(workload: str, bucket: str) -> Lengths:
    table = read_table(LLAMA / "token_lengths.csv")
    rows = {r["quantity"]: r for r in table if (r["workload"], r["bucket"]) == (workload, bucket)}
    inputs, outputs = rows["input_tokens"], rows["output_tokens"]
    names = [name for name in inputs if name[0] == "p"]
    return Lengths(
        workload=workload,
        bucket=bucket,
        requests=int(inputs["requests"]),
        rank_correlation=float(inputs["rank_correlation"]),
        mean=(float(inputs["mean"]), float(outputs["mean"])),
        probabilities=np.array([float(name[1:]) / 100.0 for name in names]),
        quantiles=(np.array([float(inputs[n]) for n in names]), np.array([float(outputs[n]) for n in names])),
    )
