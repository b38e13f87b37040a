"""Cross-checks: what others measured or published against what this recipe says, misses included.

Targets are figures of the named source; "ours" is computed here from the recipe. ``status`` says how independent the
check is: *fit* (the constants come from it), *calibrated* (a constant was set by it), *used to choose* (it decided between
candidates), *held out* (it played no part), *assumed* (target and figure are the same statement).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipe import decode, memory, prefill
from recipe.cells import Cell
from recipe.check import Check, joined, within
from recipe.figures import LLAMA, MS_PER_S, TENSOR_PARALLEL, Figures, Instance, read_table
from recipe.published_checks import published_checks
from recipe.serving import Server

FULL_MHZ, H200_LOW_MHZ = 1980, 780
BATCHES = (1, 2, 4, 8, 16, 32, 64)
TYPICAL_BATCH = 8
PROMPT_TOKENS, OUTPUT_TOKENS = 512, 128  # the shape of the measurements
FIT_TOLERANCE = 0.10  # a fitted law with three constants per TP over medians that scatter by 1-3 %


def cross_checks(figures: Figures, cells: Sequence[Cell], server: Server) -> list[Check]:
    """All checks that need no planner; ``cells`` are those of the conversation profile."""
    return [
        *_latency_fits(figures),
        *_clock_savings(figures),
        *_power_levels(figures),
        *published_checks(figures, cells, server),
        _kv_cache(figures),
    ]


def _prefill_ms(figures: Figures, instance: Instance, tokens: float) -> float:
    return float(prefill.wall_time_ms(figures, prefill.gpu_time_ms(figures, instance, np.array([tokens])))[0])


def _latency_fits(figures: Figures) -> list[Check]:
    """Steps 1 and 3 against the medians that they were made from."""
    shapes = read_table(LLAMA / "prefill_time.csv")
    targets = [float(r["prefill_time_ms"]) for r in shapes]
    ours = [
        _prefill_ms(figures, Instance(int(r["tp"]), FULL_MHZ), float(r["prompt_tokens"]) * float(r["batch"]))
        for r in shapes
    ]
    shown = [i for i, r in enumerate(shapes) if (r["tp"], r["batch"]) == ("8", "1")]
    shown = [i for i in shown if shapes[i]["prompt_tokens"] in ("256", "1024", "4096", "8192")]
    eight = [targets[i] for i in shown], [ours[i] for i in shown]
    decoded = read_table(LLAMA / "decode_time.csv")
    decode_targets = [float(r["decode_time_ms"]) for r in decoded]
    decode_ours = [
        decode.iteration(
            figures, Instance(int(r["tp"]), FULL_MHZ), float(r["prompt_tokens"]) + OUTPUT_TOKENS / 2
        ).time_ms(float(r["batch"]))
        for r in decoded
    ]
    one = [decode.iteration(figures, Instance(tp, FULL_MHZ), 576.0).time_ms(1.0) for tp in TENSOR_PARALLEL]
    single = (37.0, 29.7, 29.8)
    return [
        Check(
            "prefill, TP8, 256 / 1024 / 4096 / 8192 tokens [ms]",
            joined(eight[0], ".1f"),
            joined(eight[1], ".1f"),
            "fit",
            within(eight[1], eight[0], FIT_TOLERANCE),
        ),
        _worst("prefill, all Splitwise shapes, largest error", targets, ours),
        Check(
            "decode iteration, batch 1, TP2 / 4 / 8 [ms]",
            joined(single, ".1f"),
            joined(one, ".1f"),
            "fit",
            within(one, single, FIT_TOLERANCE),
        ),
        _worst("decode iteration, all Splitwise shapes, largest error", decode_targets, decode_ours),
    ]


def _worst(name: str, targets: Sequence[float], ours: Sequence[float]) -> Check:
    errors = np.array(ours) / np.array(targets) - 1.0
    worst = errors[np.argmax(np.abs(errors))]
    shown = f"{worst:+.0%} (median {np.median(np.abs(errors)):.0%}, {len(errors)} shapes)"
    return Check(name, f"within {FIT_TOLERANCE:.0%}", shown, "fit", bool(abs(worst) <= FIT_TOLERANCE))


@dataclass(frozen=True, slots=True)
class _Batch:
    """A closed batch run once: energy [J] of all GPUs and time [s]."""

    energy_j: float
    time_s: float


def _closed_batch(figures: Figures, instance: Instance, batch: int) -> _Batch:
    """Prefill a whole batch of 512-token prompts at once, then decode 128 tokens of each."""
    tokens = float(PROMPT_TOKENS * batch)
    prefill_s = _prefill_ms(figures, instance, tokens) / MS_PER_S
    step_ms = decode.iteration(figures, instance, PROMPT_TOKENS + OUTPUT_TOKENS / 2).time_ms(batch)
    decode_s = OUTPUT_TOKENS * step_ms / MS_PER_S
    prefill_w = float(prefill.power_w(figures, instance, np.array([tokens]))[0])
    energy = prefill_s * prefill_w + decode_s * decode.power_w(figures, instance, batch, step_ms)
    return _Batch(instance.tp * energy, prefill_s + decode_s)


def _clock_savings(figures: Figures) -> list[Check]:
    """Steps 2, 5 and 6 against published savings by clock."""
    slow, full = ([_closed_batch(figures, Instance(8, mhz), batch) for batch in BATCHES] for mhz in (1600, FULL_MHZ))
    energy = [s.energy_j / f.energy_j for s, f in zip(slow, full, strict=True)]
    speed = [f.time_s / s.time_s for s, f in zip(slow, full, strict=True)]
    below = sum(e < 0.80 for e in energy)
    decode_energy, decode_speed, saved_w = [], [], []
    for tp in TENSOR_PARALLEL:
        low, high = (_decode_only(figures, Instance(tp, mhz)) for mhz in (H200_LOW_MHZ, FULL_MHZ))
        decode_energy.append((low[0] * low[1]) / (high[0] * high[1]) - 1.0)
        decode_speed.append(1.0 - high[1] / low[1])
        saved_w.append(high[0] - low[0])
    at_840, at_full = (
        [_closed_batch(figures, Instance(2, mhz), batch) for batch in BATCHES[:5]] for mhz in (840, FULL_MHZ)
    )
    saving = [a.energy_j / f.energy_j - 1.0 for a, f in zip(at_840, at_full, strict=True)]
    slower = [a.time_s / f.time_s - 1.0 for a, f in zip(at_840, at_full, strict=True)]
    return [
        Check(
            "energy at 1.6 over 2.0 GHz, TP8, 512 in, 128 out, batch 1 to 64",
            "below 0.80 for most",
            f"{joined(energy, '.2f')} ({below} of {len(energy)})",
            "used to choose",
            below > len(energy) / 2,
        ),
        Check(
            "throughput of the same",
            "about 1",
            f"{min(speed):.2f} to {max(speed):.2f}",
            "held out (1755 MHz is a guess)",
            min(speed) >= 0.97,
        ),
        Check(
            "decode energy, 1980 to 780 MHz (H200), TP2 / 4 / 8",
            "down to -32 %",
            joined(decode_energy, ".0%"),
            "calibrated",
            min(decode_energy) >= -0.32,
        ),
        Check(
            "decode throughput lost in the same",
            "below 1 %",
            joined(decode_speed, ".1%"),
            "held out",
            max(decode_speed) < 0.01,
        ),
        Check(
            "watts saved per GPU in the same",
            "47 to 90",
            joined(saved_w, ".0f"),
            "calibrated",
            all(47 <= w <= 90 for w in saved_w),
        ),
        Check(
            "840 MHz against full clock, TP2, batch 1 to 16",
            "-19 % energy, 4 % faster",
            f"{max(saving):.0%} to {min(saving):.0%} energy, {min(slower):.0%} to {max(slower):.0%} slower",
            "held out (a slower clock that is faster is an odd target)",
            max(slower) <= 0.0 and within([max(saving)], [-0.19], FIT_TOLERANCE),
        ),
    ]


def _decode_only(figures: Figures, instance: Instance) -> tuple[float, float]:
    """Power of one GPU [W] and time [ms] of a decode iteration at a typical batch."""
    step_ms = decode.iteration(figures, instance, PROMPT_TOKENS + OUTPUT_TOKENS / 2).time_ms(TYPICAL_BATCH)
    return decode.power_w(figures, instance, TYPICAL_BATCH, step_ms), step_ms


def _power_levels(figures: Figures) -> list[Check]:
    """Steps 4, 7 and 8 against published watts."""
    watts = [_decode_only(figures, Instance(tp, FULL_MHZ))[0] for tp in TENSOR_PARALLEL]
    single = []
    for tp in TENSOR_PARALLEL:
        instance = Instance(tp, FULL_MHZ)
        step_ms = decode.iteration(figures, instance, PROMPT_TOKENS + OUTPUT_TOKENS / 2).time_ms(1.0)
        single.append(decode.power_w(figures, instance, 1.0, step_ms))
    ratios = single[1] / single[0], single[2] / single[0]
    a100 = {int(r["tp"]): float(r["share_of_tdp"]) for r in read_table(LLAMA / "a100_decode_power.csv")}
    targets = a100[4] / a100[2], a100[8] / a100[2]
    full = Instance(8, FULL_MHZ)
    prompt_w = float(prefill.power_w(figures, full, np.array([8192.0]))[0])
    idle_w = decode.idle_power_w(figures, full)
    return [
        Check(
            f"decode watts per GPU, batch {TYPICAL_BATCH}, TP2 / 4 / 8",
            "137 to 300 (H200), 380 (Splitwise)",
            joined(watts, ".0f"),
            "held out",
            min(watts) >= 137 and max(watts) <= 380,
        ),
        Check(
            "idle and long-prompt watts per GPU",
            "75 bare / 700",
            f"{figures.value('idle_bare_w'):.0f} bare, {idle_w:.0f} loaded / {prompt_w:.0f}",
            "assumed",
            None,
        ),
        Check(
            "A100 decode power, TP4 and TP8 over TP2",
            joined(targets, ".2f"),
            joined(ratios, ".2f"),
            "held out",
            within(ratios, targets, FIT_TOLERANCE),
        ),
    ]


def _kv_cache(figures: Figures) -> Check:
    tokens = [memory.kv_tokens(figures, tp) / 1e3 for tp in TENSOR_PARALLEL]
    target = (38.6, 498.0, 1418.0)
    return Check(
        "KV cache, TP2 / 4 / 8 [thousand tokens]",
        joined(target, ".1f"),
        joined(tokens, ".1f"),
        "fit",
        within(tokens, target, 0.01),
    )
