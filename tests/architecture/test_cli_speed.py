"""The command line answers at once: heavy libraries load only in the command that needs them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

HELP_LIMIT_S = 0.300
REPEATS = 5
HEAVY = {
    "scipy",
    "pyarrow",
    "pulp",
    "highspy",
    "rich",
    "numpy",
    "numba",
    "matplotlib",
    "jinja2",
    "statsmodels",
    "joblib",
}
HELP_AND_MODULES = """
import json, sys
from dynamo_plan.cli import main
sys.argv = ["dynamo-plan", "--help"]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def run(root: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.alone
def test_help_answers_at_once(root: Path) -> None:
    seconds = []
    for _ in range(REPEATS):
        before = os.times()
        text = run(root, "-m", "dynamo_plan", "--help")
        after = os.times()
        # Processor time: the wall's also tells what else the machine does.
        seconds.append(after.children_user - before.children_user + after.children_system - before.children_system)
        assert "solve" in text
    assert statistics.median(seconds) < HELP_LIMIT_S, f"seconds: {seconds}"


def test_help_loads_no_heavy_library(root: Path) -> None:
    loaded = set(json.loads(run(root, "-c", HELP_AND_MODULES).splitlines()[-1]))
    assert loaded & HEAVY == set()
