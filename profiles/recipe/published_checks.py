"""Cross-checks against published results on whole instances: DynamoLLM's public cells, best clocks, Wh per request."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipe import decode, prefill
from recipe.cells import SEED, Cell
from recipe.check import Check, joined
from recipe.figures import MS_PER_S, TENSOR_PARALLEL, Figures, FloatArray, Instance
from recipe.lengths import Lengths
from recipe.serving import Prepared, Server, draw_requests, prepare
from recipe.slo import slo_of

FULL_MHZ = 1980
FIXED_REQUESTS = 20_000  # requests of one length scatter less than those of a bucket
J_PER_WH = 3600.0
MEDIUM_LOAD_TPS = 2000.0  # prompt tokens per second and instance: our reading of DynamoLLM's "2K TPS"
LL_OUTPUT_TOKENS = 500  # assumed for DynamoLLM's LL class
LL_INPUT_TOKENS = (2048, 4096, 8191)


def published_checks(figures: Figures, cells: Sequence[Cell], server: Server) -> list[Check]:
    """All of them; ``cells`` are those of the conversation profile, ``server`` is what they were made with."""
    return [*_dynamo_llm_cells(figures, cells, server), _best_clocks(cells), _request_energies(cells)]


def _fixed_length(figures: Figures, instance: Instance, inputs: float, outputs: float) -> Prepared:
    """An instance under requests that all have the same lengths."""
    ends = np.array([0.0, 1.0])
    one = Lengths(
        workload="fixed",
        bucket="",
        requests=0,
        rank_correlation=0.0,
        mean=(inputs, outputs),
        probabilities=ends,
        quantiles=(np.full(2, inputs), np.full(2, outputs)),
    )
    requests, _ = draw_requests([one], [1.0], FIXED_REQUESTS, SEED)
    return prepare(figures, instance, requests)


def _request_wh(prepared: Prepared, rate_rps: float, server: Server) -> float:
    """Instance power x latency of a median request [Wh], as DynamoLLM's Table I seems to count."""
    outcome = server(prepared, rate_rps)
    steps = float(prepared.requests.output_tokens[0]) - 1.0
    latency_ms = float(np.median(outcome.ttft_ms) + steps * np.median(outcome.tbt_ms))
    return outcome.power_w * latency_ms / MS_PER_S / J_PER_WH


def _isolated_wh(figures: Figures, instance: Instance, inputs: float, outputs: float) -> float:
    """Energy [Wh] of one request alone on the instance."""
    tokens: FloatArray = np.array([inputs])
    prefill_s = float(prefill.wall_time_ms(figures, prefill.gpu_time_ms(figures, instance, tokens))[0]) / MS_PER_S
    step_ms = decode.iteration(figures, instance, inputs + outputs / 2).time_ms(1.0)
    decode_j = (outputs - 1.0) * step_ms / MS_PER_S * decode.power_w(figures, instance, 1.0, step_ms)
    prefill_j = prefill_s * float(prefill.power_w(figures, instance, tokens)[0])
    return instance.tp * (prefill_j + decode_j) / J_PER_WH


def _feasible(prepared: Prepared, input_class: str, rate_rps: float, server: Server) -> bool:
    if rate_rps >= prepared.stable_limit_rps():
        return False
    outcome = server(prepared, rate_rps)
    return slo_of(prepared.figures, "conversation", input_class).met_by(outcome.ttft_ms, outcome.tbt_ms)


def _dynamo_llm_cells(figures: Figures, cells: Sequence[Cell], server: Server) -> list[Check]:
    """The cells of DynamoLLM's Table I (arXiv 2408.00741) that are public; its unit is unclear."""
    by_clock = {
        mhz: [
            _request_wh(_fixed_length(figures, Instance(8, mhz), p, LL_OUTPUT_TOKENS), MEDIUM_LOAD_TPS / p, server)
            for p in LL_INPUT_TOKENS
        ]
        for mhz in (1200, 1600, FULL_MHZ)
    }
    full, middle, slow = by_clock[FULL_MHZ], by_clock[1600][1], by_clock[1200][1]
    alone = _isolated_wh(figures, Instance(8, FULL_MHZ), LL_INPUT_TOKENS[1], LL_OUTPUT_TOKENS)
    ss = next(c for c in cells if c.bucket == "SS" and c.instance == Instance(2, 1200))
    inputs, outputs = ss.rows[0].input_tokens, ss.rows[0].output_tokens
    short = _fixed_length(figures, Instance(2, 1200), inputs, outputs)
    short_rate = MEDIUM_LOAD_TPS / inputs
    short_fits = _feasible(short, "S", short_rate, server)
    verdicts = {
        tp: [
            _feasible(
                _fixed_length(figures, Instance(tp, FULL_MHZ), p, LL_OUTPUT_TOKENS), "L", MEDIUM_LOAD_TPS / p, server
            )
            for p in LL_INPUT_TOKENS
        ]
        for tp in TENSOR_PARALLEL
    }
    shown = "; ".join(
        f"TP{tp} " + " / ".join("yes" if fits else "no" for fits in verdicts[tp]) for tp in TENSOR_PARALLEL
    )
    best_tp = min(TENSOR_PARALLEL, key=lambda tp: _least_energy(cells, "SS", tp)[0])
    return [
        Check(
            "LL, TP8, 2.0 GHz, 2K TPS [Wh]",
            "13.21",
            f"{joined(full, '.1f')} (input 2048 / 4096 / 8191, output 500 assumed); alone {alone:.1f}",
            "held out",
            min(full) <= 13.21 * 1.1 and max(full) >= 13.21 * 0.9,
        ),
        Check(
            "LL, TP8: 1.6 GHz below 1.2 GHz [Wh]", "yes", f"{middle:.2f}, {slow:.2f}", "used to choose", middle < slow
        ),
        Check(
            "SS, TP2, 1.2 GHz, 2K TPS [Wh]",
            "0.77",
            f"alone {_isolated_wh(figures, short.instance, inputs, outputs):.2f}; "
            f"{short_rate:.1f} requests/s are {'feasible' if short_fits else 'infeasible'}",
            "held out",
            short_fits,
        ),
        Check(
            "SS served at TP2, 1.2 GHz",
            "yes",
            f"up to {ss.capacity_rps:.1f}/s ({ss.capacity_rps * inputs:.0f} prompt tokens/s); "
            f"least J/request at TP{best_tp}, {_least_energy(cells, 'SS', best_tp)[1]} MHz",
            "held out",
            ss.capacity_rps > 0.0 and best_tp == 2,
        ),
        Check(
            "LL only at TP8, 2K TPS, input 2048 / 4096 / 8191",
            "TP2 no, TP4 no, TP8 yes",
            shown,
            "held out",
            not any(verdicts[2]) and not any(verdicts[4]) and all(verdicts[8]),
        ),
    ]


def _least_energy(cells: Sequence[Cell], bucket: str, tp: int) -> tuple[float, int]:
    """Least energy per request [J] at capacity over the clocks, and that clock [MHz]."""
    return min(
        (c.energy_per_request_j(), c.instance.frequency_mhz)
        for c in cells
        if c.bucket == bucket and c.instance.tp == tp
    )


def _best_clocks(cells: Sequence[Cell]) -> Check:
    buckets = sorted({c.bucket for c in cells})
    best = {b: _least_energy(cells, b, 8)[1] for b in buckets}
    shown = ", ".join(f"{b} {best[b]}" for b in buckets)
    middle = sum(1400 <= mhz <= 1700 for mhz in best.values())
    return Check(
        "clock of least J/request at capacity, TP8 [MHz]", "around 1600", shown, "held out", middle > len(best) / 2
    )


def _request_energies(cells: Sequence[Cell]) -> Check:
    at_full_clock = [c for c in cells if c.capacity_rps > 0.0 and c.instance.frequency_mhz == FULL_MHZ]
    wh = sorted(c.energy_per_request_j() / J_PER_WH for c in at_full_clock)
    return Check(
        "energy per request at capacity, 1980 MHz [Wh]",
        "0.34 to 4.32 (BiScale)",
        f"{wh[0]:.2f} to {wh[-1]:.2f}",
        "held out",
        wh[0] >= 0.34 and wh[-1] <= 4.32,
    )
