"""Comparisons made by hand: a baseline, a system of the paper and the planner over two windows."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.schema.comparison import COMPARISON_VERSION, Comparison, LowerBound, SystemRun
from dynamo_plan.schema.plan import Omission
from dynamo_plan.schema.replay import Account, BucketReplay, Course, Quantiles, Span

WINDOW_S, WINDOWS, STEP_S = 1800, 2, 60.0


def bucket(name: str, kept: int, *, within_slo: float = 0.995, ttft_ms: float = 200.0) -> BucketReplay:
    """A bucket of 1,000 requests in two windows, of which so many keep the SLO."""
    spans = tuple(Span(w, w, 500, 0, 2, ttft_ms, 60.0, w < kept) for w in range(WINDOWS))
    return BucketReplay(
        "chat",
        name,
        1000,
        0,
        Quantiles(ttft_ms / 4, ttft_ms / 2, ttft_ms),
        Quantiles(20.0, 40.0, 60.0),
        Quantiles(20.0, 50.0, 80.0),
        250.0,
        100.0,
        within_slo,
        spans,
    )


def system(name: str, energy_kwh: float, kept: tuple[int, int] = (2, 2), **gpus: tuple[int, ...]) -> SystemRun:
    """A system with buckets SS and LL; its power is flat."""
    power_kw = energy_kwh * 3600 / (WINDOW_S * WINDOWS)
    steps = round(WINDOW_S * WINDOWS / STEP_S)
    return SystemRun(
        name=name,
        meaning=f"The system {name}",
        account=Account(energy_kwh, energy_kwh / 1.2, energy_kwh * 0.3, energy_kwh * 2, 64.0, 8, power_kw),
        reshards=3,
        peak_gpus=64,
        mean_gpus=60.5,
        power_p50_kw=power_kw,
        power_p99_kw=power_kw,
        completed=2000,
        unserved=0,
        timed_out=0,
        moved=0,
        preempted=0,
        buckets=(bucket("SS", kept[0]), bucket("LL", kept[1], within_slo=0.985)),
        course=Course(STEP_S, (power_kw,) * steps, (1980.0, 0.0), gpus or {"h100 TP8": (64, 0)}),
        notes=(),
    )


def comparison() -> Comparison:
    """Three systems, one left out, with a bound."""
    dynamo = replace(
        system("dynamo-llm", 80.0, (2, 1), **{"h100 TP2": (8, 4), "h100 TP8": (32, 16)}), unserved=3, timed_out=2
    )
    planner = replace(system("planner", 60.0, **{"h100 TP4": (24, 20)}), notes=("Within 0.1 % of the best.",))
    return Comparison(
        version=COMPARISON_VERSION,
        name="invented",
        traces=("trace.csv",),
        services=("chat",),
        router="least-unprefilled",
        predictor_accuracy=0.81,
        seed=7,
        window_s=WINDOW_S,
        first_window_start="2024-05-14T00:00:00Z",
        windows=WINDOWS,
        requests=2000,
        baseline="single-pool",
        lower_bound=LowerBound(50.0, "proven for plans that know what comes"),
        systems=(system("single-pool", 100.0), dynamo, planner),
        omitted=(Omission("single-pool-strict", "the mixing table has no derate"),),
        notes=("Requests outside the windows: 5.",),
    )
