"""Inputs as nouns, without files: by hand, and at random for the oracle.

Random inputs stay so small that every joint course of all pools can be listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.bucket import CLASS_NAMES
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.load import Forecast, GridSignals, Windows
from dynamo_plan.schema.plan import InputFile
from dynamo_plan.schema.profile import MixingRow, MixingTable, ProfileTable, Provenance
from dynamo_plan.schema.scenario import Scenario
from tests.profile.paper_table import MODEL, Row, cell, profile_table

SITE = "hall"
QUANTILE = 0.95
CLASS_TOKENS = (100.0, 1000.0)
INPUT_EDGES = {1: [None], 2: [256, None]}
TTFT_SLO_MS = 200.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service with its tables; rates of shape (window, bucket) [1/s], one bucket per input class."""

    profile: ProfileTable
    mixing: MixingTable | None
    rate_rps: NDArray[np.float64]
    reserve_rps: NDArray[np.float64]
    record: dict[str, Any]

    @property
    def buckets(self) -> tuple[str, ...]:
        """Names of the buckets: input class, then A for the one output class."""
        return tuple(f"{letter}A" for letter in CLASS_NAMES[self.rate_rps.shape[1]])


def service(
    profile: ProfileTable,
    rate_rps: Sequence[Sequence[float]] | NDArray[np.float64],
    *,
    reserve_rps: Sequence[Sequence[float]] | NDArray[np.float64] | None = None,
    mixing: MixingTable | None = None,
    **record: Any,
) -> Service:
    """A service; keywords go into the scenario's record of it."""
    rates = np.array(rate_rps, dtype=np.float64)
    reserve = rates if reserve_rps is None else np.array(reserve_rps, dtype=np.float64)
    return Service(profile, mixing, rates, reserve, record)


def inputs_of(
    services: Sequence[Service],
    *,
    price_usd_per_mwh: Sequence[float] | NDArray[np.float64] | None = None,
    carbon_g_per_kwh: Sequence[float] | NDArray[np.float64] | None = None,
    window_s: int = 3600,
    pue: float = 1.0,
    power_cap_kw: float | None = None,
    gpus: dict[str, dict[str, Any]] | None = None,
    transitions: dict[str, float] | None = None,
    objective: dict[str, float] | None = None,
    **gpu: Any,
) -> Inputs:
    """Inputs of these services at one site; further keywords describe every GPU type that the profiles name."""
    windows = Windows(
        np.datetime64("2024-05-14T00:00:00") + np.arange(services[0].rate_rps.shape[0]) * np.timedelta64(window_s, "s"),
        window_s,
    )
    found = sorted({str(name) for one in services for name in one.profile.gpu})
    names = [one.record.get("name", f"service-{index}") for index, one in enumerate(services)]
    scenario = Scenario.model_validate(
        {
            "version": 1,
            "name": "invented",
            "window_minutes": window_s / 60.0,
            "services": [_record(name, one) for name, one in zip(names, services, strict=True)],
            "sites": [
                {
                    "name": SITE,
                    "gpus": gpus or dict.fromkeys(found, {"linked_gpus": 8} | gpu),
                    "grid": "grid.csv",
                    "pue": pue,
                    "power_cap_kw": power_cap_kw,
                }
            ],
            "transitions": transitions or {},
            "objective": objective or {"energy": 1.0},
        },
        strict=False,  # Python's plain values; strict validation wants enums
    )
    zero = np.zeros(len(windows))
    grid = GridSignals(
        "grid.csv",
        zero if price_usd_per_mwh is None else np.array(price_usd_per_mwh, dtype=np.float64),
        zero if carbon_g_per_kwh is None else np.array(carbon_g_per_kwh, dtype=np.float64),
    )
    forecasts = {
        name: Forecast("load.csv", windows, one.buckets, one.rate_rps, {QUANTILE: one.reserve_rps})
        for name, one in zip(names, services, strict=True)
    }
    return Inputs(
        scenario=scenario,
        windows=windows,
        profiles={name: one.profile for name, one in zip(names, services, strict=True)},
        mixing={name: one.mixing for name, one in zip(names, services, strict=True) if one.mixing is not None},
        forecasts=forecasts,
        grid={SITE: grid},
        files=(InputFile("scenario", "scenario.yaml", 1, "0" * 64),),
    )


def _record(name: str, one: Service) -> dict[str, Any]:
    letters = CLASS_NAMES[one.rate_rps.shape[1]]
    return {
        "name": name,
        "model": MODEL,
        "profile": "profile.csv",
        "forecast": "load.csv",
        "buckets": {"input": INPUT_EDGES.get(one.rate_rps.shape[1]), "output": [None]},
        "slo": {"ttft_p99_ms": dict.fromkeys(letters, TTFT_SLO_MS), "tbt_p99_ms": 100.0},
        "reserve_quantile": QUANTILE,
        **one.record,
    }


@dataclass(frozen=True, slots=True)
class Case:
    """Random inputs and what couples their pools."""

    inputs: Inputs
    overheads: bool
    caps: bool

    @property
    def coupled(self) -> bool:
        """Whether anything but prices ties the pools together."""
        return self.overheads or self.caps


def random_case(*seed: int) -> Case:
    """Random inputs of one to three pools, one to three kinds and two to four windows; the same for the same seed."""
    rng = np.random.default_rng(seed)
    windows = int(rng.choice([2, 2, 3, 4]))
    kinds = _kinds(rng, most=3 if windows == 2 else 2)
    pools = int(rng.integers(1, 4 if len(kinds) == 1 else 3))
    services = []
    while pools > 0:
        buckets = int(rng.integers(1, min(pools, 2) + 1))
        services.append(_random_service(rng, kinds, windows, buckets, mixed=False))
        pools -= buckets
    if rng.random() < 0.25:
        services[0] = _random_service(rng, kinds, windows, 2, mixed=True)
    overheads, caps = bool(rng.random() < 0.4), bool(rng.random() < 0.3)
    price = rng.uniform(-60.0, 20.0, windows) if rng.random() < 0.15 else rng.uniform(5.0, 120.0, windows)
    per_server = int(rng.choice([4, 8]))
    gpu: dict[str, Any] = {
        "per_server": per_server,
        "price_usd_per_gpu_h": float(rng.choice([0.0, rng.uniform(0.1, 3.0)])),
        "count": 5 * per_server if caps or rng.random() < 0.3 else None,
        "server_idle_w": float(rng.uniform(100, 2500)) if overheads else 0.0,
        "unused_gpu_w": float(rng.uniform(0, 90)) if overheads else 0.0,
    }
    if gpu["count"] and overheads:
        gpu["released_server_w"] = float(rng.choice([0.0, rng.uniform(0, 200)]))
    if caps:
        gpu["count"] = per_server * int(rng.integers(1, 3))
    inputs = inputs_of(
        services,
        price_usd_per_mwh=price,
        carbon_g_per_kwh=rng.uniform(50.0, 500.0, windows),
        window_s=int(rng.choice([900, 1800, 3600])),
        pue=float(rng.uniform(1.0, 1.5)),
        power_cap_kw=float(rng.uniform(1.0, 6.0)) * len(services) if caps and rng.random() < 0.6 else None,
        transitions={
            "instance_start_s": float(rng.choice([0.0, 120.0])),
            "instance_start_wh": float(rng.choice([0.0, rng.uniform(5.0, 120.0)])),
            "instance_start_usd": float(rng.choice([0.0, rng.uniform(0.0, 0.2)])),
        },
        objective=[{"energy": 1.0}, {"cost": 1.0}, {"energy": 0.5, "cost": 1.0, "carbon": 2.0}][rng.integers(3)],
        **gpu,
    )
    return Case(inputs, overheads, caps)


def _kinds(rng: np.random.Generator, most: int) -> list[Kind]:
    every = [Kind(gpu, tp, 1, "bf16") for gpu in ("a100", "h100") for tp in (1, 2, 4)]
    picked = rng.choice(len(every), size=int(rng.integers(1, most + 1)), replace=False)
    return [every[int(index)] for index in sorted(picked)]


def _random_service(rng: np.random.Generator, kinds: list[Kind], windows: int, buckets: int, *, mixed: bool) -> Service:
    clocks = np.sort(rng.choice(np.arange(800, 2000, 50), size=int(rng.integers(2, 5)), replace=False)).astype(float)
    rows: list[Row] = []
    best = np.zeros(buckets)
    for kind in kinds:
        for clock in clocks.tolist():
            idle = float(rng.uniform(0.7, 1.3)) * kind.tp * (60 + 0.03 * clock)
            for bucket in range(buckets):
                top, points = _random_cell(rng, kind, clock, idle, bucket)
                best[bucket] = max(best[bucket], top)
                rows += cell(kind, clock, points, input_tokens=CLASS_TOKENS[bucket], provenance="modelled")
    rate = rng.uniform(0.05, 1.4 if buckets == 1 else 0.9, (windows, buckets)) * best
    rate[rng.random(windows) < 0.15] = 0.0
    record: dict[str, Any] = {"pools": "single" if mixed else "per-bucket"}
    if rng.random() < 0.25:
        record["min_instances"] = int(rng.integers(1, 3))
    if rng.random() < 0.2:
        record["reserve_quantile"] = None
    if rng.random() < 0.2:
        record["frequencies_mhz"] = sorted({*clocks.tolist()[1:], float(np.round(clocks[:2].mean()) + 0.5)})
    mixing = None
    if mixed:
        mixing = MixingTable(
            "mixing.csv",
            tuple(
                MixingRow(MODEL, kind, clock, frozenset("SL"), float(rng.uniform(0.0, 0.4)), Provenance.MODELLED, "")
                for kind in kinds
                for clock in sorted({*clocks.tolist(), *record.get("frequencies_mhz", ())})
            ),
        )
    reserve = rate * rng.uniform(1.0, 1.6, rate.shape)
    return service(profile_table(rows), rate, reserve_rps=reserve, mixing=mixing, **record)


def _random_cell(
    rng: np.random.Generator, kind: Kind, clock: float, idle_w: float, bucket: int
) -> tuple[float, list[tuple[float, float, float]]]:
    """Highest rate within the SLO or a little above, and points (rate, TTFT, power), concave or convex in load."""
    generation = 1.0 if kind.gpu == "h100" else 0.6
    top = float(rng.uniform(0.8, 1.2)) * generation * (2.0, 0.7)[bucket] * kind.tp**0.9 * (clock / 2000.0) ** 0.7
    span = float(rng.uniform(0.6, 1.2)) * kind.tp * 350.0 * (clock / 2000.0) ** 1.6
    bend = float(rng.uniform(0.4, 1.8))
    slow = float(rng.uniform(0.8, 1.3))  # above 1 the promise of 200 ms ends before the last row
    levels = (0.0, 0.3, 0.6, 1.0) if rng.random() < 0.85 else (0.2, 0.6, 1.0)
    return top, [(top * u, TTFT_SLO_MS * slow * (0.3 + 0.7 * u), idle_w + span * u**bend) for u in levels]
