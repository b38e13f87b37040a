"""What `--set key=value` says about measurements whose files do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.ingest.gathered import Faults, clipped, did_you_mean, listed
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.schema.measurement import Measurement
from dynamo_plan.schema.profile import Provenance

type Value = str | int | float | datetime | Provenance
type Reading = Callable[[Fields, str], Value | None]

RELATIVE = 1e-6
"""Two spellings of one number agree to this."""


def _count(fields: Fields, key: str) -> Value | None:
    return fields.count(key)


def _number(fields: Fields, key: str) -> Value | None:
    return fields.number(key)


def _text(fields: Fields, key: str) -> Value | None:
    return fields.text(key)


def _provenance(fields: Fields, key: str) -> Value | None:
    name = fields.text(key)
    if name in tuple(Provenance):
        return Provenance(str(name))
    fields.faults.add(
        "profile-provenance",
        f"{fields.where} {key}",
        f"{clipped(name or '')} is not known",
        f"provenance is one of {listed(Provenance)}",
        did_you_mean(name or "", tuple(Provenance)),
    )
    return None


def _number_format(fields: Fields, key: str) -> Value | None:
    return fields.number_format(key)


def _instant(fields: Fields, key: str) -> Value | None:
    return fields.instant(key)


SETTABLE: dict[str, tuple[str, Reading]] = {
    "model": ("model", _text),
    "gpu": ("gpu", _text),
    "tp": ("tp", _count),
    "pp": ("pp", _count),
    "dtype": ("dtype", _number_format),
    "frequency_mhz": ("frequency_mhz", _number),
    "input_tokens": ("input_tokens", _number),
    "output_tokens": ("output_tokens", _number),
    "request_rate_rps": ("offered_rps", _number),
    "concurrency": ("concurrency", _number),
    "throughput_rps": ("throughput_rps", _number),
    "power_w": ("power_w", _number),
    "duration_s": ("duration_s", _number),
    "start": ("start", _instant),
    "provenance": ("provenance", _provenance),
    "source": ("source", _text),
}
"""Keys of `--set`, as the profile's columns are called; the attribute of a measurement; how a value is read."""

RENAMED = ("model", "gpu")
"""Names that a scenario may know in another spelling than a tool."""


def read_given(given: Mapping[str, str]) -> dict[str, Value]:
    """Values by attribute of a measurement.

    Raises
    ------
    UsageError
        Where a key is unknown or a value cannot be read.
    """
    unknown = [
        Fault(
            "measurement-set",
            f"--set {key}",
            f"{clipped(key)} cannot be set",
            f"Keys are {listed(SETTABLE)}",
            did_you_mean(key, tuple(SETTABLE)),
        )
        for key in given
        if key not in SETTABLE
    ]
    fields = Fields("--set", given)
    values = {SETTABLE[key][0]: SETTABLE[key][1](fields, key) for key in given if key in SETTABLE}
    empty = [
        Fault("measurement-set", f"--set {key}", "the value is empty", "A value is needed", "Write --set key=value")
        for key, text in given.items()
        if not text.strip()
    ]
    faults = [*unknown, *empty, *fields.faults]
    if faults:
        raise UsageError(faults)
    return {key: value for key, value in values.items() if value is not None}


def with_given(found: Measurement, given: Mapping[str, Value], faults: Faults) -> Measurement:
    """Fill in what the file does not say; a contradiction is noted."""
    changed: dict[str, Value] = {}
    for name, value in given.items():
        stated = getattr(found, name)
        is_open = stated is None or name == "source" or (name == "provenance" and stated is Provenance.MEASURED)
        if is_open or (name in RENAMED and _spells(str(value), str(stated))):
            changed[name] = value
        elif not _agrees(stated, value):
            key = next(key for key, (attribute, _) in SETTABLE.items() if attribute == name)
            faults.add(
                "measurement-contradiction",
                f"{found.where} {key}",
                f"the file says {stated}, --set says {value}",
                f"A short form of a name may be set, such as h100 for {found.gpu}"
                if name == "gpu" and found.gpu
                else "",
                f"Leave --set {key} out, or take the file out",
            )
    return replace(found, **changed)  # type: ignore[arg-type]


def _agrees(stated: object, value: Value) -> bool:
    if isinstance(stated, int | float) and isinstance(value, int | float):
        return abs(stated - value) <= RELATIVE * max(abs(stated), abs(value))
    return stated == value


def _spells(short: str, long: str) -> bool:
    """Whether a name is in another one, case and everything but letters and digits apart: `h100` in `NVIDIA H100 80GB HBM3`."""
    folded = re.sub(r"[^a-z0-9]", "", short.casefold())
    return bool(folded) and folded in re.sub(r"[^a-z0-9]", "", long.casefold())
