"""A runner-up: a pool as it would be with some of its kinds only."""

from __future__ import annotations

from dataclasses import dataclass

from dynamo_plan.schema.kind import Kind


@dataclass(frozen=True, slots=True)
class Alternative:
    """A pool planned with some of its kinds only, at the same prices of what it shares with others.

    Attributes
    ----------
    pool, service : str
    kinds : tuple of Kind
        Those it may use.
    left_out : Kind or None
        The one kind that it may not use, the plan's main one; None where it may use only one.
    cost : float
        With all kinds, in the unit of the certificate's objective.
    regret : float or None
        What it costs more with these kinds than with all; None where they cannot serve the pool in every window.
    """

    pool: str
    service: str
    kinds: tuple[Kind, ...]
    left_out: Kind | None
    cost: float
    regret: float | None
