"""How far a MILP solver comes on a model within a time: HiGHS by callback, CBC by its log."""

from __future__ import annotations

import importlib
import math
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import highspy
import numpy as np

from benchmarks.columns import Values

GAPS = (0.1, 0.01, 0.001)
"""Relative gaps whose first time is kept [1]."""

GRACE_S = 60.0
"""CBC looks at its clock now and then only: time beyond its limit after which the run is ended from outside [s]."""


class CbcMissingError(Exception):
    """The package `cbcbox`, which brings CBC, is not installed."""


@dataclass(frozen=True, slots=True)
class Search:
    """How far a solver came.

    Attributes
    ----------
    incumbent, bound : float
        Best solution and proven bound in the model's own objective; infinite where there is none.
    reached_s : dict of float to float
        First time at which a gap of `GAPS` was reached [s]; absent if it was not.
    values : array, shape (column,)
        The incumbent; empty without one.
    """

    incumbent: float
    bound: float
    seconds: float
    reached_s: dict[float, float]
    values: Values

    @property
    def gap(self) -> float:
        """Relative gap of incumbent and bound [1]."""
        return _gap(self.incumbent, self.bound)


def _gap(incumbent: float, bound: float) -> float:
    if not (math.isfinite(incumbent) and math.isfinite(bound)):
        return math.inf
    return max(0.0, incumbent - bound) / max(abs(incumbent), 1e-12)


def search_highs(highs: highspy.Highs, *, gap: float, time_limit_s: float) -> Search:
    """HiGHS with all cores until the gap or the limit; times of the gaps on the way are kept.

    Raises
    ------
    RuntimeError
        HiGHS fails.
    """
    reached: dict[float, float] = {}
    begin = perf_counter()

    def note(event: Any) -> None:
        found = _gap(event.data_out.mip_primal_bound, event.data_out.mip_dual_bound)
        for level in GAPS:
            if found <= level:
                reached.setdefault(level, perf_counter() - begin)

    for name, value in (
        ("threads", os.cpu_count() or 1),
        ("mip_rel_gap", gap),
        ("mip_abs_gap", 0.0),
        ("time_limit", time_limit_s),
        ("random_seed", 0),
    ):
        highs.setOptionValue(name, value)
    highs.cbMipLogging += note
    highs.cbMipInterrupt += note
    highspy.Highs.resetGlobalScheduler(
        True
    )  # threads are shared by all models of a process and keep their first number
    if highs.run() == highspy.HighsStatus.kError:
        raise RuntimeError(f"HiGHS failed: {highs.getModelStatus()}")
    seconds = perf_counter() - begin
    info = highs.getInfo()
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    incumbent = float(info.objective_function_value) if found else math.inf
    bound = float(info.mip_dual_bound)
    for level in GAPS:
        if _gap(incumbent, bound) <= level:
            reached.setdefault(level, seconds)
    values = np.asarray(highs.getSolution().col_value) if found else np.zeros(0)
    return Search(incumbent, bound, seconds, reached, values)


def search_cbc(highs: highspy.Highs, *, gap: float, time_limit_s: float) -> Search:
    """CBC with all cores on the same model, until the gap or the limit.

    Raises
    ------
    CbcMissingError
        `cbcbox` is not installed.
    """
    try:
        cbcbox = importlib.import_module("cbcbox")
    except ModuleNotFoundError as error:
        raise CbcMissingError("cbcbox is not installed: pip install '.[bench]'") from error
    with tempfile.TemporaryDirectory() as folder:
        model, solution = Path(folder, "model.mps"), Path(folder, "solution.txt")
        highs.writeModel(str(model))
        command = [cbcbox.cbc_bin_path(), str(model), "-threads", str(os.cpu_count() or 1)]
        command += ["-seconds", str(time_limit_s), "-ratioGap", str(gap), "-solve", "-solution", str(solution)]
        begin = perf_counter()
        try:
            log = subprocess.run(command, capture_output=True, text=True, check=True, timeout=time_limit_s + GRACE_S)
        except subprocess.TimeoutExpired:
            return Search(math.inf, -math.inf, perf_counter() - begin, {}, np.zeros(0))
        return read_cbc(log.stdout, solution, perf_counter() - begin, highs.getNumCol())


def read_cbc(log: str, solution: Path, seconds: float, columns: int) -> Search:
    """What CBC's log and solution file say; columns that the file leaves out are 0."""
    result = re.search(r"^Result - (.+)$", log, re.MULTILINE)
    incumbent, bound = (
        re.search(rf"^{name}:\s+(\S+)$", log, re.MULTILINE) for name in ("Objective value", "Lower bound")
    )
    if result is None or incumbent is None:
        return Search(math.inf, -math.inf, seconds, {}, np.zeros(0))
    values = np.zeros(columns)
    for line in solution.read_text(encoding="utf-8").splitlines()[1:]:
        _, name, value, *_ = line.replace("**", " ").split()
        values[int(name.removeprefix("c"))] = float(value)
    best = float(incumbent.group(1))
    proven = (
        float(bound.group(1)) if bound is not None else best if result.group(1).startswith("Optimal") else -math.inf
    )
    # CBC says at its end only how far it came; earlier times are not known.
    reached = {level: seconds for level in GAPS if _gap(best, proven) <= level}
    return Search(best, proven, seconds, reached, values)
