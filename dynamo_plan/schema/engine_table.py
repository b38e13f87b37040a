"""The engine table: what iterations cost, how the engine schedules, and where every number comes from, kind by kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import Provenance


class Part(StrEnum):
    """What a row of an engine table speaks of."""

    INSTANCE = "instance"
    DECODE = "decode"
    PREFILL = "prefill"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the numbers of a row come from."""

    provenance: Provenance
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class EngineEntry:
    """The engine of one model on one kind of instance.

    Attributes
    ----------
    model : str
        Name of the served model, as in the profile.
    kind : Kind
    costs : EngineModel
    chunk_tokens : int
        Tokens of an iteration at most.
    max_batch : int
        Requests in the batch at most.
    prefill_first : bool
        Decodes wait while prompts, which are whole, can be prefilled; else prefill is chunked.
    evidence : tuple of tuple of Evidence, shape (clock, row)
        Of the rows of each clock: the instance, every batch, every number of prompt tokens.

    Raises
    ------
    ValueError
        There is not one evidence per row.
    """

    model: str
    kind: Kind
    costs: EngineModel
    chunk_tokens: int
    max_batch: int
    prefill_first: bool
    evidence: tuple[tuple[Evidence, ...], ...]

    def __post_init__(self) -> None:
        """Refuse evidence that does not fit the costs."""
        rows = 1 + self.costs.batch.size + self.costs.prefill_tokens.size
        if [len(one) for one in self.evidence] != [rows] * self.costs.frequency_mhz.size:
            raise ValueError(f"{self.costs.name}: a clock has {rows} rows, and each has its evidence")


@dataclass(frozen=True, slots=True)
class EngineTable:
    """Engines by model and kind, as one file states them.

    Attributes
    ----------
    path : str
        Where the table came from, for messages.
    entries : tuple of EngineEntry
        Sorted by model and kind.
    """

    path: str
    entries: tuple[EngineEntry, ...]

    def of(self, model: str, kind: Kind) -> EngineEntry | None:
        """The engine of a model on a kind; None where the table has none."""
        return next((one for one in self.entries if (one.model, one.kind) == (model, kind)), None)
