"""Steps 10 and 11 by the engine: the stream of requests through every iteration of one instance. The shipped rows are made so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynamo_plan.engine import Cluster, PoolPlan, Serving, Setting
from dynamo_plan.engine.capacity import LONGEST_S
from dynamo_plan.schema.engine_table import EngineEntry, EngineTable
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.requests import Requests
from recipe.cells import DTYPE, GPU, MODEL
from recipe.figures import MS_PER_S
from recipe.serving import WARM_UP_SHARE, Outcome, Prepared


@dataclass(frozen=True, slots=True)
class EngineServer:
    """Machines of an engine table as a `Server`: one instance by itself, or each of several behind a router of prompt tokens."""

    machines: EngineTable
    instances: int = 1

    @property
    def method(self) -> str:
        """What rows say of where their latencies and powers come from."""
        pool = "one instance" if self.instances == 1 else f"pool of {self.instances} instances"
        return f"latencies and power simulated by the engine, {pool}"

    def __call__(self, prepared: Prepared, rate_rps: float) -> Outcome:
        """Replay the stream at ``rate_rps``."""
        entry = entry_of(self.machines, prepared.instance.tp)
        stream, clock = prepared.requests, prepared.instance.frequency_mhz
        idle_w = float(entry.costs.between_clocks(entry.costs.idle_power_w, clock))
        arrival_s = stream.gaps / (rate_rps * self.instances)
        # The lowest rates outlast the engine's range of time: the run is cut where hardly a request is in flight.
        stretch = (arrival_s // LONGEST_S).astype(np.int64)
        ttft_s, tbt_s, energy_j, end_s = [], [], 0.0, 0.0
        for number in np.unique(stretch):
            own = stretch == number
            asked = Requests.at(
                arrival_s[own] - number * LONGEST_S,
                stream.input_tokens[own],
                np.maximum(stream.output_tokens[own], 1.0),
            )
            pool = PoolPlan((0,) * self.instances, self.instances)
            cluster = Cluster([Setting(entry.costs, clock, serving_of(entry))], [pool], asked)
            cluster.advance()
            found = cluster.finish()
            ttft_s.append(found.ttft_s)
            tbt_s.append(found.tbt_s)
            begin_s = float(number) * LONGEST_S
            energy_j += float(found.energy_j.sum()) + max(begin_s - end_s, 0.0) * idle_w * self.instances
            end_s = begin_s + found.end_s
        latencies_ms = np.array([np.concatenate(ttft_s), np.concatenate(tbt_s)]) * MS_PER_S
        kept = slice(int(WARM_UP_SHARE * stream.gaps.size), None)
        decoding_s = np.nansum(np.concatenate(tbt_s) * (stream.output_tokens - 1.0))
        return Outcome(
            ttft_ms=latencies_ms[0, kept],
            tbt_ms=latencies_ms[1, kept],
            power_w=energy_j / end_s / self.instances,
            throughput_rps=min(rate_rps, stream.gaps.size / end_s / self.instances),
            batch=float(decoding_s / end_s / self.instances),
        )


def entry_of(machines: EngineTable, tp: int) -> EngineEntry:
    """The machine of one TP.

    Raises
    ------
    KeyError
        If the table has none.
    """
    entry = machines.of(MODEL, Kind(GPU, tp, 1, DTYPE))
    if entry is None:
        raise KeyError(f"no engine of {MODEL} at TP{tp} in {machines.path or 'the table'}")
    return entry


def serving_of(entry: EngineEntry) -> Serving:
    """How a machine of the table schedules."""
    return Serving(entry.chunk_tokens, entry.max_batch, entry.prefill_first)
