"""`dynamo-plan doctor`: what this machine has, and whether that is enough."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable

import typer

from dynamo_plan.cli.console import Output, OutputOption, print_rows
from dynamo_plan.errors import ExitCode, PlanError
from dynamo_plan.shipped import example_names
from dynamo_plan.units import BYTES_PER_GIB

PACKAGES = ("highspy", "numba", "numpy", "pulp", "pyarrow", "pydantic", "rich", "ruamel.yaml", "scipy", "typer")
OLDEST_PYTHON = (3, 12)


def doctor(output: OutputOption = Output.TABLE) -> None:
    """Check that this machine is ready: Python, packages, solver, kernels (compiled once), shipped examples, cores, memory."""
    from importlib.metadata import version

    checks: dict[str, Callable[[], str]] = {
        "python": _python,
        **{f"package {name}": lambda name=name: version(name) for name in PACKAGES},  # type: ignore[misc]
        "solver": _solver,
        "kernels": _kernels,
        "examples": lambda: ", ".join(example_names()),
        "cores": lambda: str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": _memory,
    }
    rows = [_examine(name, check) for name, check in checks.items()]
    print_rows(rows, output)
    if any(row["ready"] != "yes" for row in rows):
        raise typer.Exit(ExitCode.INTERNAL)


def _examine(name: str, check: Callable[[], str]) -> dict[str, str | int | float | None]:
    try:
        return {"check": name, "ready": "yes", "found": check()}
    except PlanError as error:
        return {"check": name, "ready": "no", "found": str(error)}
    except Exception as error:  # whatever a broken installation raises is the answer
        return {"check": name, "ready": "no", "found": f"{type(error).__name__}: {error}"}


def _python() -> str:
    if sys.version_info < OLDEST_PYTHON:
        raise RuntimeError(f"{platform.python_version()} is older than {'.'.join(map(str, OLDEST_PYTHON))}")
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _solver() -> str:
    from dynamo_plan.solve.highs import solver_version
    from dynamo_plan.solve.selfcheck import solver_works

    if not solver_works():
        raise RuntimeError("HiGHS does not find the known optimum of a model with two variables")
    return f"HiGHS {solver_version()} solves a model with two variables"


def _kernels() -> str:
    from dynamo_plan.solve.selfcheck import kernels_ready

    return f"ready in {kernels_ready():.1f} s (compiled once per installation, then loaded)"


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / BYTES_PER_GIB:.1f} GiB"
