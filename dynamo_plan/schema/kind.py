"""A kind of instance: which GPUs, how the model is sharded over them, in which number format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NumberFormat(StrEnum):
    """Number formats of weights and KV caches, by the names that serving engines use."""

    BF16 = "bf16"
    FP16 = "fp16"
    FP8_E4M3 = "fp8_e4m3"
    FP8_E5M2 = "fp8_e5m2"
    INT8 = "int8"
    INT4 = "int4"
    MXFP4 = "mxfp4"
    NVFP4 = "nvfp4"


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """GPU type, tensor and pipeline parallelism and data type of an instance.

    Attributes
    ----------
    gpu : str
        GPU type, e.g. ``h100``.
    tp, pp : int
        Tensor and pipeline parallel degree.
    dtype : str
        Number format of the weights, one of `NumberFormat`.
    """

    gpu: str
    tp: int
    pp: int
    dtype: str

    @property
    def gpus(self) -> int:
        """GPUs of one instance, TP x PP."""
        return self.tp * self.pp

    def __str__(self) -> str:
        pipeline = f"-pp{self.pp}" if self.pp > 1 else ""
        return f"{self.gpu}-tp{self.tp}{pipeline}-{self.dtype}"
