"""Two correct plans, worked on paper.

All curves are straight lines through their rows, so that monotone cubics reproduce them exactly:

==== ==== ======= ==================== ====================== ==========
kind MHz  bucket  watts at rate r      capacity [1/s]         provenance
==== ==== ======= ==================== ====================== ==========
TP1  2000 SA      100 + 200 r          1.5  (TTFT = 100 r)    measured
TP1  1000 SA       80 + 100 r          0.75 (TTFT = 200 r)    composed
TP2  2000 SA      200 + 200 r          4.0  (last row)        measured
TP2  1000 SA      150 + 150 r          2.0  (last row)        measured
TP1  both LA      -                    0 (lowest row breaks)  measured
TP2  2000 LA      200 + 400 r          0.75 (100 + 400 r)     composed
TP2  1000 LA      150 + 300 r          0.375 (250 + 400 r)    modelled
==== ==== ======= ==================== ====================== ==========

TTFT SLO 150 ms (S) and 400 ms (L), TBT SLO 50 ms, never binding. Three windows of half an hour.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.load import Forecast, GridSignals, Windows
from dynamo_plan.schema.plan import (
    PLAN_VERSION,
    Certificate,
    Group,
    InputFile,
    Plan,
    PlanStatus,
    PoolPlan,
    ProvenanceShare,
    ServerPlan,
    SitePlan,
    Totals,
)
from dynamo_plan.schema.profile import MixingRow, MixingTable, ProfileTable, Provenance
from dynamo_plan.schema.scenario import Scenario
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding
from dynamo_plan.verify.rules import load_rules

TP1 = Kind("h100", 1, 1, "bf16")
TP2 = Kind("h100", 2, 1, "bf16")
WINDOWS = 3

# (tp, clock [MHz], input tokens, rate [1/s], TTFT [ms], power [W], provenance); rate 0 is the idle row.
type Row = tuple[int, float, float, float, float, float, str]
NAN = float("nan")
ROWS: tuple[Row, ...] = (
    (1, 2000.0, 100.0, 0.0, NAN, 100.0, "measured"),
    (1, 2000.0, 100.0, 1.0, 100.0, 300.0, "measured"),
    (1, 2000.0, 100.0, 2.0, 200.0, 500.0, "measured"),
    (1, 1000.0, 100.0, 0.0, NAN, 80.0, "measured"),
    (1, 1000.0, 100.0, 0.5, 100.0, 130.0, "composed"),
    (1, 1000.0, 100.0, 1.0, 200.0, 180.0, "measured"),
    (2, 2000.0, 100.0, 0.0, NAN, 200.0, "measured"),
    (2, 2000.0, 100.0, 2.0, 50.0, 600.0, "measured"),
    (2, 2000.0, 100.0, 4.0, 90.0, 1000.0, "measured"),
    (2, 1000.0, 100.0, 0.0, NAN, 150.0, "measured"),
    (2, 1000.0, 100.0, 1.0, 80.0, 300.0, "measured"),
    (2, 1000.0, 100.0, 2.0, 120.0, 450.0, "measured"),
    (1, 2000.0, 1000.0, 0.0, NAN, 100.0, "measured"),
    (1, 2000.0, 1000.0, 0.2, 500.0, 150.0, "measured"),
    (1, 2000.0, 1000.0, 0.4, 900.0, 200.0, "measured"),
    (1, 1000.0, 1000.0, 0.0, NAN, 80.0, "measured"),
    (1, 1000.0, 1000.0, 0.1, 800.0, 100.0, "measured"),
    (1, 1000.0, 1000.0, 0.2, 990.0, 120.0, "measured"),
    (2, 2000.0, 1000.0, 0.0, NAN, 200.0, "measured"),
    (2, 2000.0, 1000.0, 0.5, 300.0, 400.0, "composed"),
    (2, 2000.0, 1000.0, 1.0, 500.0, 600.0, "composed"),
    (2, 1000.0, 1000.0, 0.0, NAN, 150.0, "composed"),
    (2, 1000.0, 1000.0, 0.25, 350.0, 225.0, "modelled"),
    (2, 1000.0, 1000.0, 0.5, 450.0, 300.0, "measured"),
)

SCENARIO: dict[str, Any] = {
    "version": 1,
    "name": "hand",
    "window_minutes": 30.0,
    "services": [
        {
            "name": "chat",
            "model": "m",
            "profile": "profile.csv",
            "mixing": "mixing.csv",
            "forecast": "load.csv",
            "buckets": {"input": [256, None], "output": [None]},
            "slo": {"ttft_p99_ms": {"S": 150.0, "L": 400.0}, "tbt_p99_ms": 50.0},
            "memory": {
                "parameters_billion": 10.0,
                "layers": 32,
                "kv_heads": 8,
                "head_dim": 128,
                "max_request_tokens": 4096,
            },
        }
    ],
    "sites": [
        {
            "name": "hall",
            "gpus": {
                "h100": {
                    "count": 16,
                    "per_server": 4,
                    "price_usd_per_gpu_h": 2.0,
                    "server_idle_w": 400.0,
                    "unused_gpu_w": 50.0,
                    "released_server_w": 10.0,
                    "hbm_gib": 80.0,
                },
                "a100": {"count": 4, "per_server": 4, "server_idle_w": 300.0, "released_server_w": 20.0},
            },
            "grid": "grid.csv",
            "pue": 1.2,
            "power_cap_kw": 10.0,
        }
    ],
    "transitions": {"instance_start_s": 360.0, "instance_start_wh": 50.0, "instance_start_usd": 0.5},
}
FILES = tuple(
    InputFile(role, path, 100, digit * 64)
    for role, path, digit in (
        ("scenario", "scenario.yaml", "0"),
        ("profile:chat", "profile.csv", "1"),
        ("mixing:chat", "mixing.csv", "2"),
        ("forecast:chat", "load.csv", "3"),
        ("grid:hall", "grid.csv", "4"),
    )
)


def profile_table(rows: tuple[Row, ...] = ROWS) -> ProfileTable:
    """A profile of model ``m`` on h100, with 50 output tokens and a TBT of 20 ms throughout."""
    tp, clock, tokens, rate, ttft, power, provenance = zip(*rows, strict=True)
    n = len(rows)
    return ProfileTable(
        path="profile.csv",
        line=np.arange(2, n + 2),
        model=np.array(["m"] * n),
        gpu=np.array(["h100"] * n),
        tp=np.array(tp),
        pp=np.ones(n, dtype=np.int64),
        dtype=np.array(["bf16"] * n),
        frequency_mhz=np.array(clock),
        input_tokens=np.array(tokens),
        output_tokens=np.full(n, 50.0),
        rate_rps=np.array(rate),
        ttft_p99_ms=np.array(ttft),
        tbt_p99_ms=np.where(np.array(rate) > 0, 20.0, NAN),
        power_w=np.array(power),
        provenance=np.array(provenance),
        source=np.array(["on paper"] * n),
    )


def hand_inputs(rate_rps: list[list[float]], reserve_rps: list[list[float]], **service: Any) -> Inputs:
    """Inputs with these rates, shape (window, bucket) over SA and LA [1/s]; keywords change the service."""
    record = {**SCENARIO, "services": [{**SCENARIO["services"][0], **service}]}
    # Lenient here because the records above are Python, where strict validation wants enums rather than their names.
    scenario = Scenario.model_validate(
        record | {"objective": {"energy": 1.0, "cost": 0.5, "carbon": 2.0}}, strict=False
    )
    start = np.array(["2024-05-12T00:00:00", "2024-05-12T00:30:00", "2024-05-12T01:00:00"], dtype="datetime64[s]")
    windows = Windows(start, 1800)
    forecast = Forecast("load.csv", windows, ("SA", "LA"), np.array(rate_rps), {0.95: np.array(reserve_rps)})
    grid = GridSignals("grid.csv", np.array([100.0, -50.0, 200.0]), np.array([500.0, 100.0, 250.0]))
    mixing = MixingTable(
        "mixing.csv", (MixingRow("m", TP2, 2000.0, frozenset("SL"), 0.2, Provenance.MODELLED, "on paper"),)
    )
    return Inputs(
        scenario, windows, {"chat": profile_table()}, {"chat": mixing}, {"chat": forecast}, {"hall": grid}, FILES
    )


def two_pools() -> tuple[Plan, Inputs]:
    """A pool per bucket, two kinds, one start.

    GPUs in use 7, 9, 1 on 2, 3, 1 of 4 servers of 4; the a100's one server is released throughout (20 W).
    TP2 starts once, in window 1 (2 GPUs x 0.1 h, 0.05 kWh, 0.5 USD).

    ======  =========  =======  ======  ========  ====  ========  ==============  =============
    window  instances  servers  unused  released  a100  IT watts  start            IT kWh
    ======  =========  =======  ======  ========  ====  ========  ==============  =============
    0       1310       800      50      20        20    2200      0               1.1
    1       2155       1200     150     10        20    3535      0.05            1.7675 + 0.05
    2       300        400      150     30        20    900       0               0.45
    ======  =========  =======  ======  ========  ====  ========  ==============  =============
    """
    inputs = hand_inputs([[3.0, 0.6], [4.5, 1.2], [1.0, 0.0]], [[4.0, 1.0], [6.0, 1.5], [1.5, 0.0]])
    groups = (
        Group(0, "chat/LA", TP2, 2, 1000.0, 0.3, 0.8, 480.0),  # 2 x (150 + 90)
        Group(0, "chat/SA", TP1, 1, 1000.0, 0.5, 2 / 3, 130.0),  # 80 + 50
        Group(0, "chat/SA", TP1, 2, 2000.0, 1.25, 5 / 6, 700.0),  # 2 x (100 + 250)
        Group(1, "chat/LA", TP2, 2, 2000.0, 0.6, 0.8, 880.0),  # 2 x (200 + 240)
        Group(1, "chat/SA", TP1, 3, 2000.0, 1.0, 2 / 3, 900.0),  # 3 x (100 + 200)
        Group(1, "chat/SA", TP2, 1, 1000.0, 1.5, 0.75, 375.0),  # 150 + 225
        Group(2, "chat/SA", TP1, 1, 2000.0, 1.0, 2 / 3, 300.0),  # 100 + 200
    )
    plan = Plan(
        version=PLAN_VERSION,
        name="hand",
        status=PlanStatus.OPTIMAL,
        first_window_start="2024-05-12T00:00:00Z",
        window_s=1800,
        windows=WINDOWS,
        # 4.041 + 0.5 x 18.03095 + 2 x 1.0131 = 15.082675
        certificate=Certificate(15.082675, 15.08, 0.002675 / 15.082675, "compact", "on paper"),
        totals=Totals(
            energy_kwh=4.041,
            it_energy_kwh=3.3675,
            carbon_kg=1.0131,
            cost_usd=18.03095,
            gpu_hours=8.7,  # 0.5 x (7 + 9 + 1) + 2 x 0.1
            peak_power_kw=4.362,  # 2.181 kWh in half an hour
            peak_gpus=9,
            unserved_requests=0.0,
            instance_starts=1,
        ),
        pools=(PoolPlan("chat/LA", "chat", "hall", ("LA",)), PoolPlan("chat/SA", "chat", "hall", ("SA",))),
        groups=groups,
        servers=(
            ServerPlan("hall", "a100", (0, 0, 0), (0, 0, 0), (0, 0, 0), 0.0),
            ServerPlan("hall", "h100", (7, 9, 1), (2, 3, 1), (0, 1, 0), 0.0),
        ),
        sites=(
            SitePlan(
                "hall",
                it_energy_kwh=(1.1, 1.8175, 0.45),
                energy_kwh=(1.32, 2.181, 0.54),
                carbon_kg=(0.66, 0.2181, 0.135),  # 0.5, 0.1, 0.25 kg/kWh
                # 1.32 x 0.1 + 7, 2.181 x -0.05 + 2 x 4.7 + 0.5, 0.54 x 0.2 + 1
                cost_usd=(7.132, 9.79095, 1.108),
            ),
        ),
        baselines=(),
        # measured: TP1 2000 SA 1900 W + TP2 1000 SA 375 W; composed: TP1 1000 SA 130 W + TP2 2000 LA 880 W; modelled: 480 W
        provenance=(
            ProvenanceShare("measured", 2275 / 3765),
            ProvenanceShare("composed", 1010 / 3765),
            ProvenanceShare("modelled", 480 / 3765),
        ),
        violations=(),
        omissions=(),
        assumptions=(),
        inputs=FILES,
    )
    return plan, inputs


def mixed_pool() -> tuple[Plan, Inputs]:
    """One pool of both buckets on TP2 at 2000 MHz, derate 0.2; nothing to serve in window 2, where one instance idles.

    Shares 0.8 and 0.2 of 3 requests/s: 0.8/4 + 0.2/0.75 = 7/15 s per request; capacity 0.8 x 15/7 = 12/7. Two instances at
    1.5: utilisation of the undiminished capacity 0.7; weights 3/7 and 4/7; 3/7 x (200 + 200 x 2.8) + 4/7 x (200 + 400 x
    0.525) = 560 W each. IT watts: 1120 + 400 + 0 + 30 + 20 = 1570 twice, then 200 + 400 + 100 + 30 + 20 = 750.
    """
    plan, _ = two_pools()
    inputs = hand_inputs(
        [[2.4, 0.6], [2.4, 0.6], [0.0, 0.0]],
        [[2.64, 0.66], [2.64, 0.66], [0.0, 0.0]],  # 3.3 of 24/7
        pools="single",
        min_instances=1,
    )
    mixed = replace(
        plan,
        certificate=Certificate(8.75795, 8.75795, 0.0, "compact", "on paper"),  # 2.334 + 0.5 x 10.1371 + 2 x 0.6777
        totals=Totals(2.334, 1.945, 0.6777, 10.1371, 5.0, 1.884, 4, 0.0, 0),
        pools=(PoolPlan("chat/all", "chat", "hall", ("SA", "LA")),),
        groups=(
            Group(0, "chat/all", TP2, 2, 2000.0, 1.5, 0.875, 1120.0),
            Group(1, "chat/all", TP2, 2, 2000.0, 1.5, 0.875, 1120.0),
            Group(2, "chat/all", TP2, 1, 2000.0, 0.0, 0.0, 200.0),
        ),
        servers=(
            ServerPlan("hall", "a100", (0, 0, 0), (0, 0, 0), (0, 0, 0), 0.0),
            ServerPlan("hall", "h100", (4, 4, 2), (1, 1, 1), (0, 0, 0), 0.0),
        ),
        sites=(
            SitePlan(
                "hall", (0.785, 0.785, 0.375), (0.942, 0.942, 0.45), (0.471, 0.0942, 0.1125), (4.0942, 3.9529, 2.09)
            ),
        ),
        provenance=(ProvenanceShare("composed", 1.0),),
    )
    return mixed, inputs


def findings_of(name: str, plan: Plan, inputs: Inputs) -> list[Finding]:
    """What one rule finds."""
    (rule,) = (rule for rule in load_rules() if name == rule.NAME)
    return list(rule.check(plan, inputs, Evidence(plan, inputs)))
