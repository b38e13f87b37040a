"""A what-if study: changes to one scenario, and what came of each.

A user writes `sweep.yaml`; its schema: `dynamo-plan schema sweep`. A change is a mapping of keys to values; a key is a dotted path of the
scenario, as for `solve --set`, or one of the names of `whatif.changes.NAMED`, which stand for what no single key says.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, JsonValue, model_validator

from dynamo_plan.schema.scenario import Record

type Change = dict[str, JsonValue]

BASE = "base"
"""What the run without a change is called."""


class SweepSpec(Record):
    """The whole file: the scenario, by its path, every combination of `grid`, and single `cases` besides."""

    version: Literal[1]
    scenario: str = Field(min_length=1)
    grid: dict[str, list[JsonValue]] = Field(default_factory=dict)
    cases: list[dict[str, JsonValue]] = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_something(self) -> SweepSpec:
        empty = [key for key, values in self.grid.items() if not values]
        if empty:
            raise ValueError(f"grid: {empty[0]} has no values. Write at least one, or drop the key")
        if not self.grid and not any(self.cases):
            raise ValueError("the sweep changes nothing. Write `grid:` or `cases:`")
        return self


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run; all numbers are NaN where there is no plan.

    Attributes
    ----------
    run_id : str
        Hash of the change, the inputs and the program; equal runs have equal ones.
    change : dict
    status : str
        As of a plan, or ``failed``.
    objective, gap : float
        In the objective's unit; relative [1].
    energy_kwh, carbon_kg, cost_usd, gpu_hours, peak_power_kw : float
    peak_gpus, instance_starts : float
        Whole numbers.
    slo_slack : float
        Share of the capacity at the SLO that the running instances leave unused, weighted by their GPUs and windows [1].
    error : str
        Why there is no plan; empty where there is one.
    """

    run_id: str
    change: Change
    status: str
    objective: float = math.nan
    gap: float = math.nan
    energy_kwh: float = math.nan
    carbon_kg: float = math.nan
    cost_usd: float = math.nan
    gpu_hours: float = math.nan
    peak_power_kw: float = math.nan
    peak_gpus: float = math.nan
    instance_starts: float = math.nan
    slo_slack: float = math.nan
    error: str = ""

    @property
    def name(self) -> str:
        """The change in words, e.g. ``pue 1.4, demand 1.2``."""
        return ", ".join(f"{key} {value_text(value)}" for key, value in self.change.items()) or BASE


def value_text(value: JsonValue) -> str:
    """A value as people write it."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
