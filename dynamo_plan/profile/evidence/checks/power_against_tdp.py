"""Power per GPU against its rating, and what the phase of the work leads to expect; informative only."""

from __future__ import annotations

from dynamo_plan.profile.evidence.case import Case, unknown
from dynamo_plan.schema.hardware import board_of
from dynamo_plan.schema.telemetry import Outcome, Verdict
from dynamo_plan.units import PERCENT_PER_ONE

NAME = "power_against_tdp"

PREFILL_RATIO, DECODE_RATIO = 16.0, 2.0
"""Input over output tokens: from here on the work is mostly prefill, up to there mostly decode."""

EXPECTED = {"mostly prefill": (0.65, 1.0), "mixed": (0.3, 1.0), "mostly decode": (0.2, 0.75)}
"""Usual shares of the rating at load. Source: Patel et al., Splitwise, ISCA 2024, figure 8: prompts draw close to it, tokens do not."""


def check(case: Case) -> Verdict:
    """Say how much of its rating a GPU drew."""
    measurement = case.measurement
    rating = board_of(measurement.gpu).rated_w
    if measurement.power_w is None or rating is None:
        what = (
            "no power" if measurement.power_w is None else f"the rating of {measurement.gpu or 'the GPU'} is not known"
        )
        return unknown(NAME, what)
    if measurement.tp is None:
        return unknown(NAME, "the measurement does not say of how many GPUs its power is")
    per_gpu_w = measurement.power_w / (measurement.tp * (measurement.pp or 1))
    share = per_gpu_w / rating
    figures = f"{per_gpu_w:.4g} W per GPU, {share * PERCENT_PER_ONE:.3g} % of {rating:g} W"
    phase = _phase(measurement.input_tokens, measurement.output_tokens)
    if phase is None or not measurement.throughput_rps:
        return Verdict(NAME, Outcome.INFORMATIVE, figures)
    low, high = EXPECTED[phase]
    where = "within" if low <= share <= high else "below" if share < low else "above"
    usual = f"{low * PERCENT_PER_ONE:g}-{high * PERCENT_PER_ONE:g} %"
    return Verdict(NAME, Outcome.INFORMATIVE, f"{figures}; {phase}, {where} the usual {usual} at load")


def _phase(input_tokens: float | None, output_tokens: float | None) -> str | None:
    if not input_tokens or not output_tokens:
        return None
    ratio = input_tokens / output_tokens
    return "mostly prefill" if ratio >= PREFILL_RATIO else "mostly decode" if ratio <= DECODE_RATIO else "mixed"
