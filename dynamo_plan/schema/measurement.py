"""One benchmark run, as the file of a measuring tool states it; what the file does not say is None."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dynamo_plan.schema.profile import Provenance


@dataclass(frozen=True, slots=True)
class Latency:
    """Statistics of one latency over the requests, or the tokens, of a run [ms]; a statistic that the file does not give is None."""

    mean_ms: float | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One operating point of one instance, measured.

    Attributes
    ----------
    where : str
        File and line, or file and key path, e.g. ``sweep.jsonl:3``.
    format : str
        Name of the format that it was read from.
    model, gpu, dtype : str or None
        dtype: number format of the weights.
    tp, pp : int or None
        GPUs of the instance along the tensor and the pipeline axis.
    engine : str or None
        Serving engine, with its version where the file says.
    frequency_mhz : float or None
        SM clock that was asked for (locked) [MHz].
    input_tokens, output_tokens : float or None
        Mean lengths of the requests measured [tokens].
    offered_rps : float or None
        Rate at which requests were sent [1/s]; None where a closed loop or one burst offered none.
    concurrency : float or None
        Requests in flight that the client allowed, or that were seen on average.
    throughput_rps : float or None
        Requests completed per second.
    ttft, tbt : Latency
        Time to first token per request; time between tokens after the first.
    gpus : int or None
        GPUs that took part, or that `power_w` and `energy_j` cover, where the file says so: must be TP · PP for a row of a profile.
    power_w : float or None
        Mean electrical power of the whole instance, all its GPUs [W].
    energy_j : float or None
        Energy of the whole instance over `duration_s`, by a counter where there was one [J].
    duration_s : float or None
        Length of the measurement [s].
    start : datetime or None
        When it began, UTC; what telemetry is joined by.
    completed, failed : int or None
        Requests that ended well, and that did not.
    is_clean : bool or None
        False where the tool itself says that the run was cancelled or is incomplete.
    provenance : Provenance
    source : str
        Where the numbers come from, for the profile's `source` column.
    """

    where: str
    format: str
    model: str | None = None
    gpu: str | None = None
    tp: int | None = None
    pp: int | None = None
    dtype: str | None = None
    engine: str | None = None
    frequency_mhz: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    offered_rps: float | None = None
    concurrency: float | None = None
    throughput_rps: float | None = None
    ttft: Latency = Latency()
    tbt: Latency = Latency()
    gpus: int | None = None
    power_w: float | None = None
    energy_j: float | None = None
    duration_s: float | None = None
    start: datetime | None = None
    completed: int | None = None
    failed: int | None = None
    is_clean: bool | None = None
    provenance: Provenance = Provenance.MEASURED
    source: str = ""
