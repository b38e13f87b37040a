"""Everything a scenario names, read and checked: the first waist's input side."""

from __future__ import annotations

from dataclasses import dataclass

from dynamo_plan.schema.load import Forecast, GridSignals, Windows
from dynamo_plan.schema.plan import InputFile
from dynamo_plan.schema.profile import MixingTable, ProfileTable
from dynamo_plan.schema.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Inputs:
    """A scenario with its tables.

    Attributes
    ----------
    scenario : Scenario
        With paths as written.
    windows : Windows
        The planning windows, common to all forecasts.
    profiles, forecasts : dict
        By service name.
    mixing : dict
        By service name; services without a mixing table have no entry.
    grid : dict
        By site name, resampled to the windows.
    files : tuple of InputFile
        Every file read, the scenario first, in a fixed order.
    """

    scenario: Scenario
    windows: Windows
    profiles: dict[str, ProfileTable]
    mixing: dict[str, MixingTable]
    forecasts: dict[str, Forecast]
    grid: dict[str, GridSignals]
    files: tuple[InputFile, ...]
