"""A design: which operating points to measure next."""

from __future__ import annotations

from dataclasses import dataclass

from dynamo_plan.schema.kind import Kind


@dataclass(frozen=True, slots=True)
class DesignPoint:
    """One clock and pair of lengths of one kind, measured at several rates.

    Attributes
    ----------
    kind : Kind
    frequency_mhz : float
        SM clock to lock [MHz].
    input_tokens, output_tokens : float
        Lengths of the requests [tokens].
    rates_rps : tuple of float
        Offered rates, ascending [1/s].
    order : int
        Place in the order of worth, 1 first.
    """

    kind: Kind
    frequency_mhz: float
    input_tokens: float
    output_tokens: float
    rates_rps: tuple[float, ...]
    order: int


@dataclass(frozen=True, slots=True)
class Design:
    """Points to measure, grouped by server launch: kinds together, clocks within them.

    Attributes
    ----------
    model : str
    points : tuple of DesignPoint
    error_before, error_after : float
        Expected error of what the plan rests on, weighted by energy, without and with the measurements [relative, one standard deviation].
    """

    model: str
    points: tuple[DesignPoint, ...]
    error_before: float
    error_after: float
