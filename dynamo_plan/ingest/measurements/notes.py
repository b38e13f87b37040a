"""What of the files did not become a row, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dynamo_plan.errors import Fault


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row, or a whole file, that is faulty.

    Attributes
    ----------
    file : str
        The file, as shown to the user.
    where : str
        File and line or key path.
    faults : tuple of Fault
        At least one.
    """

    file: str
    where: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Omitted:
    """Something that is right but no row: another kind of file in a folder, a row known not to be one instance's measurement."""

    where: str
    reason: str


@dataclass(slots=True)
class Notes:
    """Both, in the order in which they were met; `file` is the one being read."""

    file: str = ""
    rejected: list[Rejected] = field(default_factory=list)
    omitted: list[Omitted] = field(default_factory=list)

    def reject(self, where: str, faults: Iterable[Fault]) -> None:
        """Note a faulty row or file."""
        self.rejected.append(Rejected(self.file, where, tuple(faults)))

    def omit(self, where: str, reason: str) -> None:
        """Note what is left out."""
        self.omitted.append(Omitted(where, reason))
