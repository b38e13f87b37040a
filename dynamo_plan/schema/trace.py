"""Requests as a log has them: when each came and how long it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Requests to one service in the order of their arrival; every array has shape (request,).

    Attributes
    ----------
    path : str
        Where they came from, for messages.
    arrival_ns : array of int
        [ns since 1970, UTC]
    input_tokens, output_tokens : array of int32
        Lengths [tokens]; an output of 0 is a request that failed.
    """

    path: str
    arrival_ns: NDArray[np.int64]
    input_tokens: NDArray[np.int32]
    output_tokens: NDArray[np.int32]

    def __len__(self) -> int:
        return int(self.arrival_ns.size)
