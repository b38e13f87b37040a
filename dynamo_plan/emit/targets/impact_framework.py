"""Target ``impact-framework``: a manifest of the Green Software Foundation's Impact Framework, which accounts energy and carbon.

Sites have a component per workload with its IT energy, and one for the rest of the site: starts, idle parts of servers, unused GPUs, and
what the building draws on top (PUE). The parts add up to the plan's facility energy, and with the grid's intensity to its carbon. The
framework adds components up by position, so every component has every window.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import Field

from dynamo_plan.emit.manifests import Fields, clocks_of, clocks_text
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Key, Stated, added_up
from dynamo_plan.emit.text import Object, read_yaml, yaml_text
from dynamo_plan.emit.workloads import Horizon, Workload, find_workloads, horizon_of
from dynamo_plan.schema.horizon import time_label
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan, SitePlan
from dynamo_plan.units import GRAMS_PER_KILOGRAM

NAME = "impact-framework"
DESCRIPTION = "a manifest for if-run: energy and carbon per site and workload, with clocks; sets nothing"
SETS = frozenset[Setting]()
STATES = frozenset({Setting.REPLICAS, Setting.CLOCK})
APPLY = """
if-run -m manifest.yaml -o accounts.yaml
"""
MANIFEST = "manifest.yaml"
REST = "rest-of-the-site"
CARBON = "operational-carbon"


class Input(Fields):
    """One window of a component."""

    timestamp: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    duration: int = Field(gt=0)
    energy: float
    intensity: float = Field(ge=0, alias="grid/carbon-intensity")
    requests: float | None = Field(default=None, ge=0)
    instances: int | None = Field(default=None, ge=0)
    clocks: str | None = None


class Pipeline(Fields):
    """What is computed of a component."""

    compute: list[Literal["operational-carbon"]]


class Defaults(Fields):
    """What of the plan a component is."""

    pool: str
    gpu: str
    tp: int
    pp: int
    dtype: str


class Component(Fields):
    """A workload, or the rest of its site."""

    pipeline: Pipeline
    defaults: Defaults | None = None
    inputs: list[Input]


class Site(Fields):
    """The components of a site."""

    children: dict[str, Component]


class Tree(Fields):
    """Sites."""

    children: dict[str, Site]


class Parameter(Fields):
    """A quantity, and how it is added up."""

    unit: str
    description: str
    aggregation: dict[Literal["time", "component"], Literal["sum", "avg", "none"]] = Field(alias="aggregation-method")


class Plugin(Fields):
    """A step of a pipeline."""

    path: Literal["builtin"]
    method: Literal["Multiply"]
    config: dict[str, str | list[str]]
    parameters: dict[Literal["inputs", "outputs"], dict[str, Parameter]] = Field(alias="parameter-metadata")


class Plugins(Fields):
    """All steps."""

    plugins: dict[Literal["operational-carbon"], Plugin]


class Aggregation(Fields):
    """What is summed over components and time."""

    metrics: list[Literal["energy", "carbon"]]
    type: Literal["both"]


class Manifest(Fields):
    """A manifest as it is written."""

    name: str
    description: str
    tags: dict[str, str]
    aggregation: Aggregation
    initialize: Plugins
    tree: Tree


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write the manifest."""
    horizon = horizon_of(plan)
    parts = find_workloads(plan, options)
    sites = {
        site.site: {"children": _components(site, [part for part in parts if part.pool.site == site.site], horizon)}
        for site in plan.sites
    }
    manifest = {
        "name": plan.name,
        "description": "Planned energy [kWh] and operational carbon [g CO2e]; energy of workloads is IT energy, the rest holds the PUE",
        "tags": {"kind": "plan", "complexity": "moderate", "category": "cloud"},
        "aggregation": {"metrics": ["energy", "carbon"], "type": "both"},
        "initialize": {"plugins": {CARBON: _plugin()}},
        "tree": {"children": sites},
    }
    (folder / MANIFEST).write_text(yaml_text(manifest), encoding="utf-8")
    return []


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock."""
    (document,) = read_yaml(folder / MANIFEST)
    manifest = Manifest.model_validate(document)
    windows = {time_label(horizon.left_edge(window)): window for window in range(horizon.windows)}
    entries: list[tuple[Key, int]] = []
    for site in manifest.tree.children.values():
        for component in site.children.values():
            if component.defaults is not None:
                own = component.defaults
                kind = Kind(own.gpu, own.tp, own.pp, own.dtype)
                for one in component.inputs:
                    parts = clocks_of(one.clocks or "")
                    if sum(instances for _, instances in parts) != one.instances:
                        raise ValueError(f"{own.pool} at {one.timestamp}: clocks of other instances than it has")
                    entries += [((windows[one.timestamp], own.pool, kind, clock), count) for clock, count in parts]
    return added_up(entries)


def _plugin() -> Object:
    """Carbon is energy times the grid's intensity; energy and carbon are sums over time and components."""
    multiply = {"input-parameters": ["energy", "grid/carbon-intensity"], "output-parameter": "carbon"}

    def described(unit: str, description: str, method: str) -> Object:
        return {"unit": unit, "description": description, "aggregation-method": {"time": method, "component": method}}

    quantities = {
        "inputs": {
            "energy": described("kWh", "electrical energy", "sum"),
            "grid/carbon-intensity": described("gCO2e/kWh", "carbon intensity of the grid", "avg"),
        },
        "outputs": {"carbon": described("gCO2e", "operational carbon", "sum")},
    }
    return {"path": "builtin", "method": "Multiply", "config": multiply, "parameter-metadata": quantities}


def _components(site: SitePlan, parts: list[Workload], horizon: Horizon) -> Object:
    own = [[running.energy_kwh for part in parts for running in part.windows[w]] for w in range(horizon.windows)]
    rest = [math.fsum([whole, *(-kwh for kwh in used)]) for whole, used in zip(site.energy_kwh, own, strict=True)]
    inputs = [_input(site, window, horizon, kwh, {}) for window, kwh in enumerate(rest)]
    components: dict[str, object] = {part.name: _component(part, site, horizon) for part in parts}
    return components | {REST: {"pipeline": {"compute": [CARBON]}, "inputs": inputs}}


def _component(part: Workload, site: SitePlan, horizon: Horizon) -> Object:
    inputs = []
    for window, running in enumerate(part.windows):
        stated = {
            "requests": math.fsum(one.rate_rps for one in running) * horizon.window_s,
            "instances": part.replicas_in(window),
            "clocks": clocks_text(running),
        }
        inputs.append(_input(site, window, horizon, math.fsum(one.energy_kwh for one in running), stated))
    kind = part.kind
    defaults = {"pool": part.pool.name, "gpu": kind.gpu, "tp": kind.tp, "pp": kind.pp, "dtype": kind.dtype}
    return {"pipeline": {"compute": [CARBON]}, "defaults": defaults, "inputs": inputs}


def _input(site: SitePlan, window: int, horizon: Horizon, energy_kwh: float, more: Object) -> Object:
    site_kwh = site.energy_kwh[window]
    return {
        "timestamp": time_label(horizon.left_edge(window)),
        "duration": horizon.window_s,
        "energy": energy_kwh,
        "grid/carbon-intensity": site.carbon_kg[window] / site_kwh * GRAMS_PER_KILOGRAM if site_kwh > 0 else 0.0,
        **more,
    }
