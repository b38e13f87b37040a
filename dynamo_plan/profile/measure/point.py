"""One operating point, measured."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from dynamo_plan.profile.evidence import judge, with_power
from dynamo_plan.profile.measure.driver import Driver, OnProgress, Run
from dynamo_plan.profile.measure.endpoint import Answer, Endpoint
from dynamo_plan.profile.measure.gpus import Gpus, locked_clocks
from dynamo_plan.profile.measure.load import Load
from dynamo_plan.profile.measure.sampler import Sampler
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.measurement import Latency, Measurement
from dynamo_plan.schema.telemetry import Verdict
from dynamo_plan.units import MS_PER_SECOND

FORMAT = "profile measure"
SETTLE_S = 1.0
"""For a clock that was just locked to be there."""

PERCENTILES = (50.0, 90.0, 95.0, 99.0)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: the model as the profile names it, its kind, and the clock that is locked, or was by somebody else."""

    model: str
    kind: Kind
    lock_mhz: float | None = None
    locked_at_mhz: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement with what the evidence says, and what went wrong on the way.

    Attributes
    ----------
    failures : Counter
        Requests by why they failed.
    late_s : float
        99th percentile of how late this machine sent requests [s]; latencies do not include it.
    counts_tokens : bool
        Whether the endpoint counted the tokens of all answers itself; else its events were counted.
    """

    measurement: Measurement
    verdicts: tuple[Verdict, ...]
    failures: Counter[str]
    late_s: float
    counts_tokens: bool


def measure(subject: Subject, endpoint: Endpoint, load: Load, gpus: Gpus | None, on_progress: OnProgress) -> Measured:
    """Put the load on the endpoint and read the GPUs meanwhile; without `gpus` only latencies are measured.

    Raises
    ------
    UsageError
        The endpoint does not answer a first request, or the clock cannot be locked.
    """
    endpoint.probe()
    began = time.time() - time.monotonic()
    sampler = None if gpus is None else Sampler(gpus, began)
    with nullcontext() if gpus is None else locked_clocks(gpus, subject.lock_mhz):
        if subject.lock_mhz is not None:
            time.sleep(SETTLE_S)
        with sampler or nullcontext():
            edge = sampler.sample_now if sampler is not None else lambda: None
            run = Driver(endpoint, load).run(edge, on_progress)
            telemetry = None if sampler is None else sampler.telemetry()
    stated = with_power(_measurement(subject, endpoint, load, run, began), telemetry)
    failures = Counter(answer.failure for answer in run.measured() if answer.failure)
    late_s = float(np.percentile(run.late_s, PERCENTILES[-1])) if run.late_s else 0.0
    counted = all(answer.is_counted for answer in run.measured() if not answer.failure)
    return Measured(stated, judge(stated, telemetry), failures, late_s, counted)


def _measurement(subject: Subject, endpoint: Endpoint, load: Load, run: Run, began: float) -> Measurement:
    sent = run.measured()
    good = [answer for answer in sent if not answer.failure]
    ended = [answer for answer in run.answers if not answer.failure and run.start_s <= answer.last_s < run.end_s]
    start = datetime.fromtimestamp(began + run.start_s, UTC)
    return Measurement(
        where=endpoint.url,
        format=FORMAT,
        model=subject.model,
        gpu=subject.kind.gpu,
        tp=subject.kind.tp,
        pp=subject.kind.pp,
        dtype=subject.kind.dtype,
        frequency_mhz=subject.lock_mhz or subject.locked_at_mhz,
        input_tokens=_mean_input(good, load),
        output_tokens=float(np.mean([answer.output_tokens for answer in good])) if good else float(load.output_tokens),
        offered_rps=load.rate_rps,
        throughput_rps=len(ended) / load.duration_s,
        ttft=_latency([answer.first_s - answer.sent_s for answer in good]),
        tbt=_latency(
            [
                (answer.last_s - answer.first_s) / (answer.output_tokens - 1)
                for answer in good
                if answer.output_tokens > 1
            ]
        ),
        duration_s=load.duration_s,
        start=start,
        completed=len(good),
        failed=len(sent) - len(good),
        is_clean=True,
        source=f"dynamo-plan profile measure, {start:%Y-%m-%dT%H:%M:%SZ}, {len(good)} requests",
    )


def _mean_input(good: Sequence[Answer], load: Load) -> float:
    counted = [answer.input_tokens for answer in good if answer.input_tokens is not None]
    return float(np.mean(counted)) if counted else float(load.input_tokens)


def _latency(seconds: Sequence[float]) -> Latency:
    """Mean and percentiles (linear) over requests."""
    if not seconds:
        return Latency()
    in_ms = np.array(seconds) * MS_PER_SECOND
    p50, p90, p95, p99 = np.percentile(in_ms, PERCENTILES).tolist()
    return replace(Latency(), mean_ms=float(in_ms.mean()), p50_ms=p50, p90_ms=p90, p95_ms=p95, p99_ms=p99)
