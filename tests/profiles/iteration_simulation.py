"""An independent opinion on ``recipe.serving``: one instance simulated iteration by iteration.

Same costs (times and powers of a prefill and of a decode iteration), nothing of the recipe's queue: requests are run
token by token, prefill first, whole prompts one at a time; KV memory is paged on demand, and when it runs out the
newest running request is put back to the head of the queue and computed again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from recipe import decode
from recipe.figures import MS_PER_S, FloatArray
from recipe.serving import Prepared


@dataclass(slots=True)
class Running:
    """A request in the engine: index, tokens held in the KV cache, tokens still to make."""

    index: int
    held: int
    left: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """Latencies per request [ms], mean power of the instance [W], mean decode batch over time."""

    ttft_ms: FloatArray
    tbt_ms: FloatArray
    power_w: float
    batch: float


def simulate(prepared: Prepared, rate_rps: float, kv_tokens: float) -> Simulated:
    """Run the stream of ``prepared`` at ``rate_rps``."""
    requests = prepared.requests
    arrival = requests.gaps / (rate_rps / MS_PER_S)
    prompt = requests.input_tokens.astype(int)
    output = np.maximum(requests.output_tokens.astype(int), 1)
    count = len(arrival)
    first, last = np.full(count, np.nan), np.full(count, np.nan)
    waiting: deque[Running] = deque()
    running: list[Running] = []
    now, held, energy, batch_time, following, behind = 0.0, 0, 0.0, 0.0, 0, False
    idle_w = decode.idle_power_w(prepared.figures, prepared.instance)
    while following < count or waiting or running:
        while following < count and arrival[following] <= now:
            waiting.append(Running(following, int(prompt[following]), int(output[following])))
            following += 1
        if waiting and (held + waiting[0].held <= kv_tokens or not running):
            one = waiting.popleft()
            span = prepared.gpu_ms[one.index] if behind else prepared.wall_ms[one.index]
            energy += span * prepared.prefill_power_w[one.index]
            batch_time += span * len(running)
            now += span
            behind = True
            if np.isnan(first[one.index]):
                first[one.index] = now
                one.left -= 1
            held += one.held
            running.append(one)
        elif running:
            behind = False
            while held + len(running) > kv_tokens and len(running) > 1:
                put_back = running.pop()
                held -= put_back.held
                waiting.appendleft(put_back)
            span = prepared.iteration.time_ms(len(running))
            energy += span * decode.power_w(prepared.figures, prepared.instance, len(running), span)
            batch_time += span * len(running)
            now += span
            for one in running:
                one.held += 1
                one.left -= 1
            held += len(running)
        else:
            behind = False
            energy += (arrival[following] - now) * idle_w
            now = arrival[following]
        for one in [r for r in running if r.left <= 0]:
            last[one.index] = now
            held -= one.held
            running.remove(one)
    steps = np.maximum(output - 1, 1)
    kept = slice(count // 20, None)
    return Simulated(
        ttft_ms=(first - arrival)[kept],
        tbt_ms=((last - first) / steps)[kept],
        power_w=prepared.instance.tp * energy / now,
        batch=batch_time / now,
    )
