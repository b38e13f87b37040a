"""Engine models from measured rows, fitted through the protocol by which the rows were measured.

A mean TTFT over a closed loop that begins with a burst is mostly the burst; the same numbers taken for an unloaded instance would make
its prefill far too slow. So every trial of coefficients runs the client's own protocol on the engine, and its means are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares, lsq_linear

from dynamo_plan.compiled import Floats
from dynamo_plan.engine.instance import simulate_closed_loop
from dynamo_plan.engine.settings import Serving
from dynamo_plan.schema.engine_model import EngineModel

OUTLIER = 0.05
"""Relative error beyond which a row's pull grows linearly only: repeats of good rows differ by 1 to 3 %, some rows are artefacts."""

STEP, DONE = 1e-3, 1e-4
"""Relative: finite differences, wider than the steps that whole requests make in the errors; and changes at which a search ends."""

BATCHES = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Batch sizes at which a fitted law is tabulated."""

SEED = 20240801
"""Of the lengths that a client draws."""

FLATTEST, STEEPEST = 0.2, 1.5
"""Exponents of the batch between which a search stays: beyond, a law through a few batch sizes would say nothing past them."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a benchmark client measured of one instance.

    Attributes
    ----------
    input_tokens, output_tokens : int
        Lengths asked for [tokens].
    concurrency : int
        Requests in flight at most.
    ttft_s, tbt_s : float
        Means over the requests of time to first token and of mean time between tokens [s].
    frequency_mhz : float
        SM clock [MHz].
    """

    input_tokens: int
    output_tokens: int
    concurrency: int
    ttft_s: float
    tbt_s: float
    frequency_mhz: float


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a client measures: a burst of as many requests as may be in flight, then one for each that ends.

    Attributes
    ----------
    requests_per_client : int
        Requests in all, over those in flight; 1 is a static batch.
    shortest : float
        Lengths are drawn evenly from this share of what is asked for to all of it.
    is_tbt_by_duration : bool
        What the client calls time between tokens: the mean over requests, or (duration - mean TTFT) / output tokens.
    serving : Serving
        How the server was set up; its `max_batch` is raised to the concurrency where it is less.
    """

    requests_per_client: int
    shortest: float = 1.0
    is_tbt_by_duration: bool = False
    serving: Serving = Serving()  # noqa: RUF009 (frozen)


@dataclass(frozen=True, slots=True)
class Means:
    """What the protocol gives: mean TTFT and TBT [s] and throughput [1/s]."""

    ttft_s: float
    tbt_s: float
    throughput_rps: float


@dataclass(frozen=True, slots=True)
class Costs:
    """A law for every coefficient, each cost u + v / f; shape (2,) is (u [s], v [s MHz]).

    Attributes
    ----------
    iteration, sequence : array, shape (2,)
        Time of an iteration: first + second x batch ** exponent.
    exponent : float
    context, token, overhead, attention : array, shape (2,)
        Per cached token, per prompt token, per iteration with prefill, per pair of prompt token and cached token.
    """

    iteration: Floats
    sequence: Floats
    exponent: float
    context: Floats
    token: Floats
    overhead: Floats
    attention: Floats

    def model(self, name: str, frequency_mhz: Floats, kv_tokens: int) -> EngineModel:
        """The engine model at these clocks; its powers are 0 W until they are replaced."""
        clocks = np.asarray(frequency_mhz, dtype=np.float64)
        terms = np.stack([np.ones_like(clocks), 1.0 / clocks])

        def at(law: Floats) -> Floats:
            return np.asarray(law @ terms)

        batch, tokens = np.array(BATCHES, dtype=np.float64), np.array([1.0, 2.0])
        growth = np.where(batch > 0, batch**self.exponent, 0.0)
        return EngineModel(
            name=name,
            frequency_mhz=clocks,
            batch=batch,
            iteration_s=at(self.iteration)[:, None] + at(self.sequence)[:, None] * growth,
            context_s=np.tile(at(self.context)[:, None], batch.size),
            prefill_tokens=tokens,
            prefill_s=at(self.token)[:, None] * tokens,
            overhead_s=at(self.overhead),
            attention_s=at(self.attention),
            idle_power_w=np.zeros(clocks.size),
            decode_power_w=np.zeros((clocks.size, batch.size)),
            prefill_power_w=np.zeros((clocks.size, tokens.size)),
            host_power_w=0.0,
            kv_tokens=kv_tokens,
        )


LAWS = ("iteration", "sequence", "context", "token", "overhead", "attention")
START_S = {"iteration": 1e-2, "sequence": 2e-4, "context": 2e-8, "token": 5e-5, "overhead": 1e-3, "attention": 1e-10}
"""Where a search begins, in the size that such costs have on one server [s]."""

LEAST, MOST = 1e-4, 1e2
"""Ends of a search, over where it begins: below a cost is none, above it is no server's."""


def measure(model: EngineModel, row: Row, protocol: Protocol) -> Means:
    """Run a row's protocol on the engine."""
    count = row.concurrency * protocol.requests_per_client
    draw = np.random.default_rng(SEED)
    lengths = [
        draw.integers(max(int(protocol.shortest * asked), 1), asked, count, endpoint=True)
        for asked in (row.input_tokens, row.output_tokens)
    ]
    serving = protocol.serving
    if serving.max_batch < row.concurrency:
        serving = Serving(serving.chunk_tokens, row.concurrency, serving.prefill_first)
    found = simulate_closed_loop(model, row.frequency_mhz, lengths[0], lengths[1], row.concurrency, serving)
    ttft_s = float(found.ttft_s.mean())
    if protocol.is_tbt_by_duration:
        return Means(ttft_s, (found.end_s - ttft_s) / row.output_tokens, count / found.end_s)
    return Means(ttft_s, float(np.nanmean(found.tbt_s)), count / found.end_s)


def fit(
    name: str,
    rows: Sequence[Row],
    protocol: Protocol,
    *,
    kv_tokens: int,
    least_context_s: float,
    laws: Sequence[str] = LAWS,
    by_clock: bool = False,
) -> Costs:
    """Costs under which the protocol gives the rows' TTFT and TBT, by least squares of relative errors.

    Parameters
    ----------
    least_context_s : float
        Bytes of a cached token over the memory bandwidth of the instance [s]: reading it cannot take less, and rows of a closed loop,
        in which batch and context grow together, do not tell the two apart.
    laws : sequence of str
        Which costs to fit; the others are 0.
    by_clock : bool
        Fit u and v of every cost; else v is 0.

    Raises
    ------
    ValueError
        Fewer numbers than coefficients.
    """
    clock = float(np.mean([row.frequency_mhz for row in rows]))
    columns = 2 if by_clock else 1
    size = len(laws) * columns + 1
    if 2 * len(rows) < size:
        raise ValueError(f"{name}: {len(rows)} rows are too few for {size} coefficients")
    floors = {law: LEAST * START_S[law] for law in laws} | {"context": least_context_s}
    measured = np.log([value for row in rows for value in (row.ttft_s, row.tbt_s)])
    clocks = np.unique([row.frequency_mhz for row in rows])

    def costs(x: Floats) -> Costs:
        # A cost's parts are stated by their size at the mean clock.
        parts = np.exp(x[:-1].reshape(len(laws), columns))
        fitted = {law: np.append(part, 0.0)[:2] * (1.0, clock) for law, part in zip(laws, parts, strict=True)}
        return Costs(exponent=float(x[-1]), **{law: fitted.get(law, np.zeros(2)) for law in LAWS})

    def errors(x: Floats) -> Floats:
        model = costs(x).model(name, clocks, kv_tokens)
        found = [measure(model, row, protocol) for row in rows]
        return np.asarray(np.log([value for one in found for value in (one.ttft_s, one.tbt_s)]) - measured)

    start = np.array([max(START_S[law], 2 * floors[law]) for law in laws for _ in range(columns)])
    low = np.array([floors[law] for law in laws for _ in range(columns)])
    start, low = np.append(np.log(start), 1.0), np.append(np.log(low), FLATTEST)
    high = np.append(start[:-1] + np.log(MOST), STEEPEST)
    step = np.full(size, STEP)
    found = least_squares(
        errors, start, bounds=(low, high), loss="soft_l1", f_scale=OUTLIER, diff_step=step, ftol=DONE, xtol=DONE
    )
    return costs(np.asarray(found.x))


def tabulate(name: str, rows: Sequence[Row], *, kv_tokens: int, least_context_s: float) -> EngineModel:
    """An engine model of static batches at one clock, prefill as measured: interpolated in the tokens of the whole batch.

    Decode is a line in batch and context, by least squares of relative errors. Rows of equal prompt tokens are averaged.

    Raises
    ------
    ValueError
        Rows of several clocks.
    """
    clocks = {row.frequency_mhz for row in rows}
    if len(clocks) != 1:
        raise ValueError(f"{name}: prefill is tabulated at one clock, the rows have {sorted(clocks)}")
    tbt = np.array([row.tbt_s for row in rows])
    batch = np.array([float(row.concurrency) for row in rows])
    context = batch * np.array([row.input_tokens + row.output_tokens / 2 for row in rows])
    terms = np.stack([np.ones_like(batch), batch, context], axis=1) / tbt[:, None]
    floor = np.array([LEAST * START_S["iteration"], 0.0, least_context_s])
    iteration_s, sequence_s, context_s = lsq_linear(terms, np.ones_like(tbt), bounds=(floor, np.inf)).x
    prompt = batch * np.array([row.input_tokens for row in rows])
    tokens = np.unique(prompt)
    ttft = np.array(
        [np.mean([row.ttft_s for row, own in zip(rows, prompt, strict=True) if own == one]) for one in tokens]
    )
    return EngineModel(
        name=name,
        frequency_mhz=np.array(sorted(clocks)),
        batch=np.array([0.0, 256.0]),
        iteration_s=iteration_s + sequence_s * np.array([[0.0, 256.0]]),
        context_s=np.full((1, 2), context_s),
        prefill_tokens=tokens,
        prefill_s=np.maximum(ttft - iteration_s, 0.0)[None, :],
        overhead_s=np.zeros(1),
        attention_s=np.zeros(1),
        idle_power_w=np.zeros(1),
        decode_power_w=np.zeros((1, 2)),
        prefill_power_w=np.zeros((1, tokens.size)),
        host_power_w=0.0,
        kv_tokens=kv_tokens,
    )
