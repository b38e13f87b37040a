"""The groups of measurements: shipped examples, invented fleets, methods side by side, pools found, Mélange's cases."""

from __future__ import annotations

import functools
import json
import math
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict

from benchmarks.cases import CASES, SITE_POWER_CAP, Case
from benchmarks.compare import compare
from benchmarks.engine import engine
from benchmarks.forecasts import forecast
from benchmarks.logs import logs
from benchmarks.methods import Measurement
from benchmarks.processes import Ended, measured, origin_of, reason, run
from benchmarks.profile_errors import profile
from benchmarks.replay import replay
from benchmarks.studies import whatif
from benchmarks.tables import Bench, Row, Table, seconds, share
from benchmarks.telemetry import telemetry

OURS_LIMIT_S = 120.0
"""Time limit of this project's own solves [s]: above every promise."""

LIMITS_LEFT = 1.05
"""A MILP that is promised to be slower by a factor gets this much more than the time in which it would have to reach its gap."""

AT = "0.01"
"""Gap at which methods are compared [1], as `Measurement.reached_s` names it."""

AGREEMENT = 1e-6
"""Relative; a least cost is reached if it is met to this."""

CAP_AGREEMENT = 1e-3
"""Relative; a stated power cap is a round number."""

WITHOUT_BOUND = ("paper's epochs",)
"""Methods that prove nothing about the whole problem: compared by the time they take in all."""

EPOCH_LIMITS = 2.0
"""They get this many times the limit: before the last epoch is planned there is no plan."""

BY_DEFAULT = ("ours", "textbook HiGHS")
SIDE_BY_SIDE = {
    "day-50": ("ours", "textbook HiGHS", "points HiGHS", "states HiGHS", "textbook CBC", "paper's epochs"),
    "5min-day-50": ("ours", "textbook HiGHS", "textbook CBC", "paper's epochs"),
    "week-50": ("ours", "textbook HiGHS", "points HiGHS", "textbook CBC", "paper's epochs"),
    "week-50-gpus": ("ours", "textbook HiGHS", "textbook CBC", "paper's epochs"),
    "week-50-power": BY_DEFAULT,
    "week-150-power": BY_DEFAULT,
    "week-450": ("ours", "textbook HiGHS", "textbook CBC"),
    "week-5000": BY_DEFAULT,
    "5min-50": BY_DEFAULT,
    "10-services": BY_DEFAULT,
}
"""Which methods a case is given to; cases that are asked for by name get `BY_DEFAULT`."""

FASTER = {"week-50": 500.0}
"""Promised: how many times sooner this project has its proven gap than the compact MILP in HiGHS has 1 %."""

EXAMPLES = {"first-plan": (5.0, 1e-3), "azure-week": (30.0, 1e-3)}
"""Promised time to solve [s] and gap [1] of the shipped examples."""

HELP_S, MELANGE_S = 0.3, 0.1
"""Promised: `dynamo-plan --help`; build and solve of a case of Mélange [s]."""


@functools.cache
def _ours(case: str, repeats: int) -> tuple[Measurement, float]:
    """Our own measurement of a case and its peak memory [MiB]; taken once for all groups."""
    return measured(case, "ours", OURS_LIMIT_S, repeats)


def _phases(found: dict[str, float]) -> dict[str, str]:
    return {name: seconds(found.get(name)) for name in ("assemble", "build", "solve", "dispatch", "verify")}


def promises(bench: Bench) -> Table:
    """The command line on the shipped examples."""
    table = Table(
        "Promises: shipped examples",
        f"Wall time by phase [s], medians of {bench.repeats}; states are built within assemble. All: the whole command.",
    )
    bench.say("dynamo-plan --help")
    run("dynamo_plan", "--help")  # the first call compiles byte code
    calls = [run("dynamo_plan", "--help") for _ in range(2 * bench.repeats + 1)]
    fast = statistics.median(one.seconds for one in calls) < HELP_S
    table.rows.append(_call_row("dynamo-plan --help", calls, {}, f"< {HELP_S:g} s", fast))
    for example, (most_s, most_gap) in EXAMPLES.items():
        bench.say(f"solve {example}")
        table.rows.append(_example(example, bench.repeats, most_s, most_gap))
    return table


def _example(example: str, repeats: int, most_s: float, most_gap: float) -> Row:
    calls = []
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(repeats):
            scenario = f"examples/{example}/scenario.yaml"
            calls.append(run("dynamo_plan", "solve", scenario, "-d", f"{folder}/{repeat}", "-o", "json", "--quiet"))
    promise = f"solve < {most_s:g} s, gap <= {share(most_gap)}"
    if any(one.exit_code for one in calls):
        return _call_row(f"solve {example}", calls, {}, promise, False)
    summaries = [json.loads(one.stdout) for one in calls]
    names = summaries[0]["phases_s"]
    phases = {name: statistics.median(one["phases_s"][name] for one in summaries) for name in names}
    gap = max(one["gap"] for one in summaries)
    row = _call_row(f"solve {example}", calls, phases, promise, phases["solve"] < most_s and gap <= most_gap)
    row.cells["gap"] = share(gap)
    row.data["gap"] = gap
    return row


def _call_row(case: str, calls: list[Ended], phases: dict[str, float], promise: str, kept: bool) -> Row:
    whole, peak = statistics.median(one.seconds for one in calls), max(one.peak_mib for one in calls)
    failed = [one for one in calls if one.exit_code]
    note = reason(failed[0]) if failed else ""
    cells = {"case": case, **_phases(phases), "all": seconds(whole), "gap": "-", "MiB": f"{peak:.0f}"}
    cells |= {"promise": promise, "note": note}
    data = {"case": case, "phases_s": phases, "all_s": whole, "peak_mib": peak, "note": note}
    return Row(cells, kept and not failed, data)


def fleet(bench: Bench) -> Table:
    """Our own solves of invented fleets."""
    table = Table(
        "Fleet: this project on invented fleets",
        "Nine pools per service, TP 2/4/8, 12 clocks, dispatch that can be run. Wall time [s]; what is promised is build + solve. The "
        "problems are generated: nothing is assembled from files and nothing verified against them. Rows without a promise are for "
        "information.",
    )
    for name, case in CASES.items():
        if bench.wants(name):
            bench.say(f"fleet {name}")
            table.rows.append(_fleet_row(name, case, *_ours(name, bench.repeats)))
    return table


def _fleet_row(name: str, case: Case, found: Measurement, peak_mib: float) -> Row:
    used = found.phases_s.get("build", math.inf) + found.phases_s.get("solve", math.inf)
    promised = math.isfinite(case.seconds)
    good = found.status == "ok" and found.broken_windows == 0 and found.gap <= case.gap
    kept = good and used < case.seconds and peak_mib < case.mib if promised else None
    cells = {
        "case": name,
        "pools x windows": f"{9 * case.services} x {case.windows}",
        "caps": case.caps,
        "GPUs": f"{found.peak_gpus:,}",
        **{phase: text for phase, text in _phases(found.phases_s).items() if phase in ("build", "solve", "dispatch")},
        "gap": share(found.gap),
        "MiB": f"{peak_mib:.0f}",
        "promise": _promise(case) if promised else "",
        "note": "" if found.status == "ok" else found.status,
    }
    return Row(cells, kept, {**asdict(found), "peak_mib": peak_mib})


def _promise(case: Case) -> str:
    memory = f", < {case.mib:.0f} MiB" if math.isfinite(case.mib) else ""
    return f"gap {'<= ' if case.gap else ''}{share(case.gap)}, < {case.seconds:g} s{memory}"


def methods(bench: Bench) -> Table:
    """The same problems by several methods."""
    table = Table(
        "Methods side by side",
        "Plan: cost of the plan's instance counts under the dispatch that can be run, against ours. Bound: the method's proven bound "
        "against our plan. Textbook: power on the convex hull, a relaxation: its own gap is one against a problem that is too cheap, and "
        "its plan may break a power cap that it believes to hold. Points: the same with all operating points. States: our compact model, "
        "exactly the same problem. Wall time [s]; 1 % after: the search alone; x ours: that, or the time spent without reaching it (>), "
        "over our build + solve.",
    )
    for name in bench.cases or SIDE_BY_SIDE:
        for method in SIDE_BY_SIDE.get(name, BY_DEFAULT):
            bench.say(f"methods {name}: {method}")
            table.rows.append(_method_row(name, method, bench))
    return table


def _method_row(name: str, method: str, bench: Bench) -> Row:
    mine, peak_mib = _ours(name, bench.repeats)
    used = mine.phases_s.get("build", math.nan) + mine.phases_s.get("solve", math.nan)
    found, kept, ratio = mine, None, ""
    if method != "ours":
        factor = FASTER.get(name, 0.0) if method == BY_DEFAULT[1] else 0.0
        limit_s = bench.limit_s * (EPOCH_LIMITS if method in WITHOUT_BOUND else 1.0)
        if math.isfinite(used):
            limit_s = max(limit_s, LIMITS_LEFT * factor * used)
        found, peak_mib = measured(name, method, limit_s, 1)
        spent = found.phases_s.get("solve", math.nan)
        times = found.reached_s.get(AT, spent) / used
        done = AT in found.reached_s or (method in WITHOUT_BOUND and found.status == "ok")
        ratio = f"{'' if done else '>'}{times:,.{0 if times >= 10 else 1}f}" if math.isfinite(times) else "-"
        kept = times >= factor if factor else None
    against = mine.objective if math.isfinite(mine.objective) else math.nan
    cells = {
        "case": name,
        "method": method,
        "build": seconds(found.phases_s.get("build")),
        "solve": seconds(found.phases_s.get("solve")),
        "1 % after": seconds(found.reached_s.get(AT)),
        "x ours": ratio,
        "own gap": share(found.gap),
        "plan": share(found.objective / against - 1.0, signed=True),
        "bound": share(found.bound / against - 1.0, signed=True),
        "caps broken in": str(found.broken_windows or ""),
        "MiB": f"{peak_mib:.0f}",
        "note": found.note if found.status == "ok" else f"{found.status}; {found.note}",
    }
    if found is mine and found.status == "ok":
        cells["note"] = ""  # what proved the bound: in the JSON
    return Row(cells, kept, {**asdict(found), "peak_mib": peak_mib})


def caps(bench: Bench) -> Table:
    """Where the caps of the invented fleets come from."""
    table = Table(
        "Caps of the fleets, measured anew",
        "Free: peaks of the cheapest plan without caps. 92 %: the GPU cap that follows. Least: power that the worst window takes within "
        "it. Capped: peak power of a cheapest plan within it. A power cap is stated between the last two, or as a share of the free peak.",
    )
    for name, case in CASES.items():
        if bench.wants(name) and case.caps:
            bench.say(f"caps {name}")
            table.rows.append(_caps_row(name, case))
    return table


def _caps_row(name: str, case: Case) -> Row:
    found = origin_of(name)
    if isinstance(found, str):
        return Row({"case": name, "stated": case.caps, "note": found}, False, {"case": name, "note": found})
    cells = {
        "case": name,
        "stated": case.caps,
        "free [GPUs]": f"{found.peak_gpus}",
        "free [kW]": _kw(found.peak_power_kw),
        "92 % [GPUs]": f"{found.gpus:.0f}",
        "least [kW]": _kw(found.least_kw),
        "capped [kW]": _kw(found.capped_kw),
    }
    holds = math.isinf(case.gpus) or case.gpus == found.gpus
    if math.isfinite(found.least_kw):
        holds = holds and found.least_kw < case.power_kw < found.capped_kw
    elif math.isfinite(case.power_kw):
        holds = math.isclose(case.power_kw, SITE_POWER_CAP * found.peak_power_kw, rel_tol=CAP_AGREEMENT)
    return Row(cells, holds, {"case": name, **asdict(found)})


def _kw(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else "-"


def partition(bench: Bench) -> Table:
    """Which buckets share pools, found and exhaustively."""
    bench.say("partition")
    ended = run("benchmarks.partition")
    table = Table("Pools: auto", ended.stdout or ended.stderr)
    data = {"case": "all", "exit_code": ended.exit_code, "output": ended.stdout}
    cells = {"case": "benchmarks.partition", "all": seconds(ended.seconds), "MiB": f"{ended.peak_mib:.0f}"}
    table.rows.append(Row(cells, ended.exit_code == 0, data))
    return table


def melange(bench: Bench) -> Table:
    """Mélange's cases."""
    table = Table(
        "Mélange's cases",
        f"Build and solve [s], medians of {bench.repeats}; least: the proven optimum of its own formulation.",
    )
    bench.say("melange")
    ended = run("benchmarks.melange", str(bench.repeats))
    if ended.exit_code:
        table.rows.append(Row({"case": "all", "note": reason(ended)}, False, {"case": "all", "note": reason(ended)}))
        return table
    for one in json.loads(ended.stdout):
        reached = max(one["cost_usd"], one["bound_usd"]) <= one["least_known_usd"] * (1.0 + AGREEMENT)
        cells = {
            "case": one["case"],
            "assemble": seconds(one["phases_s"]["assemble"]),
            "build + solve": seconds(one["phases_s"]["solve"]),
            "cost [USD]": f"{one['cost_usd']:.4f}",
            "bound [USD]": f"{one['bound_usd']:.4f}",
            "least [USD]": f"{one['least_known_usd']:.4f}",
            "MiB": f"{ended.peak_mib:.0f}",
            "promise": f"least cost or better, < {MELANGE_S:g} s",
        }
        table.rows.append(Row(cells, reached and one["phases_s"]["solve"] < MELANGE_S, one))
    return table


GROUPS: dict[str, Callable[[Bench], Table]] = {
    "promises": promises,
    "fleet": fleet,
    "methods": methods,
    "partition": partition,
    "melange": melange,
    "caps": caps,
    "engine": engine,
    "forecast": forecast,
    "profile": profile,
    "ingest": telemetry,
    "logs": logs,
    "replay": replay,
    "compare": compare,
    "whatif": whatif,
}
