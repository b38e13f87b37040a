"""Input files to the nouns of `schema`: one file per input format, one check per fault family; all faults at once.

Formats are imported when they are read: a command that needs one table waits for no other's libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.source import Source, read_source
from dynamo_plan.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from dynamo_plan.ingest.inputs import read_inputs
    from dynamo_plan.schema.engine_table import EngineTable
    from dynamo_plan.schema.load import Forecast, GridSignals, Windows
    from dynamo_plan.schema.profile import MixingTable, ProfileTable
    from dynamo_plan.schema.scenario import Scenario

__all__ = [
    "read_engine_table",
    "read_forecast",
    "read_grid",
    "read_inputs",
    "read_mixing",
    "read_profile",
    "read_scenario",
]


def read_profile(path: Path) -> ProfileTable:
    """Read a canonical profile, CSV or Parquet.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    from dynamo_plan.ingest.profile_table import parse_profile

    return _read(path, parse_profile)


def read_scenario(path: Path) -> Scenario:
    """Read a scenario alone, without the files that it names.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    from dynamo_plan.ingest.scenario_yaml import parse_part
    from dynamo_plan.ingest.yaml_document import parse_yaml
    from dynamo_plan.schema.scenario import Scenario

    def parse(source: Source, faults: Faults) -> Scenario | None:
        document = parse_yaml(source, faults)
        return None if document is None else parse_part(document, (), Scenario, faults)

    return _read(path, parse)


def read_mixing(path: Path) -> MixingTable:
    """Read a mixing table, CSV or Parquet.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    from dynamo_plan.ingest.mixing_table import parse_mixing

    return _read(path, parse_mixing)


def read_engine_table(path: Path) -> EngineTable:
    """Read an engine table, CSV or Parquet.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    from dynamo_plan.ingest.engine_table import parse_engine_table

    return _read(path, parse_engine_table)


def read_forecast(path: Path, service: str, buckets: Sequence[str], window_minutes: float) -> Forecast:
    """Read one service's rows of a forecast, CSV or Parquet, for these buckets and this window length [min].

    Raises
    ------
    InputError
        With all faults of the file.
    """
    from dynamo_plan.ingest.forecast_table import parse_forecast

    window_s = round(window_minutes * SECONDS_PER_MINUTE)
    return _read(path, lambda source, faults: parse_forecast(source, service, buckets, window_s, faults))


def read_grid(path: Path, windows: Windows) -> GridSignals:
    """Read grid signals, CSV or Parquet, and bring them onto the windows.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    from dynamo_plan.ingest.grid_table import on_windows, parse_grid

    def parse(source: Source, faults: Faults) -> GridSignals | None:
        series = parse_grid(source, faults)
        return None if series is None else on_windows(series, windows, faults)

    return _read(path, parse)


def _read[Parsed](path: Path, parse: Callable[[Source, Faults], Parsed | None]) -> Parsed:
    faults = Faults()
    source = read_source(path, faults)
    parsed = parse(source, faults) if source is not None else None
    faults.raise_if_any()
    if parsed is None:
        raise AssertionError("a file that cannot be read has no fault")
    return parsed


def __getattr__(name: str) -> object:
    if name != "read_inputs":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dynamo_plan.ingest.inputs import read_inputs

    return read_inputs
