"""The paper's systems beside this planner on Azure's conversation: `python -m benchmarks compare`, a case alone with `--case week`.

As a program it is one measurement, in a process of its own: `python -m benchmarks.compare CASE ACCOUNT FOLDER`. The cases are those of
`compare_cases`.

Accounts: *site* as the scenario states them; *GPUs* leaves out hosts, and GPUs without an instance draw nothing: the strictest.

As systems keep the SLO more or less often at the same reserve, the two of interest are also run with reserves multiplied by a case's
headrooms: what each takes where it first keeps the SLO in as many bucket-windows as promised is what they have in common. And the planner
is run knowing more than its forecast and less than all, which tells what not knowing costs: `known_more`.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare_cases import LOADS, QUANTILE, came
from benchmarks.processes import reason, run
from benchmarks.tables import Bench, Row, Table, seconds, share
from dynamo_plan.compare import SYSTEMS, CompareOptions, compare_systems
from dynamo_plan.ingest import read_engine_table, read_inputs
from dynamo_plan.schema.comparison import Comparison, SystemRun
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.trace import Trace
from tests.raw_data import DATA_VARIABLE, data_set

ENGINE = Path(__file__).parents[1] / "profiles" / "llama-2-70b-h100.engine.csv"

ACCOUNTS = {"site": (), "GPUs": (("server_idle_w", "0"), ("unused_gpu_w", "0"))}
RESHARD = (("transitions.reshard_wh", "4"),)
"""The scenario's 5 s of a re-shard at about 3 kW, as its 50 Wh of a start are a minute of it; else a re-shard would count as a start."""

RIVALS = ("dynamo-llm", "planner")
ALL = tuple(system.NAME for system in SYSTEMS)
FEW = ("single-pool", *RIVALS, "planner-foresight")
BOTH, STRICTEST = tuple(ACCOUNTS), ("GPUs",)
HEADROOMS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)
FROM_MEANS = HEADROOMS[3:]
"""Where less than nine tenths of the reserve is below the mean, which is then reserved."""
FEW_HEADROOMS = (1.0, 1.1, 1.2)
"""For runs that take minutes."""

PEAK_S = 300
"""Length of the rates of which the highest in a window is its peak [s]: an epoch of DynamoLLM's pool manager."""

LIMIT_S = 3600.0
"""After which a measurement is killed [s]."""

MOST_OF_DYNAMO, LEAST_KEPT, MOST_OF_FORESIGHT = 0.90, 0.99, 1.05
"""Promised: energy against DynamoLLM's at no worse attainment, bucket-windows within SLO, energy against perfect foresight."""

PAPER = {
    "multi-pool": 20.0,
    "scale-inst": -2.0,
    "scale-shard": -6.0,
    "scale-freq": -19.0,
    "dynamo-llm": -35.0,
}
"""Energy against SinglePool in the conversation hour on 12 servers [%]. Source: DynamoLLM (HPCA 2025), figure 7 by readings of it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is run of a case; whether also with the planner knowing more."""

    accounts: tuple[str, ...] = STRICTEST
    systems: tuple[str, ...] = ALL
    headrooms: tuple[float, ...] = HEADROOMS
    knowing_more: bool = True


CASES = {
    "hour": Measured(BOTH),
    "hour x3": Measured(BOTH),
    "days": Measured(BOTH),
    "days-next-epoch": Measured(headrooms=FROM_MEANS),
    "week": Measured(systems=FEW, headrooms=FEW_HEADROOMS, knowing_more=False),
    "week-two-pools": Measured(BOTH, systems=FEW, headrooms=FEW_HEADROOMS, knowing_more=False),
}


def measure(case: str, account: str, folder: Path) -> dict[str, object]:
    """One comparison, the two systems of interest at several reserves, and the planner knowing more."""
    asked, load = CASES[case], LOADS[case]
    changes = [*load.changes, *((f"sites.0.gpus.h100.{name}", value) for name, value in ACCOUNTS[account])]
    inputs = read_inputs(load.scenario, [*RESHARD, *changes])
    with tempfile.TemporaryDirectory() as into:
        inputs, trace = load.known(inputs, folder, Path(into))
    name = inputs.scenario.services[0].name
    tables, traces = {name: read_engine_table(ENGINE)}, {name: trace}
    begun: dict[str, float] = {}

    def on_progress(system: str, done: float) -> None:
        begun.setdefault(system, time.perf_counter())

    found = compare_systems(inputs, tables, traces, CompareOptions(asked.systems), on_progress)
    ends = [*list(begun.values())[1:], time.perf_counter()]
    taken_s = {system: end - begin for (system, begin), end in zip(begun.items(), ends, strict=True)}

    def alone(system: str, known: Inputs) -> dict[str, float]:
        return _of(compare_systems(known, tables, traces, CompareOptions((system,))).systems[0])

    runs = {one.name: _of(one) for one in found.systems}
    tried: dict[str, list[dict[str, float]]] = {system: [] for system in RIVALS}
    for factor in asked.headrooms:
        for system, own in tried.items():
            if not own or own[-1]["attainment"] < LEAST_KEPT:
                at = runs[system] if factor == 1.0 else alone(system, with_headroom(inputs, factor))
                own.append({"headroom": factor, **at})
    more = known_more(inputs, trace) if asked.knowing_more and account in STRICTEST else {}
    knowing = {what: alone("planner", known) for what, known in more.items()}
    return {**figures(found, taken_s), "headrooms": tried, "knowing": knowing}


def _of(one: SystemRun) -> dict[str, float]:
    return {"energy_kwh": one.account.energy_kwh, "attainment": one.attainment}


def with_headroom(inputs: Inputs, factor: float) -> Inputs:
    """The same forecasts, their reserves multiplied."""
    forecast = inputs.forecasts[inputs.scenario.services[0].name]
    return _known(inputs, forecast.rate_rps, factor * forecast.quantile_rate_rps[QUANTILE])


def _known(inputs: Inputs, mean: np.ndarray, reserve: np.ndarray) -> Inputs:
    """Other rates expected and reserved for, in the order of the buckets."""
    forecasts = {
        name: replace(one, rate_rps=mean, quantile_rate_rps={QUANTILE: reserve})
        for name, one in inputs.forecasts.items()
    }
    return replace(inputs, forecasts=forecasts)


def known_more(inputs: Inputs, trace: Trace) -> dict[str, Inputs]:
    """From perfect foresight to the forecast, step by step: what is known of the load."""
    forecast = inputs.forecasts[inputs.scenario.services[0].name]
    names, mean = came(inputs, trace, inputs.windows, inputs.windows.window_s)
    order = [names.index(name) for name in forecast.buckets]
    mean = mean[:, order]
    steps = {}
    if inputs.windows.window_s > PEAK_S:
        rates = came(inputs, trace, inputs.windows, PEAK_S)[1][:, order]
        steps["planner, means known, reserve of 5-min peaks"] = (
            mean,
            rates.reshape(len(mean), -1, len(order)).max(axis=1),
        )
    steps["planner, means known, reserve as forecast"] = (mean, np.maximum(forecast.quantile_rate_rps[QUANTILE], mean))
    steps["planner, means forecast, no reserve"] = (forecast.rate_rps, forecast.rate_rps)
    return {name: _known(inputs, *rates) for name, rates in steps.items()}


def figures(found: Comparison, taken_s: dict[str, float]) -> dict[str, object]:
    """What the tables show of a comparison."""
    systems = {
        one.name: {
            "energy_kwh": one.account.energy_kwh,
            "change": found.change(one),
            "attainment": one.attainment,
            "spans": one.spans,
            "within_slo": one.within_slo,
            "mean_gpus": one.mean_gpus,
            "peak_gpus": one.peak_gpus,
            "starts": one.account.instance_starts,
            "reshards": one.reshards,
            "power_p50_kw": one.power_p50_kw,
            "power_p99_kw": one.power_p99_kw,
            "seconds": taken_s[one.name],
        }
        for one in found.systems
    }
    omitted = {one.piece: one.reason for one in found.omitted}
    return {
        "systems": systems,
        "omitted": omitted,
        "requests": found.requests,
        "bound_kwh": found.lower_bound.energy_kwh,
    }


def compare(bench: Bench) -> Table:
    """Every case under its accounts."""
    table = Table(
        "Compare: the paper's systems and this planner",
        f"Promised of planner: at least {LEAST_KEPT:.0%} of bucket-windows within SLO; at most {MOST_OF_DYNAMO:.0%} of "
        f"dynamo-llm's energy at no worse attainment, and {MOST_OF_FORESIGHT:.0%} of perfect foresight's. Paper: the hour on 12 "
        "servers, figure 7 by readings of it.",
    )
    folder = data_set("azure-llm-2023")
    if folder is None:
        table.rows.append(
            Row({"case": "hour", "note": f"not here; {DATA_VARIABLE} names the folder that holds it"}, None, {})
        )
        return table
    for case, asked in CASES.items():
        for account in asked.accounts if bench.wants(case) else ():
            bench.say(f"compare: {case}, account {account}")
            ended = run("benchmarks.compare", case, account, str(folder.parent), timeout_s=LIMIT_S)
            if ended.exit_code:
                table.rows.append(Row({"case": case, "note": reason(ended)}, kept=False, data={}))
                continue
            table.rows += _rows(case, account, json.loads(ended.stdout), ended.peak_mib)
    return table


def _rows(case: str, account: str, found: dict[str, Any], peak_mib: float) -> list[Row]:
    rows = []
    systems, where = found["systems"], f"{case}, {account}"
    for name, one in systems.items():
        paper = PAPER.get(name) if case == "hour x3" and account == "GPUs" else None
        sign = "" if paper is None else " (sign hit)" if paper * one["change"] > 0 else " (sign MISSED)"
        cells = {
            "case": where,
            "method": name,
            "kWh": f"{one['energy_kwh']:.2f}",
            "against SinglePool": share(one["change"], signed=True),
            "paper": "" if paper is None else f"{paper:+.0f} %{sign}",
            "bucket-windows kept": f"{one['attainment']:.1%} of {one['spans']}",
            "requests kept": f"{one['within_slo']:.2%}",
            "GPUs": f"{one['mean_gpus']:.1f}",
            "starts": f"{one['starts']}",
            "s": seconds(one["seconds"]),
        }
        kept = None if name != "planner" else _kept(systems)
        rows.append(Row(cells, kept, {"case": case, "account": account, "system": name, **one}))
    rows += _at_equal_attainment(where, found["headrooms"])
    rows += [_short(where, what, one) for what, one in found["knowing"].items()]
    bound = {"energy_kwh": found["bound_kwh"], "requests": found["requests"], "peak_mib": peak_mib}
    return [*rows, _short(where, "lower bound", bound, mib=f"{peak_mib:,.0f}")]


def _short(where: str, what: str, one: dict[str, Any], kept: bool | None = None, mib: str = "") -> Row:
    energy = one["energy_kwh"]
    known = {"bucket-windows kept": f"{one['attainment']:.1%}"} if "attainment" in one else {}
    shown = {"case": where, "method": what, "kWh": "-" if energy is None else f"{energy:.2f}", **known, "MiB": mib}
    return Row(shown, kept, {"case": where, "system": what, **one})


def _at_equal_attainment(case: str, headrooms: dict[str, Any]) -> list[Row]:
    """Energy of both at the first reserve at which they keep the SLO as often as promised."""
    rows, first = [], {}
    for system, tried in headrooms.items():
        if tried:
            last = tried[-1]
            first[system] = last["energy_kwh"] if last["attainment"] >= LEAST_KEPT else math.inf
            kept = first[system] <= MOST_OF_DYNAMO * first[RIVALS[0]] if system == RIVALS[1] else None
            rows.append(_short(case, f"{system}, reserve x {last['headroom']:g}", last, kept))
    return rows


def _kept(systems: dict[str, Any]) -> bool:
    """Whether the planner keeps all that is promised of it."""
    ours, theirs, best = (systems[name] for name in ("planner", "dynamo-llm", "planner-foresight"))
    return bool(
        ours["attainment"] >= max(LEAST_KEPT, theirs["attainment"])
        and ours["energy_kwh"] <= MOST_OF_DYNAMO * theirs["energy_kwh"]
        and ours["energy_kwh"] <= MOST_OF_FORESIGHT * best["energy_kwh"]
    )


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
