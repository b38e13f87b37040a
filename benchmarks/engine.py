"""The engine against measured rows that it was not fitted to, and its speed: `python -m benchmarks engine`.

Fits see one half of the rows, errors are those of the other half, both ways round.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.engine_rows import BACKLOG, CLIENT, STATIC, Series, dvfs, silicon, splitwise
from benchmarks.tables import Bench, Row, Table, share
from dynamo_plan.compiled import Floats, Integers
from dynamo_plan.engine import Cluster, Outcome, PoolPlan, Router, Serving, Setting
from dynamo_plan.engine.calibrate import LAWS, Means, Protocol, fit, measure, tabulate
from dynamo_plan.engine.calibrate import Row as Measured
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.requests import Requests
from tests.raw_data import DATA_VARIABLE, data_set

HALVINGS, HALVINGS_FITTED = 30, 3
"""Random halvings of Splitwise's few shapes, and of the silicon rows, each of which takes fits of a second."""

SEED = 1

FITTED = tuple(law for law in LAWS if law != "attention")
"""Prompts of the fitted data sets fit into one iteration: no row tells what tokens cached before a piece cost."""

TARGETS = {
    ("splitwise", "TBT"): 0.03,
    ("splitwise", "TTFT"): 0.08,
    ("silicon vllm", "TBT"): 0.04,
    ("silicon vllm", "TTFT"): 0.05,
    ("silicon vllm saturated", "throughput"): 0.16,
    ("dvfs-v100", "TBT"): 0.06,
    ("dvfs-v100", "throughput"): 0.05,
}
"""Medians promised, by what a group's name begins with."""

SPEED_RPS, DAY_S = 1e6, 10.0
"""Requests simulated per second and core, promised with skipping; time for a day of a large service [s]."""

COPIES, INSTANCES, DAY_INSTANCES, DAY_REQUESTS = 60, 60, 240, 3_900_000


@dataclass(slots=True)
class Errors:
    """Relative errors of held-out rows, by group and quantity."""

    found: dict[tuple[str, str], list[float]]

    def add(self, group: str, quantity: str, predicted: float, measured: float) -> None:
        """Enter one."""
        self.found[group, quantity].append(abs(predicted / measured - 1.0))


def engine(bench: Bench) -> Table:
    """Held-out errors and speed."""
    table = Table(
        "Engine: errors on measured rows not fitted to, and speed",
        "Errors: relative, of rows in the half that the fit did not see. TBT: mean per request. "
        f"Splitwise: {HALVINGS} halvings by prompt and batch; silicon: {HALVINGS_FITTED}, its throughput follows from TTFT and TBT, "
        f"measured and predicted. Speed: the 2023 conversation hour, {COPIES} copies at random shifts, H100-like costs; CPU time of one "
        "core, compilation apart.",
    )
    for name, rows in GROUPS.items():
        folder = data_set(name)
        if folder is None:
            note = f"not here; {DATA_VARIABLE} names the folder that holds it"
            table.rows.append(Row({"case": name, "note": note}, None, {"case": name, "note": note}))
        elif bench.wants(name):
            bench.say(f"engine {name}")
            table.rows += rows()
    return table


def _splitwise() -> list[Row]:
    errors, random = Errors(defaultdict(list)), np.random.default_rng(SEED)
    for series in splitwise(_folder("splitwise-perf")):
        shapes = sorted({(row.input_tokens, row.concurrency) for row in series.rows})
        for _ in range(HALVINGS):
            for half in _halves(shapes, random):
                seen = [row for row in series.rows if (row.input_tokens, row.concurrency) in half]
                model = tabulate(series.name, seen, kv_tokens=series.kv_tokens, least_context_s=series.least_context_s)
                counted = set()
                for row in series.rows:
                    shape = row.input_tokens, row.concurrency
                    if shape in half:
                        continue
                    found = measure(model, row, STATIC)
                    errors.add(series.group, "TBT", found.tbt_s, row.tbt_s)
                    if shape not in counted:  # outputs of other lengths repeat the same prefill
                        errors.add(series.group, "TTFT", found.ttft_s, row.ttft_s)
                        counted.add(shape)
    return _rows(errors)


def _silicon() -> list[Row]:
    errors, random = Errors(defaultdict(list)), np.random.default_rng(SEED)
    for series in silicon(_folder("silicon-latency")):
        for half in (one for _ in range(HALVINGS_FITTED) for one in _halves(series.rows, random)):
            model = _fitted(series, half, CLIENT)
            for row in series.rows:
                if row not in half:
                    _enter(errors, f"{series.group} {series.name[:4]}", measure(model, row, CLIENT), row)
        if series.saturated:
            model = _fitted(series, series.rows, CLIENT)
            for row in series.saturated:
                found = measure(model, row, CLIENT)
                errors.add(f"{series.group} saturated", "throughput", *(_throughput(one, row) for one in (found, row)))
    return _rows(errors)


def _dvfs() -> list[Row]:
    errors, series = Errors(defaultdict(list)), dvfs(_folder("dvfs-v100-mistral7b"))
    clocks = np.unique([row.frequency_mhz for row in series.rows])
    for parity in range(2):
        held = set(clocks[parity::2].tolist())
        seen = [row for row in series.rows if row.frequency_mhz not in held]
        model = _fitted(series, seen, BACKLOG, clocks)
        for row in series.rows:
            if row.frequency_mhz in held:
                _enter(errors, series.group, measure(model, row, BACKLOG), row)
    return _rows(errors)


def _folder(name: str) -> Path:
    found = data_set(name)
    if found is None:
        raise FileNotFoundError(name)
    return found


def _halves[Item](items: Sequence[Item], random: np.random.Generator) -> Iterator[set[Item]]:
    order = random.permutation(len(items)).tolist()
    middle = len(items) // 2
    for part in (order[:middle], order[middle:]):
        yield {items[number] for number in part}


def _fitted(
    series: Series, rows: Sequence[Measured] | set[Measured], protocol: Protocol, clocks: Floats | None = None
) -> EngineModel:
    """A model from some rows of a series, at the clocks of all."""
    ordered = [row for row in series.rows if row in rows]
    costs = fit(
        series.name,
        ordered,
        protocol,
        kv_tokens=series.kv_tokens,
        least_context_s=series.least_context_s,
        laws=FITTED,
        by_clock=clocks is not None,
    )
    at = np.array([ordered[0].frequency_mhz]) if clocks is None else clocks
    return costs.model(series.name, at, series.kv_tokens)


def _enter(errors: Errors, group: str, found: Means, row: Measured) -> None:
    errors.add(group, "TTFT", found.ttft_s, row.ttft_s)
    errors.add(group, "TBT", found.tbt_s, row.tbt_s)
    errors.add(group, "throughput", _throughput(found, row), _throughput(row, row))


def _throughput(latency: Means | Measured, row: Measured) -> float:
    """Requests per second by Little's law from mean latencies."""
    return row.concurrency / (latency.ttft_s + latency.tbt_s * row.output_tokens)


def _rows(errors: Errors) -> list[Row]:
    rows = []
    for (group, quantity), found in sorted(errors.found.items()):
        median, p90 = statistics.median(found), float(np.quantile(found, 0.9))
        target = _target(group, quantity)
        cells = {"case": f"{group} {quantity}", "median": share(median), "P90": share(p90), "rows": f"{len(found)}"}
        cells["promise"] = f"median <= {target:.0%}" if target else ""
        data = {"case": group, "quantity": quantity, "median": median, "p90": p90, "rows": len(found), "target": target}
        rows.append(Row(cells, median <= target if target else None, data))
    return rows


def _target(group: str, quantity: str) -> float | None:
    """The promise of the longest name that a group begins with; saturated rows are promised by themselves only."""
    names = [name for name, own in TARGETS if own == quantity and group.startswith(name)]
    names = [name for name in names if name.endswith("saturated") == group.endswith("saturated")]
    return TARGETS[max(names, key=len), quantity] if names else None


# Speed


def _speed() -> list[Row]:
    with (_folder("azure-llm-2023") / "AzureLLMInferenceTrace_conv.csv").open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    stamps = np.array([record["TIMESTAMP"] for record in records], dtype="datetime64[ns]")
    arrival_s = (stamps - stamps[0]) / np.timedelta64(1, "s")
    lengths = [np.array([int(record[name]) for record in records]) for name in ("ContextTokens", "GeneratedTokens")]
    hour = _copies(arrival_s, lengths, COPIES)
    rows = [_timed(f"60 instances, {name}", hour, INSTANCES, serving, stepping) for name, serving, stepping in MODES]
    copies = -(-DAY_REQUESTS // arrival_s.size)
    day = _copies(arrival_s, lengths, copies)
    return [*rows, _timed("3.9 million requests, 240 instances", day, DAY_INSTANCES, Serving(), stepping=False)]


MODES: tuple[tuple[str, Serving, bool], ...] = (
    ("skipping", Serving(), False),
    ("skipping, chunk 512", Serving(chunk_tokens=512), False),
    ("skipping, prefill first", Serving(chunk_tokens=8192, prefill_first=True), False),
    ("stepping", Serving(), True),
)


def _copies(arrival_s: Floats, lengths: Sequence[Integers], copies: int) -> Requests:
    """The trace so many times over, each at a random circular shift."""
    random, span = np.random.default_rng(SEED), float(arrival_s[-1])
    shifted = np.concatenate([(arrival_s + random.uniform(0.0, span)) % span for _ in range(copies)])
    order = np.argsort(shifted, kind="stable")
    return Requests.at(shifted[order], *(np.tile(one, copies)[order] for one in lengths))


def _timed(name: str, requests: Requests, instances: int, serving: Serving, stepping: bool) -> Row:
    def run() -> tuple[float, Outcome]:
        pool = PoolPlan((0,) * instances, instances, Router.LEAST_REQUESTS)
        cluster = Cluster([Setting(h100_like(), 1980.0, serving)], [pool], requests, stepping=stepping)
        begin = time.process_time()
        cluster.advance()
        return time.process_time() - begin, cluster.finish()

    run()  # compiles, and warms the caches
    seconds, found = run()
    speed = len(requests) / seconds
    per_request = (
        f"{found.iterations / len(requests):.1f} iterations and {found.events / len(requests):.1f} events per request"
    )
    flying = float(np.nansum(found.latency_s) / (instances * found.end_s))
    cells = {"case": name, "median": f"{speed / 1e6:.2f} M/s", "rows": f"{len(requests):,}"}
    cells["note"] = f"{seconds:.1f} s; {per_request}; {flying:.0f} requests in flight per instance"
    kept = None if stepping else speed >= SPEED_RPS
    cells["promise"] = "" if stepping else f">= {SPEED_RPS / 1e6:g} M/s"
    if instances == DAY_INSTANCES:
        kept, cells["promise"] = seconds < DAY_S, f"< {DAY_S:g} s"
    data = {
        "case": name,
        "requests_per_s": speed,
        "seconds": seconds,
        "events": found.events,
        "iterations": found.iterations,
    }
    return Row(cells, kept, data)


def h100_like() -> EngineModel:
    """Costs of the size of Llama-2-70B on eight H100, for speed only."""
    batch, tokens = np.array([0.0, 1.0, 64.0, 256.0]), np.array([512.0, 2048.0, 8192.0])
    return EngineModel(
        name="like Llama-2-70B on H100 TP8",
        frequency_mhz=np.array([1980.0]),
        batch=batch,
        iteration_s=np.array([[0.0139, 0.014, 0.0275, 0.07]]),
        context_s=np.full((1, 4), 2e-8),
        prefill_tokens=tokens,
        prefill_s=np.array([[0.015, 0.09, 0.8]]),
        overhead_s=np.array([0.002]),
        attention_s=np.array([8e-10]),
        idle_power_w=np.array([880.0]),
        decode_power_w=np.array([[1200.0, 1500.0, 2500.0, 3500.0]]),
        prefill_power_w=np.array([[4000.0, 5600.0, 5600.0]]),
        host_power_w=1500.0,
        kv_tokens=1_400_000,
    )


GROUPS: dict[str, Callable[[], list[Row]]] = {
    "splitwise-perf": _splitwise,
    "silicon-latency": _silicon,
    "dvfs-v100-mistral7b": _dvfs,
    "azure-llm-2023": _speed,
}
"""What is measured, by the raw data set that it needs."""
