"""What the columns of a telemetry CSV are: when, which GPU, which quantity in which unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from dynamo_plan.ingest.gathered import Faults, listed
from dynamo_plan.schema.telemetry import Quantity, ThrottleReason

BRACKETED_UNIT = re.compile(r"\s*\[(?P<unit>[^\]]*)\]\s*$")


class Role(Enum):
    """What a column says."""

    TIME = auto()
    GPU = auto()
    UUID = auto()
    NUMBER = auto()
    MASK = auto()
    FLAG = auto()


@dataclass(frozen=True, slots=True)
class Known:
    """A column that a format knows by its name.

    Attributes
    ----------
    role : Role
    quantity : Quantity or None
        Of columns of numbers.
    unit : str
        In which the numbers are; cells may repeat it.
    factor : float
        From that unit to the unit of the quantity.
    bit : ThrottleReason or None
        Of columns that say whether one reason holds.
    """

    role: Role
    quantity: Quantity | None = None
    unit: str = ""
    factor: float = 1.0
    bit: ThrottleReason | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column to read: its name and place in the file, and what it is."""

    name: str
    place: int
    known: Known


def bare(name: str) -> str:
    """A header's name without its unit: ``power.draw [W]`` is ``power.draw``."""
    return BRACKETED_UNIT.sub("", name.strip().strip('"').strip()).strip()


def placed(names: list[str], known: dict[str, Known], where: str, faults: Faults) -> tuple[Column, ...] | None:
    """Columns of a header that are known; of those with one meaning the one that `known` lists first.

    None, with the fault noted, where the time is missing or a header names another unit.
    """
    places = {bare(name): place for place, name in reversed(list(enumerate(names)))}
    chosen: dict[object, Column] = {}
    for name, meaning in known.items():
        if name not in places:
            continue
        title = names[places[name]].strip().strip('"').strip()
        stated = BRACKETED_UNIT.search(title)
        if stated and stated["unit"] and stated["unit"] != meaning.unit:
            what = f"{name} is in {stated['unit']}"
            faults.add("telemetry-unit", where, what, f"{name} is read in {meaning.unit}", "Record it in this unit")
            return None
        key = (meaning.role, meaning.quantity, meaning.bit)
        chosen.setdefault(key, Column(title, places[name], meaning))
    columns = tuple(sorted(chosen.values(), key=lambda column: column.place))
    if not any(column.known.role is Role.TIME for column in columns):
        times = [name for name, meaning in known.items() if meaning.role is Role.TIME]
        what = f"no column is a time; found are {listed(bare(name) for name in names)}"
        faults.add("telemetry-without-times", where, what, f"It is called {' or '.join(times)}", "Record the time too")
        return None
    return columns
