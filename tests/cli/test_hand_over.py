"""Commands between a plan and a runtime: diff, approve, emit with its options."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from dynamo_plan.emit.targets import find_targets
from tests.cli.conftest import Call


@pytest.fixture(scope="session")
def solved_for_cost(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same scenario with fewer GPUs. Read only."""
    from dynamo_plan.cli import run

    folder = tmp_path_factory.mktemp("solved") / "cost"
    arguments = [
        "solve",
        str(scenario),
        "-d",
        str(folder),
        "--quiet",
        "--set",
        "services.chat.frequencies_mhz=[1600, 1700]",
    ]
    assert run(arguments) == 0
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private key and its public half, as files."""
    key = ed25519.Ed25519PrivateKey.generate()
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    encoding = serialization.Encoding.PEM
    private.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_equal_plans_are_0(call: Call, solved: Path) -> None:
    answer = call("diff", solved, solved)
    assert answer.code == 0
    assert answer.err == "The plans are the same.\n"
    assert json.loads(call("diff", solved, solved, "-o", "json").out)["differs"] is False


def test_differences_are_10_in_every_form(call: Call, solved: Path, solved_for_cost: Path) -> None:
    answer = call("diff", solved, solved_for_cost)
    assert answer.code == 10
    assert answer.err.endswith(" of 3 windows differ.\n")
    for word in ("energy_kwh", "carbon_kg", "cost_usd", "instance_starts", "chat/", "window_start", "1600"):
        assert word in answer.out
    record = json.loads(call("diff", solved, solved_for_cost, "-o", "json").out)
    assert record["differs"] is True
    assert {total["name"] for total in record["totals"]} >= {"energy_kwh", "cost_usd", "carbon_kg", "instance_starts"}
    rows = list(csv.DictReader(io.StringIO(call("diff", solved, solved_for_cost, "-o", "csv").out)))
    instances = [row for row in rows if row["what"] == "instances"]
    assert len(instances) == sum(change["before"] != change["after"] for change in record["changes"])
    assert "\ntotals:\n" in call("diff", solved, solved_for_cost, "-o", "yaml").out


def test_other_windows_are_5(call: Call, scenario: Path, solved: Path, tmp_path: Path) -> None:
    assert call("solve", scenario, "-d", tmp_path / "run", "--horizon", "1h").code == 0
    answer = call("diff", solved, tmp_path / "run")
    assert answer.code == 5
    assert "Plans are compared window by window" in answer.err
    assert answer.err.endswith("[runs-differ-in-horizon]\n")


def test_a_missing_or_half_copied_run_is_5(call: Call, solved: Path, run_copy: Path, tmp_path: Path) -> None:
    (run_copy / "schedule.csv").unlink()
    for command in (
        ("diff", solved, run_copy),
        ("approve", run_copy, "--by", "Ada"),
        ("emit", run_copy, "-d", tmp_path / "o"),
    ):
        answer = call(*command)
        assert answer.code == 5
        assert "schedule.csv: missing" in answer.err
    for command in (("diff", solved, tmp_path / "none"), ("approve", tmp_path / "none", "--by", "Ada")):
        assert "[run-folder-missing]" in call(*command).err
    assert not (tmp_path / "o").exists()


def test_only_an_approved_plan_is_emitted(call: Call, run_copy: Path, tmp_path: Path) -> None:
    emit = ("emit", run_copy, "--target", "keda", "-d", tmp_path / "out", "--require-approval")
    refused = call(*emit)
    assert refused.code == 6
    assert refused.err.endswith("[approval-missing]\n")
    approved = call("approve", run_copy, "--by", "Ada Lovelace", "--note", "for the week")
    assert approved.code == 0
    assert approved.err.startswith("Approved by 'Ada Lovelace': plan 'first-plan', SHA-256 ")
    assert json.loads((run_copy / "approval.json").read_text())["note"] == "for the week"
    assert call("verify", run_copy).code == 0
    answer = call(*emit)
    assert answer.code == 0
    assert "approved by 'Ada Lovelace' at 20" in answer.err
    assert (tmp_path / "out/scaledobjects/kustomization.yaml").is_file()
    next(run_copy.parents[1].glob("scenario*/small/grid.csv")).write_text("")
    stale = call(*emit[:5], tmp_path / "other", "--require-approval")
    assert stale.code == 6
    assert "has changed since the plan was made" in stale.err
    assert not (tmp_path / "other").exists()


def test_a_signature_is_asked_for_by_its_key(
    call: Call, run_copy: Path, tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    private, public = keys
    emit = ("emit", run_copy, "-d", tmp_path / "out", "--public-key", public)
    assert call("approve", run_copy, "--by", "Ada").code == 0
    assert call(*emit).err.endswith("[approval-signature]\n")
    assert call("approve", run_copy, "--by", "Ada", "--sign", private).err.startswith("Approved and signed by 'Ada'")
    assert "signature checked" in call(*emit).err
    assert call("approve", run_copy, "--by", "Ada", "--sign", public).err.endswith("[approval-key]\n")
    assert call("approve", run_copy, "--by", "Ada", "--sign", tmp_path / "no.pem").err.endswith("[file-not-found]\n")
    assert call("approve", run_copy, "--by", " ").code == 2


def test_every_target_is_listed(call: Call) -> None:
    answer = call("emit", "--list")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.out.splitlines()[1:] if not line.startswith(" ")] == list(find_targets())
    formats = call("formats", "-o", "json").out
    assert {row["name"] for row in json.loads(formats) if row["direction"] == "emit --target"} == set(find_targets())


@pytest.mark.parametrize("target", sorted(find_targets()))
def test_every_target_takes_a_solved_plan(call: Call, solved: Path, tmp_path: Path, target: str) -> None:
    answer = call("emit", solved, "--target", target, "-d", tmp_path / "out")
    assert answer.code == 0
    assert answer.err.startswith("Wrote ")
    assert call("emit", solved, "--target", target, "-d", tmp_path / "out").code == 5
    assert call("emit", solved, "--target", target, "-d", tmp_path / "out", "--force").code == 0


def test_options_of_emit(call: Call, solved: Path, tmp_path: Path) -> None:
    (tmp_path / "clocks.csv").write_text("1980\n1590\n1005\n")
    emit = (
        "emit",
        solved,
        "--target",
        "slurm",
        "-d",
        tmp_path / "slurm",
        "--clocks-supported",
        tmp_path / "clocks.csv",
    )
    assert "1000 MHz is not supported, 1005 MHz is taken" in call(*emit).err
    assert {"1005", "1590", "1980"} >= {
        part.removeprefix("--gpu-freq=")
        for part in (tmp_path / "slurm/submit.sh").read_text().split()
        if "freq" in part
    }
    to_kubernetes = (
        "emit",
        solved,
        "--target",
        "kubernetes",
        "-d",
        tmp_path / "k8s",
        "--namespace",
        "llm",
        "--image",
        "a/b:c",
    )
    more = (
        "--model",
        "chat=org/x",
        "--workload-kind",
        "StatefulSet",
        "--workload-name-template",
        "{service}-{tp}-{buckets}",
    )
    assert call(*to_kubernetes, *more).code == 0
    (text, *_) = [path.read_text() for path in (tmp_path / "k8s/workloads").glob("chat-*.yaml")]
    for part in ("namespace: llm", "a/b:c", '"org/x"', "kind: StatefulSet", '"--max-model-len", "9192"'):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--namespace", "A_B"), "emit-namespace"),
        (("--model", "chat"), "emit-model"),
        (("--model", "nobody=x"), "emit-model"),
        (("--actuate", "fan"), "emit-actuate"),
        (("--target", "keda", "--workload-name-template", "{x}"), "emit-name-template"),
        (("--target", "nope"), "target-unknown"),
    ],
)
def test_wrong_options_are_2(call: Call, solved: Path, tmp_path: Path, arguments: tuple[str, ...], code: str) -> None:
    answer = call("emit", solved, "-d", tmp_path / "out", *arguments)
    assert answer.code == 2
    assert answer.err.endswith(f"[{code}]\n")
    assert not (tmp_path / "out").exists()


def test_wrong_clocks_and_missing_arguments(call: Call, solved: Path, tmp_path: Path) -> None:
    (tmp_path / "clocks.csv").write_text("fast\n")
    answer = call("emit", solved, "-d", tmp_path / "out", "--clocks-supported", tmp_path / "clocks.csv")
    assert (answer.code, answer.err.endswith("[clock-list]\n")) == (5, True)
    assert call("emit").err.endswith("[emit-arguments]\n")
    assert call("emit", solved).code == 2


def test_emit_writes_nothing_outside_its_folder(call: Call, solved: Path, tmp_path: Path) -> None:
    """A path that climbs is the user's own say: it is resolved, refused where something stands, and nothing else is touched."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/thesis.tex").write_text("years of work")
    answer = call("emit", solved, "-d", tmp_path / "deep/../kept", "--force")
    assert answer.code == 5
    assert (tmp_path / "kept/thesis.tex").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "kept"]
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    assert call("emit", solved, "-d", tmp_path / "link", "--force").code == 5
    odd = tmp_path / "a;touch hacked\n$(id)"
    assert call("emit", solved, "-d", odd).code == 0
    assert len(list(odd.glob("*.yaml"))) == 3


@pytest.mark.slow
def test_without_the_extra_a_signature_says_what_to_install(solved: Path, run_copy: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked/cryptography"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('blocked')\n")
    (tmp_path / "key.pem").write_text("x")
    command = [
        sys.executable,
        *map(str, ("-m", "dynamo_plan", "approve", run_copy, "--by", "Ada", "--sign", tmp_path / "key.pem")),
    ]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "blocked")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'dynamo-plan[sign]'" in done.stderr
    assert shutil.which("true") is None or not (run_copy / "approval.json").exists()
