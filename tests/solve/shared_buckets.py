"""A service of five buckets whose pools are to be found, and every partition of its buckets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import MixingRow, MixingTable, Provenance
from tests.profile.paper_table import MODEL, Row, cell, profile_table
from tests.solve.invented import inputs_of, service

CLASSES = "ABCDE"
EDGES = [200, 400, 600, 800, None]
CLOCKS_MHZ = (1000.0, 1500.0, 2000.0)
KINDS = (Kind("h100", 1, 1, "bf16"), Kind("h100", 2, 1, "bf16"))
LEVELS = (0.0, 0.5, 1.0)


def five_buckets(*seed: int, windows: int = 6, peak_rps: float = 3.0, pools: Any = "auto", **site: Any) -> Inputs:
    """Random inputs; a derate grows with the distance of the classes, and the widest set has none.

    Keywords describe the site, as in `inputs_of`.
    """
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for kind in KINDS:
        for index in range(len(CLASSES)):
            top = (4.0 - 0.6 * index) * kind.tp ** float(rng.uniform(0.8, 1.2))
            for clock in CLOCKS_MHZ:
                speed = clock / CLOCKS_MHZ[-1]
                idle, span = kind.tp * (80.0 + 40.0 * speed), kind.tp * 400.0 * speed**2
                bend = float(rng.uniform(0.6, 1.0))
                points = [(top * speed**0.6 * u, 100.0, idle + span * u**bend) for u in LEVELS]
                rows += cell(kind, clock, points, input_tokens=100.0 + 200.0 * index)
    step = float(rng.uniform(0.02, 0.12))
    mixing = MixingTable(
        "mixing.csv",
        tuple(
            MixingRow(MODEL, kind, clock, frozenset(classes), derate, Provenance.MODELLED, "")
            for kind in KINDS
            for clock in CLOCKS_MHZ
            for count in range(2, len(CLASSES))
            for classes in combinations(CLASSES, count)
            for derate in [step * (CLASSES.index(classes[-1]) - CLASSES.index(classes[0])) / kind.tp]
        ),
    )
    rate = peak_rps * rng.dirichlet(np.full(len(CLASSES), 2.0)) * rng.uniform(0.4, 1.0, (windows, len(CLASSES)))
    shared = service(
        profile_table(rows),
        rate,
        reserve_rps=1.15 * rate,
        mixing=mixing,
        buckets={"input": EDGES, "output": [None]},
        pools=pools,
    )
    site.setdefault("transitions", {"instance_start_wh": float(rng.uniform(0.0, 150.0))})
    return inputs_of([shared], **site)


def partitions(elements: Sequence[int]) -> Iterator[list[list[int]]]:
    """Every way to divide elements into sets."""
    if not elements:
        yield []
        return
    first, *rest = elements
    for division in partitions(rest):
        yield [[first], *division]
        for index, own in enumerate(division):
            yield [*division[:index], [first, *own], *division[index + 1 :]]
