"""Token buckets: classes of requests by input and output length.

Source: the nine classes SS..LL of DynamoLLM (arXiv 2408.00741, table IV); thresholds are the scenario's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

MOST_CLASSES = 12
"""Length classes of one axis. Finer grids than twelve by twelve have more buckets than a profile has cells."""

CLASS_NAMES: dict[int, tuple[str, ...]] = {
    **{count: tuple("ABCDEFGHIJKL"[:count]) for count in range(5, MOST_CLASSES + 1)},
    1: ("A",),
    2: ("S", "L"),
    3: ("S", "M", "L"),
    4: ("S", "M", "L", "X"),
}
"""Names of length classes by how many there are: All; Short, Medium, Long, eXtra long; A, B, C, ... from five on."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Requests whose input and output lengths fall into half-open ranges [min, max).

    Attributes
    ----------
    name : str
        Input class letter, then output class letter, e.g. ``SM``.
    input_min_tokens, output_min_tokens : int
        Lower edges, inclusive [tokens].
    input_max_tokens, output_max_tokens : int or None
        Upper edges, exclusive [tokens]; None is without limit.
    """

    name: str
    input_min_tokens: int
    input_max_tokens: int | None
    output_min_tokens: int
    output_max_tokens: int | None

    @property
    def input_class(self) -> str:
        """Letter of the input class; TTFT SLOs are given per input class."""
        return self.name[0]

    def holds(self, input_tokens: float, output_tokens: float) -> bool:
        """Whether a request of these lengths [tokens] belongs to the bucket."""
        above = input_tokens >= self.input_min_tokens and output_tokens >= self.output_min_tokens
        below_input = self.input_max_tokens is None or input_tokens < self.input_max_tokens
        return above and below_input and (self.output_max_tokens is None or output_tokens < self.output_max_tokens)


def bucket_grid(input_edges: tuple[int | None, ...], output_edges: tuple[int | None, ...]) -> tuple[Bucket, ...]:
    """All buckets spanned by upper edges of input and output classes.

    Parameters
    ----------
    input_edges, output_edges : tuple of int or None
        Strictly increasing exclusive upper edges [tokens]; only the last may be None (no limit). One to `MOST_CLASSES` each.

    Returns
    -------
    tuple of Bucket
        Input class outermost: SS, SM, SL, MS, ...
    """
    inputs = list(pairwise((0, *input_edges)))
    outputs = list(pairwise((0, *output_edges)))
    return tuple(
        Bucket(input_name + output_name, input_low or 0, input_high, output_low or 0, output_high)
        for input_name, (input_low, input_high) in zip(CLASS_NAMES[len(inputs)], inputs, strict=True)
        for output_name, (output_low, output_high) in zip(CLASS_NAMES[len(outputs)], outputs, strict=True)
    )
