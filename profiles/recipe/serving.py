"""Steps 10 and 11: one instance under Poisson arrivals: latencies of every request, and the power it draws.

The engine answers that for the shipped rows (`engine_serving`); a queue in closed form, here, is the second opinion. In
it prefill has priority, takes whole prompts one after the other and stops decoding. Its course is exact (Lindley's
recursion, as a running maximum); decoding runs in the time that is left, at the iteration time of the mean batch
(Little's law). Every rate uses the same random numbers, so latencies do not jitter between rates or clocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from recipe import decode, memory, prefill
from recipe.decode import Iteration
from recipe.figures import MS_PER_S, Figures, FloatArray, Instance
from recipe.lengths import SMALLEST_PROBABILITY, Lengths

WARM_UP_SHARE = 0.05  # requests at the start of a run that see an emptier instance
P99 = 0.99


@dataclass(frozen=True, slots=True)
class Requests:
    """A stream of requests, to be replayed at any rate. Arrays run over requests in order of arrival.

    ``gaps`` is the sum of unit-mean exponential gaps up to each arrival; ``phases[2, request]`` are uniforms: whether
    an arrival meets a decode iteration, and how much of it is left; ``spread`` is standard normal: how far the batch
    that a request meets lies from the mean.
    """

    input_tokens: FloatArray
    output_tokens: FloatArray
    gaps: FloatArray
    phases: FloatArray
    spread: FloatArray


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a stream costs on one instance, whatever the rate: times [ms], powers [W per GPU].

    ``kv_slots`` is how many requests of mean size the KV cache holds; ``size_peakedness`` the mean square of the tokens
    that a running request holds over the square of their mean.
    """

    figures: Figures
    instance: Instance
    requests: Requests
    gpu_ms: FloatArray
    wall_ms: FloatArray
    prefill_power_w: FloatArray
    iteration: Iteration
    mean_output_tokens: float
    kv_slots: float
    size_peakedness: float

    def stable_limit_rps(self) -> float:
        """Rate [1/s] at which prefill and decoding together would fill all the time."""
        demand_ms = self.gpu_ms.mean() + self.mean_output_tokens * self.iteration.per_sequence_ms
        return float(MS_PER_S / demand_ms)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One instance at one rate: latencies per request [ms], power of the whole instance [W], achieved rate [1/s].

    A latency that is not known, as the TBT of a single token, is NaN.
    """

    ttft_ms: FloatArray
    tbt_ms: FloatArray
    power_w: float
    throughput_rps: float
    batch: float


class Server(Protocol):
    """What replays a prepared stream at a rate [1/s]: a queue in closed form, or the engine."""

    @property
    def method(self) -> str:
        """What rows say of where their latencies and powers come from."""
        ...

    def __call__(self, prepared: Prepared, rate_rps: float) -> Outcome:
        """Latencies, power and throughput."""
        ...


def draw_requests(
    lengths: list[Lengths], shares: list[float], count: int, seed: int
) -> tuple[Requests, NDArray[np.intp]]:
    """A stream of ``count`` requests over buckets in given shares, and the index of each request's bucket.

    Every uniform is stratified: shuffled, one in each of ``count`` equal slices, so that shares, lengths and the length
    of the run are those of the distribution and less is left to chance.
    """
    rng = np.random.default_rng(seed)
    uniforms = (np.array([rng.permutation(count) for _ in range(7)]) + rng.random((7, count))) / count
    edges = np.cumsum(shares)[:-1] / sum(shares)
    bucket = np.searchsorted(edges, uniforms[0], side="right")
    inputs, outputs = np.zeros(count), np.zeros(count)
    for i, one in enumerate(lengths):
        members = bucket == i
        inputs[members], outputs[members] = one.draw(uniforms[1:3, members])
    gaps = np.cumsum(-np.log1p(-uniforms[3]))
    return Requests(
        inputs, outputs, gaps, uniforms[4:6], ndtri(np.clip(uniforms[6], SMALLEST_PROBABILITY, None))
    ), bucket


def prepare(figures: Figures, instance: Instance, requests: Requests) -> Prepared:
    """Costs of the stream's requests on this instance."""
    inputs, outputs = requests.input_tokens, requests.output_tokens
    gpu_ms = prefill.gpu_time_ms(figures, instance, inputs)
    # A request holds its prompt and, on average over its life, half its output; long outputs weigh more.
    context_tokens = float(np.average(inputs + outputs / 2.0, weights=outputs))
    squared_tokens = float(np.average(inputs**2 + inputs * outputs + outputs**2 / 3.0, weights=outputs))
    return Prepared(
        figures=figures,
        instance=instance,
        requests=requests,
        gpu_ms=gpu_ms,
        wall_ms=prefill.wall_time_ms(figures, gpu_ms),
        prefill_power_w=prefill.power_w(figures, instance, inputs),
        iteration=decode.iteration(figures, instance, context_tokens),
        mean_output_tokens=float(outputs.mean()),
        kv_slots=memory.kv_tokens(figures, instance.tp) / context_tokens,
        size_peakedness=squared_tokens / context_tokens**2,
    )


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The queue of this module as a `Server`."""

    method: str = "latencies and power by a queue in closed form"

    def __call__(self, prepared: Prepared, rate_rps: float) -> Outcome:
        """Replay the stream at ``rate_rps``."""
        return serve(prepared, rate_rps)


def serve(prepared: Prepared, rate_rps: float) -> Outcome:
    """Replay the stream at ``rate_rps`` in closed form."""
    offered = rate_rps / MS_PER_S
    arrival_ms = prepared.requests.gaps / offered
    first_guess = _batch(prepared, rate_rps, float(offered * prepared.gpu_ms.mean()))
    start_ms, done_ms = _prefills(prepared, arrival_ms, min(first_guess, prepared.kv_slots))
    busy_ms = done_ms - start_ms
    prefill_share = float(busy_ms.sum() / done_ms[-1])

    wanted = _batch(prepared, rate_rps, prefill_share)
    batch = min(wanted, prepared.kv_slots)
    residence_ms = prepared.mean_output_tokens * prepared.iteration.time_ms(batch) / (1.0 - prefill_share)
    peakedness = prepared.size_peakedness * _slowing(prepared, batch)
    wait_ms = memory.admission_wait_ms(prepared.kv_slots, wanted, peakedness, residence_ms, P99)
    ttft_ms = done_ms - arrival_ms + min(wait_ms, float(arrival_ms[-1]))  # no wait outlasts the run

    iteration_ms = _iterations_met(prepared, batch)
    tbt_ms = iteration_ms + _stalls(prepared, start_ms, busy_ms, iteration_ms) / _decode_steps(prepared)

    kept = slice(int(WARM_UP_SHARE * len(arrival_ms)), None)
    return Outcome(
        ttft_ms=ttft_ms[kept],
        tbt_ms=tbt_ms[kept],
        power_w=_power_w(prepared, prefill_share, batch, busy_ms),
        throughput_rps=min(rate_rps, len(done_ms) / float(done_ms[-1]) * MS_PER_S, batch / residence_ms * MS_PER_S),
        batch=batch,
    )


def _batch(prepared: Prepared, rate_rps: float, prefill_share: float) -> float:
    """Mean number of decoding requests by Little's law; infinite where decoding cannot keep up."""
    steps_per_ms = rate_rps / MS_PER_S * prepared.mean_output_tokens
    left = 1.0 - prefill_share - steps_per_ms * prepared.iteration.per_sequence_ms
    return steps_per_ms * prepared.iteration.base_ms / left if left > 0.0 else math.inf


def _prefills(prepared: Prepared, arrival_ms: FloatArray, batch: float) -> tuple[FloatArray, FloatArray]:
    """Start and end [ms] of every prefill, first come first served.

    A request waits for the running decode iteration, if any, then takes at least its wall time; behind another prefill
    the launch overlaps with it and only GPU time counts. The recursion ``done = max(ready + wall, done before + gpu)``
    is a running maximum, and therefore never falls when the rate rises.
    """
    meets, left = prepared.requests.phases
    residual_ms = np.where(meets < -math.expm1(-batch), left * prepared.iteration.time_ms(batch), 0.0)
    ready_ms = arrival_ms + residual_ms
    work_ms = np.cumsum(prepared.gpu_ms)
    done_ms = work_ms + np.maximum.accumulate(ready_ms + prepared.wall_ms - work_ms)
    start_ms = np.maximum(ready_ms, np.concatenate(([0.0], done_ms[:-1])))
    return start_ms, done_ms


def _iterations_met(prepared: Prepared, batch: float) -> FloatArray:
    """Mean iteration time [ms] during each request's life: itself and the batch that it happens to meet."""
    spread = math.sqrt(batch * _slowing(prepared, batch))
    met = np.clip(1.0 + batch + spread * prepared.requests.spread, 1.0, max(prepared.kv_slots, 1.0))
    return np.asarray(prepared.iteration.base_ms + prepared.iteration.per_sequence_ms * met)


def _slowing(prepared: Prepared, batch: float) -> float:
    """Variance of the number in decoding over its mean; 1 for Poisson.

    A larger batch is slower and so empties slower: linearised about the mean it returns to it ``time(batch) / base``
    times slower than with a constant iteration, and varies as much more.
    """
    return prepared.iteration.time_ms(batch) / prepared.iteration.base_ms


def _stalls(prepared: Prepared, start_ms: FloatArray, busy_ms: FloatArray, iteration_ms: FloatArray) -> FloatArray:
    """Time [ms] that each request's decoding stands still behind the prefills of others."""
    stalled_ms = np.concatenate(([0.0], np.cumsum(busy_ms)))
    decoding_clock_ms = start_ms - stalled_ms[:-1]
    last_step_ms = decoding_clock_ms + _decode_steps(prepared) * iteration_ms
    begun = np.searchsorted(decoding_clock_ms, last_step_ms, side="left")
    own = np.arange(1, len(busy_ms) + 1)
    return np.asarray(stalled_ms[np.maximum(begun, own)] - stalled_ms[own])


def _decode_steps(prepared: Prepared) -> FloatArray:
    """Gaps between tokens: the first token comes from prefill."""
    return np.maximum(prepared.requests.output_tokens - 1.0, 1.0)


def _power_w(prepared: Prepared, prefill_share: float, batch: float, busy_ms: FloatArray) -> float:
    """Mean power of the instance [W]: prefilling, decoding at the batch met while any request decodes, idling."""
    figures, instance = prepared.figures, prepared.instance
    occupied = -math.expm1(-batch)
    met = batch / occupied
    decode_share = (1.0 - prefill_share) * occupied
    idle_share = 1.0 - prefill_share - decode_share
    prefilling_w = float(np.average(prepared.prefill_power_w, weights=busy_ms))
    decoding_w = decode.power_w(figures, instance, met, prepared.iteration.time_ms(met))
    per_gpu_w = (
        prefill_share * prefilling_w + decode_share * decoding_w + idle_share * decode.idle_power_w(figures, instance)
    )
    return instance.tp * per_gpu_w
