"""A small plan and scenario written by hand: two pools, two sites' worth of detail on one site, four hourly windows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dynamo_plan.emit.run_folder import RunRecord
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import (
    PLAN_VERSION,
    Baseline,
    Certificate,
    Group,
    InputFile,
    Omission,
    Plan,
    PlanStatus,
    PoolPlan,
    ProvenanceShare,
    ServerPlan,
    SitePlan,
    Totals,
    Violation,
)
from dynamo_plan.schema.scenario import Scenario

TP2 = Kind("h100", 2, 1, "bf16")
TP8 = Kind("h100", 8, 1, "bf16")
ENERGY_KWH = (4.0, 6.0, 9.0, 5.0)
BASELINE_KWH = (10.0, 10.0, 10.0, 10.0)
CARBON_G_PER_KWH = (250.0, 150.0, 70.0, 150.0)

GROUPS = (
    Group(0, "chat/SS", TP2, 2, 1200.0, 3.0, 0.75, 1500.5),
    Group(0, "chat/SS", TP2, 1, 1200.0, 1.0, 0.25, 500.25),
    Group(0, "chat/LL", TP8, 1, 1980.0, 0.5, 1.0, 2500.0),
    Group(1, "chat/SS", TP2, 3, 1400.0, 3.0, 0.6, 2400.0),
    Group(2, "chat/SS", TP2, 1, 1200.0, 0.0, 0.0, 220.0),
    Group(2, "chat/LL", TP8, 2, 1600.0, 0.4, 0.9, 4200.1),
    Group(3, "chat/LL", TP8, 2, 1600.0, 0.4, 0.9, 4200.1),
)


def totals(energy_kwh: float, carbon_kg: float) -> Totals:
    return Totals(energy_kwh, energy_kwh / 1.2, carbon_kg, 3.0 * energy_kwh, 50.0, energy_kwh / 3, 16, 0.0, 3)


def sample_plan() -> Plan:
    return Plan(
        version=PLAN_VERSION,
        name="hand-made",
        status=PlanStatus.OPTIMAL,
        first_window_start="2024-05-14T00:00:00Z",
        window_s=3600,
        windows=4,
        certificate=Certificate(24.0, 24.0 - 1e-9, 4.2e-11, "decomposed", "Every pool's schedule was priced exactly."),
        totals=totals(sum(ENERGY_KWH), 3.28),
        pools=(
            PoolPlan("chat/SS", "chat", "site-a", ("SS", "SM")),
            PoolPlan("chat/LL", "chat", "site-a", ("LL",)),
        ),
        groups=GROUPS,
        servers=(ServerPlan("site-a", "h100", (14, 6, 18, 16), (2, 1, 3, 2), (0, 0, 2, 0), 420.0),),
        sites=(
            SitePlan(
                "site-a",
                tuple(kwh / 1.2 for kwh in ENERGY_KWH),
                ENERGY_KWH,
                (1.0, 0.9, 0.63, 0.75),
                (1.0, 2.0, 3.0, 4.0),
            ),
        ),
        baselines=(
            Baseline(
                "single_pool", "one pool of TP8 at the highest clock, mixing free", totals(sum(BASELINE_KWH), 6.2)
            ),
            Baseline("single_pool_strict", "the same, every class within its own SLO", totals(60.0, 9.3)),
        ),
        provenance=(ProvenanceShare("composed", 1.0),),
        violations=(),
        omissions=(Omission("power_cap", "site-a has no power cap"),),
        assumptions=("The first window's instances are running already.",),
        inputs=(
            InputFile("scenario", "scenario.yaml", 10, "0" * 64),
            InputFile("profile:chat", "profiles/p.csv", 20, "1" * 64),
        ),
    )


def best_effort_plan() -> Plan:
    broken = Violation("power_cap", "site-a", (0, 2, 3), (1.0, 4.0, 0.5), "kW", "Raise power_cap_kw to 9 kW.")
    return replace(sample_plan(), status=PlanStatus.INFEASIBLE, violations=(broken,))


def sample_scenario() -> Scenario:
    return Scenario.model_validate(
        {
            "version": 1,
            "name": "hand-made",
            "window_minutes": 60,
            "services": [
                {
                    "name": "chat",
                    "model": "m",
                    "profile": "profiles/p.csv",
                    "mixing": "profiles/mixing.csv",
                    "forecast": "load.csv",
                    "buckets": {"input": [256, None], "output": [100, None]},
                    "slo": {"ttft_p99_ms": {"S": 250.0, "L": 2000.0}, "tbt_p99_ms": 100.0},
                    "pools": [["SS", "SL"], ["LS", "LL"]],
                }
            ],
            "sites": [
                {
                    "name": "site-a",
                    "gpus": {"h100": {"count": 24, "per_server": 8}},
                    "grid": "grid.csv",
                    "power_cap_kw": 9.0,
                }
            ],
        }
    )


def sample_record(scenario_folder: Path, plan: Plan | None = None) -> RunRecord:
    return RunRecord(
        plan=plan or sample_plan(),
        scenario=sample_scenario(),
        scenario_folder=scenario_folder,
        phases_s={"read": 0.1, "assemble": 0.2, "solve": 0.3, "dispatch": 0.0, "verify": 0.1},
        solver={"name": "HiGHS", "version": "1.15.1", "method": "decomposed"},
        log="solver says\n",
        diagnosis=(),
        findings=(),
    )
