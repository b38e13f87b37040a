"""Scripts that targets write do at any moment what the plan says; nvidia-smi, kubectl, helm and sbatch are stood in for."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.targets import write_target
from dynamo_plan.emit.workloads import find_workloads
from tests.emit.plans import HOSTILE, hostile_plan
from tests.emit.sample import sample_plan

FIRST_S = 1715644800
"""2024-05-14T00:00:00Z, the first window of the plan by hand [s since 1970]."""

HOUR_S = 3600
SS, LL = "chat-ss-h100-tp2-bf16", "chat-ll-h100-tp8-bf16"

NOTES_ARGUMENTS = """#!/bin/bash
printf '%s ' "$(basename "$0")" "$@" >> "$CALLS"
echo >> "$CALLS"
case "$*" in
    *query-gpu=index,power.min_limit*) printf '0, 200.00\\n1, 200.00\\n' ;;
    *query-gpu=index,power.default_limit*) printf '0, 700.00\\n1, [N/A]\\n' ;;
esac
"""

type Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a script at a moment and return what it called."""
    if shutil.which("bash") is None or shutil.which("awk") is None:
        pytest.skip("bash or awk is not here")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("nvidia-smi", "kubectl", "helm", "sbatch", "scancel"):
        (tools / name).write_text(NOTES_ARGUMENTS)
        (tools / name).chmod(0o755)
    calls = tmp_path / "calls"

    def called(script: Path, *arguments: str, now: int, code: int = 0) -> list[str]:
        calls.write_text("")
        environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "CALLS": str(calls),
            "NOW": str(now),
        }
        done = subprocess.run(
            ["bash", script, *arguments], env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == code, done.stderr
        return [line.strip() for line in calls.read_text().splitlines()]

    return called


def test_the_cron_job_scales_to_every_window(run: Run, tmp_path: Path) -> None:
    plan = sample_plan()
    write_target("kubernetes-cronjob", plan, tmp_path / "out")
    workloads = find_workloads(plan, EmitOptions())
    for window in range(plan.windows):
        calls = run(tmp_path / "out/apply.sh", str(tmp_path / "out"), "llm", now=FIRST_S + window * HOUR_S + 5)
        assert calls == [
            f"kubectl scale deployment/{one.name} --namespace=llm --replicas={one.replicas[window]}"
            for one in workloads
        ]
    for outside in (FIRST_S - 1, FIRST_S + 4 * HOUR_S):
        assert run(tmp_path / "out/apply.sh", str(tmp_path / "out"), "llm", now=outside, code=1) == []


def test_instances_are_started_ahead_and_stopped_in_time(run: Run, tmp_path: Path) -> None:
    write_target("llm-d", sample_plan(), tmp_path / "out", options=EmitOptions(lead_s=120))
    script = tmp_path / "out/apply.sh"

    def replicas(now: int) -> dict[str, int]:
        calls = [line.split() for line in run(script, now=now)]
        return {words[2]: int(words[-1].removeprefix("decode.replicas=")) for words in calls}

    assert replicas(FIRST_S - 60) == {SS: 3, LL: 1}
    assert replicas(FIRST_S + 2 * HOUR_S - 121) == {SS: 3, LL: 0}
    assert replicas(FIRST_S + 2 * HOUR_S - 120) == {SS: 3, LL: 2}  # two more to start, two to stop only later
    assert replicas(FIRST_S + 2 * HOUR_S) == {SS: 1, LL: 2}


def test_clocks_follow_the_plan_and_are_reset(run: Run, tmp_path: Path) -> None:
    write_target("nvidia-smi", sample_plan(), tmp_path / "out")
    script = tmp_path / "out/gpus.sh"
    (tmp_path / "out/instances.conf").write_text(f"# here\n\n{SS} 0 0,1\n{SS} 2 2,3\n{LL} 0 0,1,2,3,4,5,6,7\n")

    def settings(window: float) -> list[str]:
        calls = run(script, now=round(FIRST_S + window * HOUR_S))
        return [call.removeprefix("nvidia-smi ") for call in calls if "query" not in call and "power-limit" not in call]

    every = "0,1,2,3,4,5,6,7"
    assert settings(0) == [
        "-i 0,1 --lock-gpu-clocks=1200,1200",
        "-i 2,3 --lock-gpu-clocks=1200,1200",
        f"-i {every} --lock-gpu-clocks=1980,1980",
    ]
    assert settings(1.99) == [
        "-i 0,1 --lock-gpu-clocks=1410,1410",
        "-i 2,3 --lock-gpu-clocks=1410,1410",
        f"-i {every} --reset-gpu-clocks",
    ]
    assert settings(2) == [
        "-i 0,1 --lock-gpu-clocks=1200,1200",
        "-i 2,3 --reset-gpu-clocks",
        f"-i {every} --lock-gpu-clocks=1605,1605",
    ]
    reset = ["-i 0,1 --reset-gpu-clocks", "-i 2,3 --reset-gpu-clocks", f"-i {every} --reset-gpu-clocks"]
    assert settings(-0.01) == settings(4) == reset
    taken_back = run(script, "reset", now=FIRST_S)
    assert [call for call in taken_back if "--lock" in call] == []
    assert sum("--reset-gpu-clocks" in call for call in taken_back) == 3
    assert "nvidia-smi -i 0 --power-limit=700" in taken_back  # the default limit; GPU 1 has none to set


def test_power_limits_stay_above_what_a_card_takes(run: Run, tmp_path: Path) -> None:
    write_target("nvidia-smi", sample_plan(), tmp_path / "out", options=EmitOptions(sets=Setting.POWER_LIMIT))
    (tmp_path / "out/instances.conf").write_text(f"{SS} 0 0,1\n")
    first = run(tmp_path / "out/gpus.sh", now=FIRST_S)
    assert first[1:] == ["nvidia-smi -i 0 --power-limit=376", "nvidia-smi -i 1 --power-limit=376"]
    third = run(tmp_path / "out/gpus.sh", now=FIRST_S + 2 * HOUR_S)
    assert third[1:] == ["nvidia-smi -i 0 --power-limit=200", "nvidia-smi -i 1 --power-limit=200"]  # 110 W planned


def test_jobs_are_submitted_and_cancelled(run: Run, tmp_path: Path) -> None:
    write_target("slurm", sample_plan(), tmp_path / "out")
    jobs = run(tmp_path / "out/submit.sh", now=0)
    ll = [job for job in jobs if "chat-ll" in job]
    script = "chat-ll-h100-tp8-bf16"
    assert ll == [
        f"sbatch --begin=2024-05-14T02:00:00 --time=120 --gpu-freq=1605 {script}-1605mhz.sbatch",
        f"sbatch --begin=2024-05-14T02:00:00 --time=120 --gpu-freq=1605 {script}-1605mhz.sbatch",
        f"sbatch --begin=2024-05-14T00:00:00 --time=60 --gpu-freq=1980 {script}-1980mhz.sbatch",
    ]
    (cancelled,) = run(tmp_path / "out/cancel.sh", now=0)
    assert set(cancelled.removeprefix("scancel --name=").split(",")) == {job.split()[-1][:-7] for job in jobs}


@pytest.mark.parametrize("target", ["kubernetes-cronjob", "llm-d", "slurm", "nvidia-smi", "vllm"])
def test_hostile_names_run_nothing(run: Run, tmp_path: Path, target: str) -> None:
    write_target(target, hostile_plan(HOSTILE[:8]), tmp_path / "out")
    for script in sorted((tmp_path / "out").rglob("*.sh")):
        if target == "vllm":
            text = script.read_text()
            script.write_text(text.replace("exec vllm", "exec kubectl"))
        if script.name == "gpus.sh":
            shutil.copy(tmp_path / "out/instances.conf.example", tmp_path / "out/instances.conf")
        arguments = [str(tmp_path / "out"), "llm"] if target == "kubernetes-cronjob" else []
        run(script, *arguments, now=FIRST_S)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls", "out", "tools"]
    assert not list(tmp_path.rglob("hacked"))
