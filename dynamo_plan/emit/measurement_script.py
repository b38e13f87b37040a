"""A design as commands: one server per kind, clocks locked and reset, `vllm bench serve` at every rate."""

from __future__ import annotations

import shlex
from itertools import groupby

from dynamo_plan.emit.engines import ENGINES, engine_flags
from dynamo_plan.emit.options import EngineName, ServedModel
from dynamo_plan.emit.text import yaml_text
from dynamo_plan.schema.design import Design, DesignPoint
from dynamo_plan.schema.kind import Kind

SECONDS = 180.0
"""How long a rate is measured [s]; hundreds of requests at most rates, so that a P99 is more than its worst request."""

LEAST_REQUESTS = 200
"""Requests of a run at the lowest rates: a P99 of fewer is the worst or second worst request."""

SAMPLE_MS = 100
"""Spacing of power samples [ms]: NVML's own averages are not much shorter."""

RATE_DIGITS = 4
"""Digits of rates: a request more or less in an hour."""

HEAD = """\
#!/bin/sh
# Measurements that a plan for {model} would gain most from, {count} runs in {launches} server launches.
# Expected error of what the plan rests on: {before:.1%} now, {after:.1%} with these (a linear model's estimate).
# Locking clocks needs root; they are reset at the end, also after an interrupt.
# Afterwards: dynamo-plan profile ingest results/*.json --telemetry results/power.csv --zone ZONE -o profile.parquet
set -eu
MODEL=${{MODEL:?the name of {model} as the engine knows it}}
mkdir -p results
SERVER=
nvidia-smi --query-gpu=timestamp,index,power.draw,clocks.current.sm --format=csv -lms {sample} -f results/power.csv &
POWER=$!
trap 'nvidia-smi -rgc; kill $POWER $SERVER' EXIT
trap 'exit 130' INT TERM
"""

LAUNCH = """
# {kind}
{serve} &
SERVER=$!
until curl -sf http://localhost:8000/health > /dev/null; do kill -0 $SERVER; sleep 5; done
"""


def measurement_script(design: Design) -> str:
    """The design as a shell script."""
    launches = _launches(design)
    count = sum(len(point.rates_rps) for point in design.points)
    text = HEAD.format(
        model=design.model,
        count=count,
        launches=len(launches),
        before=design.error_before,
        after=design.error_after,
        sample=SAMPLE_MS,
    )
    for kind, points in launches:
        text += LAUNCH.format(kind=kind, serve=_serve(kind))
        for clock, at_clock in groupby(points, key=lambda point: point.frequency_mhz):
            text += f"nvidia-smi -lgc {clock:g},{clock:g}\n"
            text += "".join(_bench(point, rate) + "\n" for point in at_clock for rate in point.rates_rps)
        text += "nvidia-smi -rgc\nkill $SERVER\nwait $SERVER || true\nSERVER=\n"
    return text


def measurement_yaml(design: Design) -> str:
    """The design as YAML, with the commands of every point."""
    points = [
        {
            "order": point.order,
            "kind": str(point.kind),
            "frequency_mhz": point.frequency_mhz,
            "input_tokens": point.input_tokens,
            "output_tokens": point.output_tokens,
            "rates_rps": [round(rate, RATE_DIGITS) for rate in point.rates_rps],
            "lock": f"nvidia-smi -lgc {point.frequency_mhz:g},{point.frequency_mhz:g}",
            "runs": [_bench(point, rate) for rate in point.rates_rps],
        }
        for point in design.points
    ]
    launches = [{"kind": str(kind), "serve": _serve(kind), "reset": "nvidia-smi -rgc"} for kind, _ in _launches(design)]
    errors = {"error_before": round(design.error_before, 4), "error_after": round(design.error_after, 4)}
    return yaml_text({"version": 1, "model": design.model, **errors, "launches": launches, "points": points})


def _launches(design: Design) -> list[tuple[Kind, list[DesignPoint]]]:
    return [(kind, list(points)) for kind, points in groupby(design.points, key=lambda point: point.kind)]


def _serve(kind: Kind) -> str:
    """Command that starts an instance; the shell knows the model's name."""
    flags = engine_flags(ENGINES[EngineName.VLLM], kind, ServedModel(""))
    return 'vllm serve "$MODEL" ' + shlex.join(word for flag in flags.items() for word in flag)


def _bench(point: DesignPoint, rate_rps: float) -> str:
    """Command of one run: Poisson arrivals of random prompts of equal lengths."""
    kind = point.kind
    requests = max(LEAST_REQUESTS, round(rate_rps * SECONDS))
    flags = {
        "--dataset-name": "random",
        "--random-input-len": f"{point.input_tokens:.0f}",
        "--random-output-len": f"{point.output_tokens:.0f}",
        "--request-rate": f"{rate_rps:.{RATE_DIGITS}g}",
        "--num-prompts": str(requests),
        "--metric-percentiles": "50,99",
        "--result-dir": "results",
    }
    words = [word for flag in flags.items() for word in flag]
    facts = {
        "gpu": kind.gpu,
        "tp": kind.tp,
        "pp": kind.pp,
        "dtype": kind.dtype,
        "gpu_clock_mhz": f"{point.frequency_mhz:g}",
    }
    metadata = [f"{name}={value}" for name, value in facts.items()]
    told = shlex.join([*words, "--ignore-eos", "--save-result", "--metadata", *metadata])
    return f'vllm bench serve --model "$MODEL" {told} start=$(date -u +%FT%TZ)'  # what telemetry is joined by
