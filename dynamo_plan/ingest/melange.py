"""Mélange's input: GPU types with a price and a throughput per bucket, and one load; as a scenario folder of ours.

A case is JSON: `gpu_info.NAME.cost` (price of one GPU per hour), `gpu_info.NAME.tputs` (requests/s that one GPU sustains, by input and
output length class; 0 where it cannot serve the bucket), `workload_distribution` (share of the requests, same shape) and
`total_request_rate` (1/s). Its problem is the least cost of GPUs that carry the load, every bucket on any GPU type.

Source: Griggs et al., "Mélange: Cost Efficient Large Language Model Serving by Exploiting GPU Heterogeneity", arXiv 2404.14527.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import Faults, clipped, did_you_mean, listed
from dynamo_plan.ingest.source import Source, read_source
from dynamo_plan.ingest.table import MOST
from dynamo_plan.schema.bucket import CLASS_NAMES, MOST_CLASSES

KEYS = ("gpu_info", "workload_distribution", "total_request_rate")
GPU_KEYS = ("cost", "tputs")
NOT_USED = {"slice_factor": "shares are continuous here, no bucket is cut into slices"}
"""Keys of Mélange's own solver that mean nothing here, and why."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
SUM_TOLERANCE = 1e-6
"""Absolute; shares printed with six digits add up to 1 within this."""

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None


@dataclass(frozen=True, slots=True)
class MelangeGpu:
    """A GPU type: price of one [USD/h], and requests/s of one in each bucket, shape (input class, output class) [1/s]."""

    name: str
    price_usd_per_h: float
    capacity_rps: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MelangeCase:
    """One case.

    Attributes
    ----------
    name : str
        From the file's name, as a scenario can be named.
    file : str
        Name of the file.
    gpus : tuple of MelangeGpu
    share : array, shape (input class, output class)
        Share of the requests [1].
    rate_rps : float
        All requests [1/s].
    not_used : tuple of str
        Keys of the file that were not used, with the reason.
    """

    name: str
    file: str
    gpus: tuple[MelangeGpu, ...]
    share: NDArray[np.float64]
    rate_rps: float
    not_used: tuple[str, ...]


def read_melange(path: Path) -> MelangeCase:
    """Read and check a case.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    faults = Faults()
    source = read_source(path, faults)
    case = None if source is None else _Reader(source, faults).case()
    faults.raise_if_any()
    if case is None:
        raise AssertionError("a case that cannot be read has no fault")
    return case


class _Reader:
    """One file on its way to a case; notes faults by key path."""

    def __init__(self, source: Source, faults: Faults) -> None:
        self.source = source
        self.faults = faults

    def case(self) -> MelangeCase | None:
        data = self._object(self._json(), "", KEYS)
        if data is None:
            return None
        share = self._matrix(data.get("workload_distribution"), "workload_distribution", "a share")
        rate = self._number(data.get("total_request_rate"), "total_request_rate")
        gpus = list(self._gpus(data.get("gpu_info"), share))
        if len(self.faults) or share is None or rate is None:
            return None
        self._check_sum(share)
        self._check_served(gpus, share)
        not_used = [f"{key} ({NOT_USED.get(key, 'not known here')})" for key in data if key not in KEYS]
        name = re.sub(r"[^A-Za-z0-9._-]", "-", self.source.path.stem).lstrip("._-")[:63] or "case"
        return MelangeCase(name, self.source.path.name, tuple(gpus), share, rate, tuple(not_used))

    def _note(self, code: str, place: str, what: str, allowed: str = "", mend: str = "") -> None:
        self.faults.add(code, f"{self.source.shown} {place}".rstrip(), what, allowed, mend)

    def _json(self) -> Json:
        try:
            found: Json = json.loads(self.source.data.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, or nested without end
            reason = clipped(str(error).split("\n", 1)[0], most=120)
            self._note(
                "melange-json", "", f"not JSON: {reason}", "A case is one JSON object in UTF-8", "Correct the file"
            )
            return None
        if not isinstance(found, dict):
            self._note("melange-json", "", "holds no JSON object", f"Its keys are {listed(KEYS)}", "Name a case's file")
        return found

    def _object(self, value: Json, place: str, keys: tuple[str, ...]) -> dict[str, Json] | None:
        """A JSON object that has these keys; None where the value is none, which is noted but for the file itself."""
        if not isinstance(value, dict):
            if place:
                self._note("melange-value", place, "is not an object", f"Its keys are {listed(keys)}")
            return None
        for key in (key for key in keys if key not in value):
            spare = [name for name in value if name not in keys]
            mend = did_you_mean(key, spare) or f"Add {key}"
            self._note("melange-missing-key", place, f"key {key} is missing", f"Required are {listed(keys)}", mend)
        for key in (key for key in keys if key in value and value[key] is None):
            self._note("melange-value", f"{place}.{key}".lstrip("."), "is null", "A value is needed")
        return value

    def _number(self, value: Json, place: str) -> float | None:
        """A number from 0 on; None where it is none, which is noted; a key that is missing or null has been noted."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._note("melange-value", place, f"{clipped(json.dumps(value))} is not a number", "A number is needed")
            return None
        if not 0 <= value <= MOST:  # NaN, which Python's JSON reads, is outside too
            shown = clipped(json.dumps(value)).strip("'")
            self._note("melange-value", place, f"{shown} is out of range", f"Numbers lie between 0 and {MOST:g}")
            return None
        return float(value)

    def _matrix(self, value: Json, place: str, cell: str) -> NDArray[np.float64] | None:
        """A rectangle of numbers, one row per input class; None where it is none, which is noted."""
        if value is None:
            return None
        rows = value if isinstance(value, list) else []
        widths = {len(row) if isinstance(row, list) else 0 for row in rows}
        if len(widths) != 1 or not 0 < max(widths) <= MOST_CLASSES or len(rows) > MOST_CLASSES:
            self._note(
                "melange-shape",
                place,
                "is not a rectangle of numbers" if len(widths) != 1 or 0 in widths else "has too many classes",
                f"One row per input class with {cell} per output class, at most {MOST_CLASSES} of either",
                "Fill the rows to the same length",
            )
            return None
        cells = [
            self._cell(number, f"{place}[{i}][{j}]")
            for i, row in enumerate(rows)
            for j, number in enumerate(row if isinstance(row, list) else [])
        ]
        if None in cells:
            return None
        return np.array(cells, dtype=np.float64).reshape(len(rows), -1)

    def _cell(self, value: Json, place: str) -> float | None:
        if value is None:
            self._note("melange-value", place, "null is not a number", "A number is needed; 0 where there is nothing")
        return self._number(value, place)

    def _gpus(self, value: Json, share: NDArray[np.float64] | None) -> Iterator[MelangeGpu]:
        if value is None:
            return
        if not isinstance(value, dict) or not value:
            self._note("melange-value", "gpu_info", "names no GPU type", "It maps names to cost and tputs")
            return
        for name, entry in value.items():
            place = f"gpu_info.{name}"
            if not NAME.fullmatch(name):
                allowed = "1 to 63 letters, digits, dots, dashes or underscores, a letter or digit first"
                self._note("melange-value", place, f"{clipped(name)} cannot name a GPU type", allowed, "Rename it")
                continue
            record = self._object(entry, place, GPU_KEYS)
            price = self._number(None if record is None else record.get("cost"), f"{place}.cost")
            table = self._matrix(None if record is None else record.get("tputs"), f"{place}.tputs", "requests/s")
            if table is not None and share is not None and table.shape != share.shape:
                what = f"has {table.shape[0]} x {table.shape[1]} classes, workload_distribution {share.shape[0]} x {share.shape[1]}"
                allowed = "All tables have a row per input class and a column per output class"
                self._note("melange-shape", f"{place}.tputs", what, allowed, "Bring both to the same classes")
            elif price is not None and table is not None:
                yield MelangeGpu(name, price, table)

    def _check_sum(self, share: NDArray[np.float64]) -> None:
        total = float(share.sum())
        if abs(total - 1.0) > SUM_TOLERANCE:
            self._note(
                "melange-shares",
                "workload_distribution",
                f"the shares add up to {total:.6g}",
                "Shares of all requests add up to 1",
                "Divide them by their sum" if total > 0 else "Say which requests there are",
            )

    def _check_served(self, gpus: list[MelangeGpu], share: NDArray[np.float64]) -> None:
        best = np.max([gpu.capacity_rps for gpu in gpus], axis=0)
        for i, j in np.argwhere((share > 0) & (best == 0)).tolist():
            self._note(
                "melange-unservable",
                f"workload_distribution[{i}][{j}]",
                f"{share[i, j]:.6g} of the requests fall into a bucket in which every GPU type's throughput is 0",
                "Every bucket with load needs a GPU type that can serve it",
                "Add such a GPU type, or take the bucket out of the load",
            )


@dataclass(frozen=True, slots=True)
class Unstated:
    """What a profile must say and a case does not.

    Attributes
    ----------
    model : str
        Name of the served model.
    dtype, provenance : str
        See `schema.kind.NumberFormat` and `schema.profile.Provenance`.
    """

    model: str
    dtype: str
    provenance: str


def scenario_files(case: MelangeCase, unstated: Unstated) -> dict[str, str]:
    """A case as the text of each file of a scenario folder, by name; one window of an hour, so that its cost is the case's."""
    kind = {"model": unstated.model, "tp": 1, "pp": 1, "dtype": unstated.dtype, "frequency_mhz": ""}
    origin = {
        "provenance": unstated.provenance,
        "source": f"{case.file} (a case of Mélange): its throughput per bucket",
    }
    inputs, outputs = (CLASS_NAMES[count] for count in case.share.shape)
    profile = [
        {
            **kind,
            "gpu": gpu.name,
            "input_tokens": i + 1,
            "output_tokens": j + 1,
            "request_rate_rps": float(gpu.capacity_rps[i, j]),
            "throughput_rps": float(gpu.capacity_rps[i, j]),
            "ttft_p99_ms": "",
            "tbt_p99_ms": "",
            "power_w": "",
            **origin,
        }
        for gpu in case.gpus
        for i, j in np.argwhere(gpu.capacity_rps > 0).tolist()
    ]
    load = [
        {
            "window_start": START,
            "service": SERVICE,
            "bucket": inputs[i] + outputs[j],
            "rate_rps": float(share * case.rate_rps),
        }
        for (i, j), share in np.ndenumerate(case.share)
    ]
    files = {
        "profile.csv": _csv(profile),
        "load.csv": _csv(load),
        "grid.csv": _csv([{"window_start": START, "price_usd_per_mwh": 0, "carbon_g_per_kwh": 0}]),
    }
    if len(inputs) > 1:
        free = {**origin, "source": f"{case.file} (a case of Mélange): buckets that share a GPU cost no capacity"}
        rows = [{**kind, "gpu": gpu.name, "input_classes": "+".join(inputs), "derate": 0, **free} for gpu in case.gpus]
        files["mixing.csv"] = _csv(rows)
    return {"scenario.yaml": _scenario(case, unstated, has_mixing="mixing.csv" in files), **files}


SERVICE = "requests"
START = "1970-01-01T00:00:00Z"
"""A case has no time; its one window needs a name."""


def _csv(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _scenario(case: MelangeCase, unstated: Unstated, *, has_mixing: bool) -> str:
    edges = [[*range(2, count + 1), None] for count in case.share.shape]
    gpus = "\n".join(
        f"      {json.dumps(gpu.name)}: {{count: null, per_server: 1, price_usd_per_gpu_h: {gpu.price_usd_per_h!r}}}"
        for gpu in case.gpus
    )
    mixing = "\n    mixing: mixing.csv" if has_mixing else ""
    return f"""\
# {case.file}, a case of Mélange (arXiv 2404.14527): the least cost of GPUs that carry one load.
#
# The case has no token lengths, so classes are numbered: `input_tokens: 3` is its third class of inputs. It has no time, so its
# window begins at 0 and lasts an hour, and the plan's cost is the case's. Its latencies, powers and clocks are not stated: these
# columns of profile.csv are empty, no SLO is set, electricity is free, and the plan says what it therefore leaves out.
version: 1
name: {json.dumps(case.name)}
window_minutes: 60
services:
  - name: {SERVICE}
    model: {json.dumps(unstated.model)}
    profile: profile.csv{mixing}
    forecast: load.csv
    buckets: {{input: {json.dumps(edges[0])}, output: {json.dumps(edges[1])}}}
    reserve_quantile: null  # the load is all there is
    pools: single
    routing: free           # any share of a bucket on any GPU type
sites:
  - name: site
    gpus:
{gpus}
    grid: grid.csv
objective: {{cost: 1}}
solver: {{gap: 1.0e-6, time_limit_s: 60}}
"""
