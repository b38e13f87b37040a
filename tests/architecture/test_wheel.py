"""A user who installs the wheel has the shipped profiles and examples."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), "."]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("dynamo_plan-*.whl"))


def test_wheel_carries_every_shipped_file(root: Path, wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    shipped = [path for top in ("profiles", "examples") for path in (root / top).rglob("*") if path.is_file()]
    names = [path.relative_to(root).as_posix() for path in shipped if "__pycache__" not in path.parts]
    assert names
    assert [name for name in names if f"dynamo_plan/_shipped/{name}" not in inside] == []
    assert "dynamo_plan/py.typed" in inside


def test_installed_package_offers_the_examples(wheel: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(unpacked)
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-m", "dynamo_plan", "init", "mine", "--template", "first-plan"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine" / "scenario.yaml").is_file()
