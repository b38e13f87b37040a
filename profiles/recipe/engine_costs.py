"""The same figures as costs of engine iterations: what `cells` takes through a queue, the engine takes through every iteration.

Prompts are whole and several of them may share an iteration, as vLLM did it in 2023: the measured curve of prefill times holds for all
prompt tokens together, and an iteration that prefills is never shorter than the launch floor. Decode time is linear in the batch and
in the tokens cached, so that two batches would tell it; power is not.
"""

from __future__ import annotations

import numpy as np

from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.engine_table import EngineEntry, EngineTable, Evidence
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import Provenance
from recipe import decode, memory, prefill
from recipe.cells import DTYPE, GPU, MODEL
from recipe.figures import FREQUENCIES_MHZ, MS_PER_S, TENSOR_PARALLEL, Figures, FloatArray, Instance

BATCHES = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0])  # power between them: within 1 %
# Three per doubling: a straight line between two of them is within 1 % of the power law that the measurements are joined by.
PROMPT_TOKENS = np.unique(np.rint(2.0 ** (np.arange(3 * 4, 3 * 14 + 1) / 3.0)))
DIGITS = 7  # significant ones: another machine's exp and log differ in the last bit of sixteen
COMPOSE = "profiles/compose.py from"
SOURCES = {
    "instance": f"{COMPOSE} arXiv 2604.04745 (idle); NVIDIA data sheet (KV cache); vLLM of 2023 (scheduling)",
    "decode": f"{COMPOSE} Splitwise (MIT) medians and ML.ENERGY (power)",
    "prefill": f"{COMPOSE} Splitwise (MIT) medians and peak powers",
}


def engine_table(figures: Figures) -> EngineTable:
    """The engine of every TP, at every clock."""
    return EngineTable("", tuple(_entry(figures, tp) for tp in TENSOR_PARALLEL))


def _entry(figures: Figures, tp: int) -> EngineEntry:
    kind = Kind(GPU, tp, 1, DTYPE)
    instances = [Instance(tp, frequency_mhz) for frequency_mhz in FREQUENCIES_MHZ]
    iterations = [_iteration(figures, instance) for instance in instances]
    prefills = [_prefill(figures, instance) for instance in instances]
    costs = EngineModel(
        name=f"{MODEL} on {kind}",
        frequency_mhz=np.array(FREQUENCIES_MHZ, dtype=np.float64),
        batch=BATCHES,
        iteration_s=_rounded([time for time, _, _ in iterations]),
        context_s=_rounded([context for _, context, _ in iterations]),
        prefill_tokens=PROMPT_TOKENS,
        prefill_s=_rounded([time for time, _ in prefills]),
        overhead_s=np.zeros(len(instances)),
        attention_s=np.zeros(len(instances)),  # whole prompts: none has tokens cached before it
        idle_power_w=_rounded([tp * decode.idle_power_w(figures, instance) for instance in instances]),
        decode_power_w=_rounded([power for _, _, power in iterations]),
        prefill_power_w=_rounded([power for _, power in prefills]),
        host_power_w=0.0,  # powers are those of GPUs alone, as in the profile
        kv_tokens=int(memory.kv_tokens(figures, tp)),
    )
    parts = ("instance", *("decode",) * BATCHES.size, *("prefill",) * PROMPT_TOKENS.size)
    evidence = tuple(Evidence(Provenance.COMPOSED, SOURCES[part]) for part in parts)
    return EngineEntry(
        model=MODEL,
        kind=kind,
        costs=costs,
        chunk_tokens=int(figures.value("engine_chunk_tokens")),
        max_batch=int(figures.value("engine_max_batch")),
        prefill_first=True,
        evidence=(evidence,) * len(instances),
    )


def _iteration(figures: Figures, instance: Instance) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Time [s], growth per cached token [s] and power [W] by batch; at batch 0 the launch floor of a prefill, and no decode's power."""
    alone, with_token = (decode.iteration(figures, instance, context) for context in (0.0, 1.0))
    context_ms = with_token.per_sequence_ms - alone.per_sequence_ms
    time_ms = np.array([alone.time_ms(batch) for batch in BATCHES])
    time_ms[0] = figures.value("launch_floor_ms")
    held = np.minimum(BATCHES * figures.value("engine_power_context_tokens"), memory.kv_tokens(figures, instance.tp))
    power_w = [
        instance.tp * decode.power_w(figures, instance, batch, alone.time_ms(batch) + context_ms * tokens)
        for batch, tokens in zip(BATCHES, held, strict=True)
    ]
    return time_ms / MS_PER_S, np.full(BATCHES.size, context_ms / MS_PER_S), np.array(power_w)


def _prefill(figures: Figures, instance: Instance) -> tuple[FloatArray, FloatArray]:
    """What prompt tokens add to the launch floor [s], and power [W], by tokens."""
    wall_ms = prefill.wall_time_ms(figures, prefill.gpu_time_ms(figures, instance, PROMPT_TOKENS))
    added_ms = np.maximum(wall_ms - figures.value("launch_floor_ms"), 0.0)
    return added_ms / MS_PER_S, instance.tp * prefill.power_w(figures, instance, PROMPT_TOKENS)


def _rounded(rows: list[FloatArray] | list[float]) -> FloatArray:
    """Numbers to so many significant digits."""
    values = np.array(rows)
    return np.array([float(f"{value:.{DIGITS}g}") for value in values.ravel()]).reshape(values.shape)
