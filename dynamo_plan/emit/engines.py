"""Serving engines by their flags: what starts one instance as the plan has it.

Flags of vLLM 0.33.0 and SGLang 0.5.23 as their parsers list them; of TensorRT-LLM as `trtllm-serve` documents them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from dynamo_plan.emit.options import EmitOptions, EngineName, ServedModel
from dynamo_plan.errors import Fault, InputError
from dynamo_plan.schema.kind import Kind, NumberFormat


@dataclass(frozen=True, slots=True)
class Engine:
    """How to start an engine.

    Attributes
    ----------
    image : str
        Its public container image.
    command : tuple of str
        What the model's name follows.
    tp, pp, max_tokens : str
        Flags for tensor and pipeline parallelism and for the longest request [tokens].
    memory : str or None
        Flag for the share of GPU memory [1]; None: the engine's own share means something else than the plan's.
    formats : mapping of str to tuple of str
        Flags per number format; the checkpoint decides where none is listed.
    nodes : tuple of str
        Flags of an instance that spans servers, for the pods of a LeaderWorkerSet; empty: not known.
    follower : tuple of str
        Further flags of every server but the first.
    """

    name: EngineName
    image: str
    command: tuple[str, ...]
    tp: str
    pp: str
    max_tokens: str
    memory: str | None
    formats: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nodes: tuple[str, ...] = ()
    follower: tuple[str, ...] = ()


COMMON_FORMATS = {
    NumberFormat.BF16.value: ("--dtype", "bfloat16"),
    NumberFormat.FP16.value: ("--dtype", "float16"),
    NumberFormat.FP8_E4M3.value: ("--quantization", "fp8"),
}

ENGINES = {
    EngineName.VLLM: Engine(
        EngineName.VLLM,
        "vllm/vllm-openai:v0.33.0",
        ("vllm", "serve"),
        "--tensor-parallel-size",
        "--pipeline-parallel-size",
        "--max-model-len",
        "--gpu-memory-utilization",
        COMMON_FORMATS,
        (
            "--nnodes",
            "$(LWS_GROUP_SIZE)",
            "--node-rank",
            "$(LWS_WORKER_INDEX)",
            "--master-addr",
            "$(LWS_LEADER_ADDRESS)",
        ),
        ("--headless",),
    ),
    EngineName.SGLANG: Engine(
        EngineName.SGLANG,
        "lmsysorg/sglang:v0.5.23",
        ("python3", "-m", "sglang.launch_server", "--model-path"),
        "--tp-size",
        "--pp-size",
        "--context-length",
        "--mem-fraction-static",
        COMMON_FORMATS,
        (
            *("--nnodes", "$(LWS_GROUP_SIZE)", "--node-rank", "$(LWS_WORKER_INDEX)"),
            *("--dist-init-addr", "$(LWS_LEADER_ADDRESS):20000"),
        ),
    ),
    EngineName.TENSORRT_LLM: Engine(
        EngineName.TENSORRT_LLM,
        "nvcr.io/nvidia/tensorrt-llm/release:latest",
        ("trtllm-serve",),
        "--tp_size",
        "--pp_size",
        "--max_seq_len",
        None,
    ),
}


def engine_flags(engine: Engine, kind: Kind, served: ServedModel) -> dict[str, str]:
    """Flags of an instance with their values, the model's name apart."""
    flags = {engine.tp: str(kind.tp)}
    if kind.pp > 1:
        flags[engine.pp] = str(kind.pp)
    given = engine.formats.get(kind.dtype, ())
    flags.update(zip(given[::2], given[1::2], strict=True))
    if served.max_request_tokens is not None:
        flags[engine.max_tokens] = str(served.max_request_tokens)
    if engine.memory is not None and served.memory_utilisation is not None:
        flags[engine.memory] = f"{served.memory_utilisation:g}"
    return flags


def engine_arguments(engine: Engine, kind: Kind, served: ServedModel) -> list[str]:
    """What follows an engine's command: the model, then its flags.

    Raises
    ------
    InputError
        The model's name would be taken for a flag.
    """
    if served.model.startswith("-") or not served.model.strip():
        raise InputError(
            Fault(
                "emit-model",
                "--model",
                f"{served.model!r} would be taken for an option of the engine",
                "A model is a path or an identifier",
                "Name it with --model SERVICE=MODEL",
            )
        )
    flags = engine_flags(engine, kind, served)
    return [served.model, *(part for pair in flags.items() for part in pair)]


def engine_of(options: EmitOptions) -> Engine:
    """The engine that the user chose."""
    return ENGINES[options.engine]


def parallelism_of(arguments: Sequence[str]) -> tuple[int, int]:
    """TP and PP that an engine's arguments ask for."""
    tps, pps = ({getattr(engine, name) for engine in ENGINES.values()} for name in ("tp", "pp"))
    values = {"tp": 1, "pp": 1}
    for flag, value in pairwise(arguments):
        if flag in tps:
            values["tp"] = int(value)
        elif flag in pps:
            values["pp"] = int(value)
    return values["tp"], values["pp"]


def typed(value: str) -> str | int | float:
    """A flag's value as YAML and Python have it."""
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value
