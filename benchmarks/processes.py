"""A command in a process of its own: its output, wall time and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import Origin
from benchmarks.methods import Measurement

ROOT = Path(__file__).resolve().parents[1]
KIB_PER_MIB = 1024.0

GRACE_S = 240.0
"""Time beyond its limit after which a measurement is killed [s]: solvers seldom look at their clock, models take time to build."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; `peak_mib` is the largest resident set of it or of a process it started."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    peak_mib: float


def run(module: str, *arguments: str, timeout_s: float = 600.0) -> Ended:
    """Run a Python module from the checkout; killed at the timeout."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begin = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=out, stderr=err, cwd=ROOT)
        watch = threading.Timer(timeout_s, process.kill)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        watch.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)  # waited for above, where its memory is told
        out.seek(0)
        err.seek(0)
        return Ended(process.returncode, out.read(), err.read(), seconds, usage.ru_maxrss / KIB_PER_MIB)


def origin_of(case: str) -> Origin | str:
    """Where the caps of a case come from, or why that could not be measured."""
    ended = run("benchmarks.methods", json.dumps({"case": case, "method": "caps"}))
    return reason(ended) if ended.exit_code else Origin(**json.loads(ended.stdout))


def measured(case: str, method: str, limit_s: float, repeats: int) -> tuple[Measurement, float]:
    """A method on a case in a process of its own, with its peak memory [MiB]; what goes wrong there becomes the status."""
    job = json.dumps({"case": case, "method": method, "limit_s": limit_s, "repeats": repeats})
    ended = run("benchmarks.methods", job, timeout_s=repeats * limit_s + GRACE_S)
    if ended.exit_code:
        return Measurement(case, method, status=reason(ended)), ended.peak_mib
    return Measurement(**json.loads(ended.stdout)), ended.peak_mib


def reason(ended: Ended) -> str:
    """Why a command failed: the last line of its error, or its exit code."""
    lines = ended.stderr.strip().splitlines()
    return f"failed: {lines[-1]}" if lines else f"ended with code {ended.exit_code}"
