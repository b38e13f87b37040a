"""What a kind must hold to be believed without a measurement: one rule per file, found by this folder.

A rule is a module with `NAME` (its file's name) and `judge`. A kind with a ``measured`` row of the model is asked nothing: it ran.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from dynamo_plan.schema.kind import Kind

if TYPE_CHECKING:
    from dynamo_plan.schema.scenario import GpuSpec, MemorySpec


@dataclass(frozen=True, slots=True)
class KindCase:
    """A kind and what is known about its model and hardware; a rule that lacks something does not apply.

    Attributes
    ----------
    gpu : GpuSpec or None
        The site's stock of the kind's GPU type.
    memory : MemorySpec or None
        The model's shape.
    in_flight : float
        Most requests in flight among the kind's rows [1]; 0 where none is known.
    cached_tokens : float
        Most tokens that decoding requests of the kind's rows keep in the KV cache [1]; 0 where it is not known.
    tbt_slo_ms : float or None
        [ms].
    """

    kind: Kind
    gpu: GpuSpec | None = None
    memory: MemorySpec | None = None
    in_flight: float = 0.0
    cached_tokens: float = 0.0
    tbt_slo_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule says against a kind: it is refused, or may stay and the reason has to be known."""

    refuses: bool
    reason: str


class KindRule(Protocol):
    """One thing that a kind must hold."""

    NAME: str

    def judge(self, case: KindCase) -> Judgement | None:
        """What the rule says against the kind; None where it holds, or where it does not apply."""
        ...


def load_kind_rules() -> tuple[KindRule, ...]:
    """All rules, sorted by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(cast(KindRule, import_module(f"{__name__}.{name}")) for name in names)


def judgements(case: KindCase) -> list[Judgement]:
    """What all rules say against a kind, refusals first."""
    found = [judgement for rule in load_kind_rules() if (judgement := rule.judge(case)) is not None]
    return sorted(found, key=lambda one: not one.refuses)
