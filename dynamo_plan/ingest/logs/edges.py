"""Edges of buckets as written on the command line: token lengths, or percentiles of the log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.ingest.logs.lengths import ExactLengths, percentile
from dynamo_plan.schema.bucket import MOST_CLASSES
from dynamo_plan.schema.requests import MOST_TOKENS

type Edges = tuple[int | None, ...]

PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)", re.ASCII)
NO_LIMIT = ("null", "none", "inf")
ALLOWED = "Upper edges of input classes, a slash, upper edges of output classes, in tokens or as percentiles"
MEND = "Write e.g. 256,1024,8192/100,350,null or p33,p66"


@dataclass(frozen=True, slots=True)
class EdgeSpec:
    """Upper edges of the classes of one length.

    Attributes
    ----------
    values : tuple of (float or None)
        Exclusive upper edges [tokens], None without limit; or percentiles [%].
    are_percentiles : bool
    """

    values: tuple[float | None, ...]
    are_percentiles: bool

    def edges(self, requests: ExactLengths | None, *, of_input: bool) -> Edges:
        """Exclusive upper edges [tokens]; a request whose length is the percentile is in the class below.

        Raises
        ------
        UsageError
            Two percentiles of the log are the same length, or there is no log of requests.
        """
        if self.are_percentiles and requests is None:
            raise _fault("the source gives rates, of which there are no percentiles")
        if requests is None or not self.are_percentiles:
            return tuple(None if value is None else int(value) for value in self.values)
        counts = requests.input if of_input else requests.output
        found = [percentile(counts, value) + 1 for value in self.values if value is not None]
        if any(low >= high for low, high in pairwise(found)):
            what = f"percentiles {_shown(self.values)} of the {'inputs' if of_input else 'outputs'} are at {_shown(found)} tokens"
            raise _fault(what)
        return (*found, None)


def parse_edges(text: str) -> tuple[EdgeSpec, EdgeSpec]:
    """Edges of inputs and of outputs; percentiles without a slash serve both.

    Raises
    ------
    UsageError
        They are no edges of buckets.
    """
    inputs, slash, outputs = text.partition("/")
    specs = [_spec(part, text) for part in ((inputs, outputs) if slash else (inputs, inputs))]
    if not slash and not specs[0].are_percentiles:
        raise _fault(f"{text} has no slash")
    return specs[0], specs[1]


def _spec(part: str, text: str) -> EdgeSpec:
    cells = [cell.strip().lower() for cell in part.split(",")]
    percentiles = [PERCENTILE.fullmatch(cell) for cell in cells]
    if all(percentiles):
        values: list[float | None] = [float(found[1]) for found in percentiles if found]
    else:
        values = [None if cell in NO_LIMIT else _tokens(cell, text) for cell in cells]
    bounded = [value for value in values if value is not None]
    if None in values[:-1] or any(low >= high for low, high in pairwise(bounded)) or 0 in bounded:
        raise _fault(f"{part} does not ascend from above 0")
    if len(values) + all(percentiles) > MOST_CLASSES:
        raise _fault(f"{part} makes more than {MOST_CLASSES} classes")
    return EdgeSpec(tuple(values), all(found is not None for found in percentiles))


def _tokens(cell: str, text: str) -> float:
    if not cell.isascii() or not cell.isdigit() or int(cell) > MOST_TOKENS:
        raise _fault(f"{cell or 'nothing'} in {text} is no edge")
    return float(cell)


def _shown(values: tuple[float | None, ...] | list[int]) -> str:
    return ", ".join(f"{value:g}" for value in values if value is not None)


def _fault(what: str) -> UsageError:
    return UsageError(Fault("log-buckets", "--buckets", what, ALLOWED, MEND))
