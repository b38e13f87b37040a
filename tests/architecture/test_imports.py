"""Imports run one way, and each heavy library stays behind its own door."""

from __future__ import annotations

import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGE, imports, layer_of, module_name, modules

INPUT_SIDE = {"errors", "units", "schema", "engine", "ingest", "profile", "forecast"}
PROBLEM_SIDE = INPUT_SIDE | {
    "problem",
    "instance_limit",
    "initial_state",
    "routed_pool",
    "service_assembly",
    "assemble",
}
PLAN_SIDE = {"errors", "units", "schema", "problem"}

# A layer may import itself and these. Everything that checks or shows a plan sees the nouns and the problem, never the
# mathematics, so that it can contradict it.
ALLOWED = {
    "errors": set[str](),
    "units": set[str](),
    "compiled": set[str](),
    "remembered": set[str](),
    "extras": {"errors"},
    "spreadsheets": set[str](),
    "schema": {"errors", "units"},
    "engine": {"errors", "units", "schema", "compiled"},
    "ingest": {"errors", "units", "schema", "compiled", "parallel"},
    "profile": {"errors", "units", "schema", "engine", "remembered", "extras"},
    "forecast": {"errors", "units", "schema", "extras"},
    "problem": INPUT_SIDE,
    "initial_state": INPUT_SIDE | {"problem"},
    "instance_limit": INPUT_SIDE | {"problem"},
    "routed_pool": INPUT_SIDE | {"problem"},
    "service_assembly": PROBLEM_SIDE - {"assemble"},
    "assemble": PROBLEM_SIDE,
    "model": PROBLEM_SIDE,
    "solve": PROBLEM_SIDE | {"model", "compiled"},
    "baselines": PROBLEM_SIDE | {"model", "solve"},
    "planner": PROBLEM_SIDE | {"assemble", "model", "solve", "baselines", "verify"},
    "decision_score": PROBLEM_SIDE | {"assemble", "solve", "planner"},
    "parallel": {"errors"},
    "whatif": PROBLEM_SIDE | {"planner", "report"},
    "shipped": {"errors"},
    "verify": PLAN_SIDE | {"remembered"},
    "replay": PLAN_SIDE | {"engine", "compiled", "parallel"},
    "compare": PROBLEM_SIDE | {"model", "solve", "baselines", "planner", "replay", "compiled"},
    "report": PLAN_SIDE | {"extras", "spreadsheets"},
    "emit": PLAN_SIDE | {"extras", "spreadsheets"},
}
LAYERS = set(ALLOWED) | {"cli"}
ALLOWED["cli"] = set(ALLOWED)
ALLOWED["__main__"] = {"cli"}
ALLOWED[""] = LAYERS - {"cli"}  # the public API in dynamo_plan/__init__.py

# The only layers that may touch these libraries; a library that is not listed may be used anywhere.
DOORS = {
    "pulp": {"model", "solve"},
    "highspy": {"model", "solve"},
    "numba": {"compiled"},
    "pynvml": {"profile"},
    "typer": {"cli", "report"},
    "rich": {"cli", "report"},
    "pyarrow": {"ingest", "emit"},
    "ruamel": {"ingest", "emit", "cli"},
}
NOUNS_NEED_ONLY = {"numpy", "pydantic"}
IMPORT_NAMES = {"ruamel.yaml": {"ruamel"}, "pydantic": {"pydantic", "pydantic_core"}, "nvidia-ml-py": {"pynvml"}}
NOT_AT_RUN_TIME = {"bench", "dev"}
NO_CONCEPT = {"utils", "util", "common", "helpers", "helper", "base", "misc"}


def direction_faults(package: Path) -> list[str]:
    """Imports between layers that run the wrong way, and layers that nobody placed."""
    faults = []
    for path in modules(package):
        layer = layer_of(module_name(path, package))
        if layer not in ALLOWED:
            faults.append(f"{path.relative_to(package.parent)}: layer {layer!r} has no place in ALLOWED")
            continue
        for found in imports(path, package):
            if found.module.split(".")[0] != PACKAGE:
                continue
            target = layer_of(found.module)
            # Below the top, `from dynamo_plan import x` may name the API (a function or __version__), which is no layer.
            if target in LAYERS and target != layer and target not in ALLOWED[layer]:
                faults.append(f"{found.place}: {layer or PACKAGE} must not import {target}")
    return faults


def door_faults(package: Path, declared: set[str]) -> list[str]:
    """Third-party imports outside their layers, or of a library that pyproject.toml does not declare."""
    faults = []
    for path in modules(package):
        layer = layer_of(module_name(path, package))
        for found in imports(path, package):
            library = found.module.split(".")[0]
            if library in sys.stdlib_module_names or library == PACKAGE:
                continue
            if library not in declared:
                faults.append(f"{found.place}: {library} is no dependency in pyproject.toml")
            elif layer not in DOORS.get(library, {layer}):
                faults.append(f"{found.place}: {library} belongs in {' and '.join(sorted(DOORS[library]))} only")
            elif layer == "schema" and library not in NOUNS_NEED_ONLY:
                faults.append(f"{found.place}: the nouns need only {' and '.join(sorted(NOUNS_NEED_ONLY))}")
    return faults


def declared_libraries(root: Path) -> set[str]:
    """Import names of the project's run-time dependencies, those of its extras included."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [lines for name, lines in project["optional-dependencies"].items() if name not in NOT_AT_RUN_TIME]
    names = [line.split(">")[0].strip() for line in chain(project["dependencies"], *extras)]
    return set().union(*(IMPORT_NAMES.get(name, {name}) for name in names))


def test_imports_run_one_way(root: Path) -> None:
    assert direction_faults(root / PACKAGE) == []


def test_libraries_stay_behind_their_doors(root: Path) -> None:
    assert door_faults(root / PACKAGE, declared_libraries(root)) == []


def test_no_file_is_named_after_no_concept(root: Path) -> None:
    named = [path for path in modules(root / PACKAGE) if {path.stem, path.parent.name} & NO_CONCEPT]
    assert named == []


@pytest.mark.parametrize(
    ("file", "line", "fault"),
    [
        ("schema/plan.py", "from dynamo_plan.model import compact", "schema must not import model"),
        ("verify/rules/reserve.py", "from ...solve.highs import run", "verify must not import solve"),
        ("verify/check.py", "from dynamo_plan import model", "verify must not import model"),
        ("solve/pricing.py", "def f():\n    import dynamo_plan.cli.main", "solve must not import cli"),
        ("__init__.py", "from .cli import main", "dynamo_plan must not import cli"),
        ("oddments/thing.py", "", "layer 'oddments' has no place in ALLOWED"),
    ],
)
def test_a_wrong_direction_is_seen(tmp_path: Path, file: str, line: str, fault: str) -> None:
    path = tmp_path / PACKAGE / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line, encoding="utf-8")
    assert [fault in found for found in direction_faults(tmp_path / PACKAGE)] == [True]


@pytest.mark.parametrize(
    ("file", "line", "fault"),
    [
        ("verify/check.py", "import highspy", "highspy belongs in model and solve only"),
        ("problem.py", "from rich.table import Table", "rich belongs in cli and report only"),
        ("schema/plan.py", "import scipy.optimize", "the nouns need only numpy and pydantic"),
        ("forecast/naive.py", "import pandas", "pandas is no dependency"),
    ],
)
def test_a_library_out_of_place_is_seen(root: Path, tmp_path: Path, file: str, line: str, fault: str) -> None:
    path = tmp_path / PACKAGE / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line, encoding="utf-8")
    assert [fault in found for found in door_faults(tmp_path / PACKAGE, declared_libraries(root))] == [True]
