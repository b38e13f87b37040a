"""`summary.json`: the few numbers that scripts read; keys are a contract (docs/reference/files.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from dynamo_plan.schema.plan import Plan, PlanStatus, Totals
from dynamo_plan.schema.profile import Provenance

SUMMARY_VERSION: Final = 1


class BaselineSummary(BaseModel):
    """Totals of a reference plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    energy_kwh: float
    carbon_kg: float
    cost_usd: float
    gpu_hours: float
    peak_power_kw: float
    peak_gpus: int


class SolverSummary(BaseModel):
    """Which solver made the plan, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    method: str


class Summary(BaseModel):
    """The result at a glance. `best_bound` and `gap` are null where nothing is proven.

    Units: energy [kWh, facility], carbon [kg CO2e], cost [USD], phases [s of wall time], provenance [share of the instances'
    energy], gap [1]; the objective is in the unit of its blend.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    name: str
    status: PlanStatus
    objective: float | None
    best_bound: float | None
    gap: float | None
    proof: str
    energy_kwh: float
    carbon_kg: float
    cost_usd: float
    gpu_hours: float
    peak_power_kw: float
    peak_gpus: int
    unserved_requests: float
    windows: int
    instance_starts: int
    baseline: dict[str, BaselineSummary]
    phases_s: dict[str, float]
    solver: SolverSummary
    provenance: dict[Provenance, float]
    diagnosis: list[str]


def summarise(
    plan: Plan, phases_s: Mapping[str, float], solver: Mapping[str, str], diagnosis: tuple[str, ...]
) -> Summary:
    """Summary of a plan; `phases_s` is wall time per phase [s], `solver` has name, version and method."""
    totals = plan.totals
    shares = dict.fromkeys(Provenance, 0.0) | {Provenance(part.provenance): part.share for part in plan.provenance}
    return Summary(
        version=SUMMARY_VERSION,
        name=plan.name,
        status=plan.status,
        objective=_finite(plan.certificate.objective),
        best_bound=_finite(plan.certificate.best_bound),
        gap=_finite(plan.certificate.gap),
        proof=plan.certificate.proof,
        energy_kwh=totals.energy_kwh,
        carbon_kg=totals.carbon_kg,
        cost_usd=totals.cost_usd,
        gpu_hours=totals.gpu_hours,
        peak_power_kw=totals.peak_power_kw,
        peak_gpus=totals.peak_gpus,
        unserved_requests=totals.unserved_requests,
        windows=plan.windows,
        instance_starts=totals.instance_starts,
        baseline={baseline.name: _baseline(baseline.totals) for baseline in plan.baselines},
        phases_s=dict(phases_s),
        solver=SolverSummary(name=solver["name"], version=solver["version"], method=solver["method"]),
        provenance=shares,
        diagnosis=list(diagnosis),
    )


def summary_json(summary: Summary) -> bytes:
    """The summary as indented JSON with a final line break."""
    return summary.model_dump_json(indent=2).encode() + b"\n"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _baseline(totals: Totals) -> BaselineSummary:
    return BaselineSummary(
        energy_kwh=totals.energy_kwh,
        carbon_kg=totals.carbon_kg,
        cost_usd=totals.cost_usd,
        gpu_hours=totals.gpu_hours,
        peak_power_kw=totals.peak_power_kw,
        peak_gpus=totals.peak_gpus,
    )
