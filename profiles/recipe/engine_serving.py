"""Steps 10 and 11 by the engine: the same stream, every iteration simulated, in place of the queue in closed form."""

from __future__ import annotations

import numpy as np

from dynamo_plan.engine import Serving, simulate
from dynamo_plan.engine.capacity import LONGEST_S
from dynamo_plan.schema.engine_table import EngineTable
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.requests import Requests
from recipe.cells import DTYPE, GPU, MODEL
from recipe.figures import MS_PER_S
from recipe.serving import WARM_UP_SHARE, Outcome, Prepared, Server


def engine_server(machines: EngineTable) -> Server:
    """What replays a stream on the machines of an engine table."""

    def serve(prepared: Prepared, rate_rps: float) -> Outcome:
        entry = machines.of(MODEL, Kind(GPU, prepared.instance.tp, 1, DTYPE))
        if entry is None:
            raise KeyError(f"no engine of {MODEL} at TP{prepared.instance.tp}")
        stream, clock = prepared.requests, prepared.instance.frequency_mhz
        serving = Serving(entry.chunk_tokens, entry.max_batch, entry.prefill_first)
        idle_w = float(entry.costs.between_clocks(entry.costs.idle_power_w, clock))
        arrival_s = stream.gaps / rate_rps
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
            found = simulate(entry.costs, clock, asked, serving)
            ttft_s.append(found.ttft_s)
            tbt_s.append(found.tbt_s)
            begin_s = float(number) * LONGEST_S
            energy_j += float(found.energy_j.sum()) + max(begin_s - end_s, 0.0) * idle_w
            end_s = begin_s + found.end_s
        latencies_ms = np.array([np.concatenate(ttft_s), np.concatenate(tbt_s)]) * MS_PER_S
        kept = slice(int(WARM_UP_SHARE * stream.gaps.size), None)
        decoding_s = np.nansum(np.concatenate(tbt_s) * (stream.output_tokens - 1.0))
        return Outcome(
            ttft_ms=latencies_ms[0, kept],
            tbt_ms=latencies_ms[1, kept],
            power_w=energy_j / end_s,
            throughput_rps=min(rate_rps, stream.gaps.size / end_s),
            batch=float(decoding_s / end_s),
        )

    return serve
