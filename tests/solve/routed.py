"""Random problems with freely routed pools, small enough to try every commitment, and an optimum found by doing so."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from dynamo_plan.problem import Problem, RoutedPool
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import MixingRow, MixingTable, Provenance
from tests.profile.paper_table import MODEL, Row, cell, profile_table
from tests.solve.invented import CLASS_TOKENS, inputs_of, service

KINDS = (Kind("a10", 1, 1, "bf16"), Kind("h100", 1, 1, "bf16"), Kind("h100", 2, 1, "bf16"))
CLOCKS = (1000.0, 1500.0)


def routed_inputs(*seed: int, objective: str, **changes: Any) -> Inputs:
    """Random inputs with one routed pool of two buckets; the same for the same seed. `changes` go into the service's record."""
    rng = np.random.default_rng(seed)
    windows = int(rng.integers(1, 3))
    kinds = [KINDS[i] for i in sorted(rng.choice(len(KINDS), size=2, replace=False))]
    clocks = CLOCKS[: int(rng.integers(1, 3))] if windows == 1 else CLOCKS[:1]
    rows: list[Row] = []
    best = np.zeros(2)
    for number, kind in enumerate(kinds):
        for clock in clocks:
            idle = float(rng.uniform(50, 150)) * kind.gpus
            for bucket, tokens in enumerate(CLASS_TOKENS):
                if number == 0 and bucket == 1 and rng.random() < 0.25:
                    continue  # a kind that cannot serve one of the buckets
                top = float(rng.uniform(0.3, 2.0)) * kind.gpus**0.9
                best[bucket] = max(best[bucket], top)
                bend, span = float(rng.uniform(0.5, 1.6)), float(rng.uniform(100, 400))
                points = [(top * u, 50.0, idle + kind.gpus * span * u**bend) for u in (0.0, 0.4, 1.0)]
                rows += cell(kind, clock, points, input_tokens=tokens)
    rate = rng.uniform(0.0, 0.9, (windows, 2)) * best
    rate[rng.random(windows) < 0.1] = 0.0
    reserve = rate * (rng.uniform(1.0, 1.5, rate.shape) if rng.random() < 0.5 else 1.0)
    mixing = MixingTable(
        "mixing.csv",
        tuple(
            MixingRow(MODEL, kind, clock, frozenset("SL"), float(rng.uniform(0, 0.3)), Provenance.MODELLED, "")
            for kind in kinds
            for clock in clocks
        ),
    )
    record = {"pools": "single", "routing": "free", "min_instances": int(rng.random() < 0.2), **changes}
    one = service(profile_table(rows), rate, reserve_rps=reserve, mixing=mixing, **record)
    gpus = {gpu: {"per_server": 1, "price_usd_per_gpu_h": float(rng.uniform(0.2, 4.0))} for gpu in ("a10", "h100")}
    used = {kind.gpu for kind in kinds}
    price = rng.uniform(5.0, 120.0, windows) if objective == "energy" or rng.random() < 0.5 else np.zeros(windows)
    return inputs_of(
        [one],
        gpus={name: record for name, record in gpus.items() if name in used},
        price_usd_per_mwh=price if objective == "energy" else np.zeros(windows),
        transitions={
            "instance_start_usd": float(rng.choice([0.0, 0.7])),
            "instance_start_s": float(rng.choice([0, 600])),
        },
        objective={objective: 1.0},
    )


def least_cost(problem: Problem) -> float:
    """Optimum of a problem of one routed pool whose cost is rent and starts alone, over all commitments [USD]."""
    (pool,) = problem.routed
    spec = problem.sites[0].gpus
    rent = np.array([spec[kind.gpu].price_usd_per_gpu_h * kind.gpus for kind in pool.kinds])
    start = problem.transitions.instance_start_usd + rent * problem.transitions.instance_start_s / 3600
    states = [list(able(pool, t)) for t in range(len(problem.windows))]
    best = np.inf
    for course in product(*states):
        cost = sum(float(rent @ counts) * problem.windows.hours for counts in course)
        for before, after in pairwise(course):
            cost += float(start @ np.maximum(after - before, 0))
        best = min(best, cost)
    return best


def able(pool: RoutedPool, t: int) -> Iterator[NDArray[np.int64]]:
    """Commitments (kind,) that can serve the mean and the reserve of a window."""
    for counts in product(*(range(int(most) + 1) for most in pool.max_instances)):
        if sum(counts) < pool.min_instances:
            continue
        if all(_able(pool, counts, rates) for rates in (pool.rate_rps[t], pool.reserve_rate_rps[t])):
            yield np.array(counts)


def _able(pool: RoutedPool, counts: tuple[int, ...], rates: NDArray[np.float64]) -> bool:
    """Whether some whole numbers of instances per clock and some routing serve the rates."""
    clocked = []
    for k, count in enumerate(counts):
        own = [m for m, mode in enumerate(pool.modes) if mode.kind == k]
        clocked.append(
            [dict(zip(own, n, strict=True)) for n in product(range(count + 1), repeat=len(own)) if sum(n) == count]
        )
    return any(_routable(pool, {m: n for part in parts for m, n in part.items()}, rates) for parts in product(*clocked))


def _routable(pool: RoutedPool, instances: dict[int, int], rates: NDArray[np.float64]) -> bool:
    buckets, modes = rates.size, len(pool.modes)
    use = np.zeros((modes, buckets, modes))
    whole = np.zeros((buckets, buckets, modes))
    upper = np.zeros((buckets, modes))
    for b in range(buckets):
        whole[b, b] = 1.0
        for m, mode in enumerate(pool.modes):
            curve = mode.curves[b]
            if curve is not None:
                upper[b, m] = 1.0
                use[m, b, m] = rates[b] / curve.rate_rps[-1]
    room = [(1.0 - mode.derate) * instances[m] + 1e-9 for m, mode in enumerate(pool.modes)]
    found = linprog(
        np.zeros(buckets * modes),
        A_ub=use.reshape(modes, -1),
        b_ub=room,
        A_eq=whole.reshape(buckets, -1),
        b_eq=(rates > 0).astype(float),
        bounds=[(0.0, high) for high in (upper.ravel() * np.repeat(rates > 0, modes)).tolist()],
    )
    return bool(found.status == 0)
