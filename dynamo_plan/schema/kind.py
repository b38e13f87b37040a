"""A kind of instance: which GPUs, how the model is sharded over them, in which number format."""

from __future__ import annotations

from dataclasses import dataclass


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
        Number format of the weights, e.g. ``bf16``.
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
