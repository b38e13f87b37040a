"""The rules, one file each, found by this folder.

A rule is a module with `NAME` (its file's name) and `check`. A constraint that a best-effort plan may break also has
`shortfalls`, so that `violations` can compare what the plan owns up to with what it breaks.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast, runtime_checkable

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding


@dataclass(frozen=True, slots=True)
class Shortfall:
    """By how much a constraint is broken, and the limit that was passed, to which tolerances are relative; same unit."""

    amount: float
    limit: float


type Shortfalls = dict[tuple[str, int], Shortfall]
"""By place and window; only where the constraint is broken."""


class Rule(Protocol):
    """One thing that a plan must hold."""

    NAME: str

    def check(self, plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
        """Yield a finding for each claim that does not hold."""
        ...


@runtime_checkable
class Relaxable(Protocol):
    """A constraint that the best effort at an infeasible problem may break, if the plan lists it."""

    NAME: str

    def shortfalls(self, plan: Plan, inputs: Inputs, evidence: Evidence) -> Shortfalls:
        """How far the constraint is broken, and where."""
        ...


def load_rules() -> tuple[Rule, ...]:
    """All rules, sorted by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(cast(Rule, import_module(f"{__name__}.{name}")) for name in names)


def unlisted(name: str, what: str, broken: Shortfalls, evidence: Evidence) -> Iterator[Finding]:
    """Findings for shortfalls that the plan does not own up to."""
    for (where, window), shortfall in broken.items():
        if (name, where, window) not in evidence.listed:
            yield Finding(name, f"{where} window {window}", what, 0.0, shortfall.amount)
