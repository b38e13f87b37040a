"""`sweep.yaml`: a what-if study (schema/sweep.py). Every key and value is tried on the scenario before any run begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.overrides import apply_overrides
from dynamo_plan.ingest.scenario_yaml import parse_part
from dynamo_plan.ingest.source import read_source
from dynamo_plan.ingest.yaml_document import parse_yaml
from dynamo_plan.ingest.yaml_record import read_record
from dynamo_plan.schema.scenario import Scenario
from dynamo_plan.schema.sweep import Change, SweepSpec, value_text


def read_sweep(path: Path) -> SweepSpec:
    """Read a sweep alone.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    return read_record(path, SweepSpec)[1]


def check_changes(
    scenario: Path,
    changes: Sequence[Change],
    overrides: Callable[[Change], Sequence[tuple[str, str]]],
    where: str,
    faults: Faults,
) -> None:
    """Note every key that the scenario cannot have and every value that its schema refuses.

    Parameters
    ----------
    overrides : callable
        What a change says of the scenario's keys.
    where : str
        The sweep, for messages.
    """
    source = read_source(scenario, faults)
    if source is None:
        return
    for change in changes:
        found = Faults()
        document = parse_yaml(source, found)
        if document is not None:
            apply_overrides(document, overrides(change), Scenario, found)
            if not len(found):
                parse_part(document, (), Scenario, found)
        place = ", ".join(f"{key}: {value_text(value)}" for key, value in change.items())
        faults.extend(replace(fault, where=f"{where} {place}") for fault in found)
