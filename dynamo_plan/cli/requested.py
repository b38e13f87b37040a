"""Logs of requests and engines by service of a scenario, for `dynamo-plan replay` and `dynamo-plan compare`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_plan.errors import Fault, InputError, UsageError
from dynamo_plan.shipped import engine_beside
from dynamo_plan.units import NANOSECONDS_PER_SECOND

if TYPE_CHECKING:
    from dynamo_plan.ingest.logs.options import LogOptions
    from dynamo_plan.schema.engine_table import EngineTable
    from dynamo_plan.schema.scenario import Scenario, ServiceSpec
    from dynamo_plan.schema.trace import Trace


@dataclass(frozen=True, slots=True)
class Requested:
    """Requests by service, and how many of the logs belong to none that is replayed."""

    traces: dict[str, Trace]
    unknown: int
    left_out: int


def requests_of(
    scenario: Scenario,
    logs: Sequence[str],
    service: str | None,
    options: LogOptions,
    format: str | None,
    on_share: Callable[[float], None],
    *,
    keep_going: bool,
) -> Requested:
    """Read logs, each a path or ``SERVICE=PATH``.

    Raises
    ------
    InputError
        A log cannot be read, or names none of the services.
    UsageError
        It is not said of which service a log is.
    """
    from dynamo_plan.ingest.logs import Place, find_logs, read_requests

    specs = {spec.name: spec for spec in scenario.services}
    if service is not None and service not in specs:
        raise _unknown_service(service, specs)
    parts: dict[str, list[Trace]] = {}
    unknown, left_out = 0, 0
    for text in logs:
        named, path = _split(text, specs)
        log = find_logs([path], options, format=format)
        found, rejected = read_requests(log, Place(on_share=on_share), keep_going=keep_going)
        left_out += rejected
        for name, trace in _by_service(found, named or service, specs, path).items():
            if name is None:
                unknown += len(trace)
            else:
                parts.setdefault(name, []).append(trace)
    return Requested({name: _merged(own) for name, own in parts.items()}, unknown, left_out)


def engines_of(
    scenario: Scenario, folder: Path, services: Sequence[str], engine: Path | None
) -> dict[str, EngineTable]:
    """The engine table of each of some services: one named by the user, or the one beside its profile.

    Parameters
    ----------
    folder : Path
        That the scenario's paths are relative to.

    Raises
    ------
    InputError
        There is none, or it cannot be read.
    """
    from dynamo_plan.ingest import read_engine_table

    tables: dict[Path, EngineTable] = {}
    engines = {}
    for spec in scenario.services:
        if spec.name in services:
            path = engine or engine_beside(Path(os.path.normpath(folder / spec.profile)))
            if engine is None and not path.is_file():
                raise InputError(
                    Fault(
                        "replay-no-engine",
                        str(path),
                        f"there is no engine table beside the profile of {spec.name}",
                        "It says what an iteration costs in time and power",
                        "Name one with --engine",
                    )
                )
            if path not in tables:
                tables[path] = read_engine_table(path)
            engines[spec.name] = tables[path]
    return engines


def shifted(traces: Mapping[str, Trace], at: str | None) -> dict[str, Trace]:
    """Traces moved in time so that the first request of all comes at a moment (ISO 8601 with zone)."""
    if at is None:
        return dict(traces)
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            Fault(
                "replay-at",
                "--at",
                f"{at} is no date and time with a zone",
                "The moment at which the trace is to begin",
                "Write e.g. 2024-05-14T06:00:00Z",
            )
        )
    first = min(int(trace.arrival_ns[0]) for trace in traces.values())
    by = round(moment.timestamp() * NANOSECONDS_PER_SECOND) - first
    return {name: replace(trace, arrival_ns=trace.arrival_ns + by) for name, trace in traces.items()}


def _split(text: str, specs: Mapping[str, ServiceSpec]) -> tuple[str | None, Path]:
    name, sign, path = text.partition("=")
    if sign and name not in specs and not Path(text).exists() and Path(path).exists():
        raise _unknown_service(name, specs)
    return (name, Path(path)) if sign and name in specs else (None, Path(text))


def _by_service(
    found: Mapping[str, Trace], asked: str | None, specs: Mapping[str, ServiceSpec], path: Path
) -> dict[str | None, Trace]:
    """Traces of a log by service of the scenario; None for those of no service that is replayed."""
    names: dict[str, str] = {}
    for name, spec in specs.items():
        if asked in (None, name):
            names |= {name: name}
            names.setdefault(spec.model, name)
    parts: dict[str | None, list[Trace]] = {}
    for name, trace in found.items():
        if name:
            parts.setdefault(names.get(name), []).append(trace)
        elif asked is not None or len(specs) == 1:
            parts.setdefault(asked or next(iter(specs)), []).append(trace)
        else:
            raise UsageError(
                Fault(
                    "replay-service",
                    str(path),
                    f"the log names no service, and the scenario has {len(specs)}",
                    f"Services: {', '.join(specs)}",
                    "Say which with --service, or write --trace SERVICE=LOG",
                )
            )
    if set(parts) <= {None}:
        raise InputError(
            Fault(
                "trace-service-unknown",
                str(path),
                f"the log names {', '.join(sorted(found))}",
                f"None is {'a service or model of the scenario' if asked is None else asked}: {', '.join(sorted(names))}",
                "Say which service it is with --service" if asked is None else "Name another log, or another service",
            )
        )
    return {name: _merged(own) for name, own in parts.items()}


def _merged(parts: Sequence[Trace]) -> Trace:
    """Requests of several logs in the order of their arrival."""
    import numpy as np

    from dynamo_plan.schema.trace import Trace

    if len(parts) == 1:
        return parts[0]
    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("arrival_ns", "input_tokens", "output_tokens")
    ]
    order = np.argsort(columns[0], kind="stable")
    paths = dict.fromkeys(part.path for part in parts)
    return Trace(", ".join(paths), *(column[order] for column in columns))


def _unknown_service(service: str, specs: Mapping[str, ServiceSpec]) -> UsageError:
    return UsageError(
        Fault(
            "service-unknown",
            "--service",
            f"{service} is no service of the scenario",
            f"Known: {', '.join(specs)}",
            "Take one of these",
        )
    )
