"""One hierarchy of errors, each with a stable code, a place, what is wrong, what is allowed and how to mend it.

A fault reads `where: what. allowed. mend.`, e.g.
`profiles/h100.csv:41 power_w: -12 W is below 0. Power must be positive. Drop the row, or measure it again.`
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line, a contract that scripts rely on (docs/reference/cli.md)."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    INFEASIBLE = 3
    LIMIT = 4
    BAD_INPUT = 5
    VERIFICATION_FAILED = 6
    DIFFERENCES = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an input.

    Attributes
    ----------
    code : str
        Stable name, kebab case, e.g. ``profile-negative-power``; `dynamo-plan explain CODE` shows its page.
    where : str
        File, line and column or key path.
    what : str
        The value and what is wrong with it, with its unit.
    allowed : str
        What would be right.
    mend : str
        What the user can do next.
    """

    code: str
    where: str
    what: str
    allowed: str
    mend: str

    def __str__(self) -> str:
        parts = (part for part in (self.what, self.allowed, self.mend) if part)
        sentences = " ".join(part if part.endswith(("?", "!")) else part.rstrip(".") + "." for part in parts)
        return f"{self.where}: {sentences}"


class PlanError(Exception):
    """Root of all errors that a user may see; carries every fault found, most telling first."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, faults: Iterable[Fault] | Fault) -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class InputError(PlanError):
    """An input file or a value in it cannot be used."""

    exit_code = ExitCode.BAD_INPUT


class UsageError(PlanError):
    """The command was called in a way that cannot be carried out."""

    exit_code = ExitCode.USAGE


class VerificationError(PlanError):
    """A plan does not hold what it claims."""

    exit_code = ExitCode.VERIFICATION_FAILED


class LimitError(PlanError):
    """The time limit was reached before there was any plan."""

    exit_code = ExitCode.LIMIT


class SolverError(PlanError):
    """A solver ended in a state that no model of ours should reach; always a defect of ours."""

    exit_code = ExitCode.INTERNAL
