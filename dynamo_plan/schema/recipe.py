"""The recipe of a composed profile: what was measured, and which ratios carry it to what was not (docs/reference/files.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dynamo_plan.schema.kind import NumberFormat
from dynamo_plan.schema.profile import ProfileTable
from dynamo_plan.schema.scenario import Positive, Record

PositiveCount = Annotated[int, Field(gt=0)]
AxisValue = Positive | NumberFormat


class Axis(StrEnum):
    """What a ratio changes about an instance."""

    CLOCK = "frequency_mhz"
    TP = "tp"
    DTYPE = "dtype"


class RatioBy(StrEnum):
    """Where in the reference a row's ratio is read.

    ``cell``: at the row's own lengths and requests in flight, which must lie inside those measured. ``mean``: the geometric mean over
    all lengths and loads of the reference.
    """

    CELL = "cell"
    MEAN = "mean"


class Match(Record):
    """Rows of a profile that agree with all that is given."""

    model: str | None = None
    gpu: str | None = None
    tp: PositiveCount | None = None
    pp: PositiveCount | None = None
    dtype: NumberFormat | None = None


class Baseline(Record):
    """A measured profile, or some of its rows."""

    profile: str = Field(min_length=1)
    of: Match = Match()


class RatioRow(Record):
    """Published ratios at one value of the axis, each to that at the base; what is not given does not change."""

    value: AxisValue
    rate: Positive = 1.0
    ttft: Positive = 1.0
    tbt: Positive = 1.0
    power: Positive = 1.0
    idle_power: Positive | None = None


class RatioSpec(Record):
    """Ratios along one axis, from a profile measured along it or from a table.

    `base` is the baseline's value on the axis and `to` lists those to compose. `reference_base` [MHz] is the clock of the reference that
    stands for `base` where its range is another; other clocks are scaled alike.
    """

    axis: Axis
    base: AxisValue
    to: list[AxisValue] = Field(min_length=1)
    profile: str | None = None
    of: Match = Match()
    reference_base: Positive | None = None
    by: RatioBy = RatioBy.CELL
    table: list[RatioRow] | None = Field(default=None, min_length=1)
    source: str = ""

    @model_validator(mode="after")
    def _one_origin(self) -> RatioSpec:
        if (self.profile is None) == (self.table is None):
            raise ValueError("ratios come from `profile:` or from `table:`. Give one of the two")
        if self.table is not None and not self.source:
            raise ValueError("a table of ratios needs `source:`. Say who measured them")
        if self.reference_base is not None and (self.axis is not Axis.CLOCK or self.profile is None):
            raise ValueError("reference_base scales the clocks of a profile. Drop it")
        return self

    @model_validator(mode="after")
    def _values_fit_the_axis(self) -> RatioSpec:
        values = [self.base, *self.to, *(row.value for row in self.table or [])]
        for value in values:
            is_format = isinstance(value, NumberFormat)
            if is_format != (self.axis is Axis.DTYPE):
                raise ValueError(f"{value} is no {self.axis.value}. Write values of the axis")
            if self.axis is Axis.TP and value != round(float(value)):
                raise ValueError(f"{value} is no tensor parallel degree. Write a whole number")
        if self.base in self.to:
            raise ValueError(f"base {self.base} stands in `to` too. It is measured already; drop it there")
        return self


class Recipe(Record):
    """A composed profile: the baseline's rows, and those rows times the ratios, axis after axis."""

    version: Literal[1]
    baseline: Baseline
    ratios: list[RatioSpec] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class RecipeInputs:
    """A recipe and the profiles that it names.

    Attributes
    ----------
    references : tuple of ProfileTable or None
        One per ratio; None where it has a table.
    places : tuple of str
        Where each ratio stands, for messages.
    """

    recipe: Recipe
    baseline: ProfileTable
    references: tuple[ProfileTable | None, ...]
    places: tuple[str, ...]
