"""An approval holds for the very plan and inputs that were approved: whatever changes after, it is refused."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from dynamo_plan.emit.approval import APPROVAL_FILE, Approval, approve, read_approved_plan
from dynamo_plan.emit.run_folder import plan_json, write_run, write_verification
from dynamo_plan.errors import InputError, PlanError, UsageError, VerificationError
from dynamo_plan.schema.plan import InputFile
from tests.emit.sample import sample_plan, sample_record

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FILES = {"scenario.yaml": b"version: 1\n", "profiles/p.csv": b"model,gpu\n", "grid.csv": b"window_start\n"}


def pem(key: Any) -> bytes:
    return bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def public_pem(key: Any) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_key().public_bytes(encoding, form))


KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder beside its inputs, as the plan names them."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    roles = dict(zip(FILES, ("scenario", "profile:chat", "grid:site-a"), strict=True))
    inputs = tuple(
        InputFile(roles[name], name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in FILES.items()
    )
    write_run(tmp_path / "run", sample_record(tmp_path, replace(sample_plan(), inputs=inputs)))
    return tmp_path / "run"


def edited(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file."""
    record = json.loads(path.read_bytes())
    change(record)
    path.write_text(json.dumps(record))


def replan(run: Path) -> None:
    """Another plan in place of the approved one, its hashes in order: as a new solve into the same folder leaves it."""
    approval = (run / APPROVAL_FILE).read_bytes()
    plan = sample_plan()
    inputs = json.loads((run / "plan.json").read_bytes())["inputs"]
    other = replace(plan, inputs=tuple(InputFile(**entry) for entry in inputs), groups=plan.groups[1:])
    write_run(run, sample_record(run.parent, other), force=True)
    (run / APPROVAL_FILE).write_bytes(approval)


def reseal(run: Path, name: str) -> None:
    """Bring `inputs.json` in line with an edited file, as somebody would who covers an edit."""
    digest = hashlib.sha256((run / name).read_bytes()).hexdigest()
    edited(
        run / "inputs.json", lambda record: [e.update(sha256=digest) for e in record["run_files"] if e["path"] == name]
    )


def all_of(*changes: Callable[[Path], object]) -> Callable[[Path], None]:
    """One change after another."""

    def change(run: Path) -> None:
        for one in changes:
            one(run)

    return change


def edit_plan(run: Path, *, covered: bool) -> None:
    path = run / "plan.json"
    path.write_bytes(path.read_bytes().replace(b'"instances": 3', b'"instances": 1', 1))
    if covered:
        reseal(run, "plan.json")


def append(name: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        path = run / name
        path.write_bytes(path.read_bytes() + b"\n")

    return change


def in_approval(**values: object) -> Callable[[Path], None]:
    return lambda run: edited(run / APPROVAL_FILE, lambda record: record.update(values))


def forget_input(run: Path) -> None:
    edited(run / "inputs.json", lambda record: record["inputs"].pop())
    edited(run / APPROVAL_FILE, lambda record: record["inputs"].pop())


def same_but(name: str) -> Callable[[Path], None]:
    """Approve for another content of a file of the run folder."""
    return lambda run: edited(run / APPROVAL_FILE, lambda record: record["run_files"].update({name: "0" * 64}))


MUTATIONS: dict[str, Callable[[Path], object]] = {
    "no approval": lambda run: (run / APPROVAL_FILE).unlink(),
    "approval of nothing": lambda run: (run / APPROVAL_FILE).write_text("{}"),
    "approval cut short": lambda run: (run / APPROVAL_FILE).write_bytes((run / APPROVAL_FILE).read_bytes()[:200]),
    "approval of another version": in_approval(version=2),
    "approval of another plan's hash": in_approval(plan_sha256="0" * 64),
    "approval of another plan's name": in_approval(plan="other"),
    "approval by nobody": in_approval(by=""),
    "approval at no time": in_approval(at="yesterday"),
    "approval at a time without zone": in_approval(at="2026-01-02T03:04:05"),
    "approval with more in it": in_approval(approved=True),
    "approval of fewer files": lambda run: edited(
        run / APPROVAL_FILE, lambda record: record["run_files"].pop("schedule.csv")
    ),
    "approval of fewer inputs": lambda run: edited(run / APPROVAL_FILE, lambda record: record["inputs"].pop()),
    "approval of another schedule": same_but("schedule.csv"),
    "plan edited": lambda run: edit_plan(run, covered=False),
    "plan edited and covered": lambda run: edit_plan(run, covered=True),
    "plan solved again": replan,
    "schedule edited": append("schedule.csv"),
    "parquet edited": append("schedule.parquet"),
    "scenario edited": append("scenario.resolved.yaml"),
    "schedule edited and covered": all_of(append("schedule.csv"), lambda run: reseal(run, "schedule.csv")),
    "scenario edited and covered": all_of(
        append("scenario.resolved.yaml"), lambda run: reseal(run, "scenario.resolved.yaml")
    ),
    "list of inputs edited": append("inputs.json"),
    "an input forgotten everywhere": forget_input,
    "verification edited": append("verification.json"),
    "verification with findings": lambda run: write_verification(run, [{"rule": "energy"}]),
    "verification lost": lambda run: (run / "verification.json").unlink(),
    "profile changed": append("../profiles/p.csv"),
    "grid changed": append("../grid.csv"),
    "scenario file changed": append("../scenario.yaml"),
    "profile gone": lambda run: (run / "../profiles/p.csv").unlink(),
    "profile a folder": all_of(
        lambda run: (run / "../profiles/p.csv").unlink(), lambda run: (run / "../profiles/p.csv").mkdir()
    ),
    "grid of equal length": lambda run: (run / "../grid.csv").write_bytes(b"window_stark\n"),
    "file lost": lambda run: (run / "summary.json").unlink(),
}


def test_an_approved_plan_is_given_out(run: Path) -> None:
    written = approve(run, "Ada Lovelace", NOW, "for the week")
    plan, approval = read_approved_plan(run)
    assert plan_json(plan) == (run / "plan.json").read_bytes()
    assert approval == written
    assert (approval.by, approval.at, approval.note, approval.signature) == ("Ada Lovelace", NOW, "for the week", None)
    assert approval.plan_sha256 == hashlib.sha256((run / "plan.json").read_bytes()).hexdigest()
    assert [(one.role, one.path) for one in approval.inputs] == [
        ("scenario", "../scenario.yaml"),
        ("profile:chat", "../profiles/p.csv"),
        ("grid:site-a", "../grid.csv"),
    ]


def test_a_full_disk_is_said(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = sorted(run.iterdir())
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"approval.json: cannot be written \(No space left on device\)"):
        approve(run, "Ada Lovelace", NOW)
    assert sorted(run.iterdir()) == before


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("key", [None, public_pem(KEY)], ids=["plain", "signed"])
def test_every_mutation_is_refused(run: Path, name: str, key: bytes | None) -> None:
    approve(run, "Ada Lovelace", NOW, key=None if key is None else pem(KEY))
    read_approved_plan(run, key)
    MUTATIONS[name](run)
    with pytest.raises((VerificationError, InputError)) as caught:
        read_approved_plan(run, key)
    assert all(fault.code and fault.mend for fault in caught.value.faults)


def test_enough_is_tried() -> None:
    assert len(MUTATIONS) >= 20


@pytest.mark.parametrize(
    "change",
    [
        in_approval(by="Mallory"),
        in_approval(at="2027-01-02T03:04:05Z"),
        in_approval(note="without conditions"),
        in_approval(signature=None),
        in_approval(signature="AAAA"),
        in_approval(signature="not base64 !"),
        lambda run: approve(run, "Ada Lovelace", NOW, key=pem(OTHER_KEY)),
        lambda run: approve(run, "Ada Lovelace", NOW),
    ],
)
def test_a_signature_binds_name_and_time(run: Path, change: Callable[[Path], object]) -> None:
    approve(run, "Ada Lovelace", NOW, "if it rains", key=pem(KEY))
    _, approval = read_approved_plan(run, public_pem(KEY))
    assert approval.signature
    change(run)
    with pytest.raises(VerificationError, match=r"signed|signature"):
        read_approved_plan(run, public_pem(KEY))


def test_all_that_changed_is_said_at_once(run: Path) -> None:
    approve(run, "Ada", NOW)
    for name in ("../grid.csv", "../profiles/p.csv", "inputs.json"):
        append(name)(run)
    with pytest.raises(VerificationError) as caught:
        read_approved_plan(run)
    assert [fault.code for fault in caught.value.faults] == ["approval-void", "plan-stale", "plan-stale"]


def test_a_moved_run_folder_with_its_inputs_stays_approved(run: Path, tmp_path: Path) -> None:
    approve(run, "Ada", NOW)
    shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-moved")
    read_approved_plan(tmp_path.parent / f"{tmp_path.name}-moved" / "run")


def test_what_does_not_hold_is_not_approved(run: Path) -> None:
    append("../grid.csv")(run)
    with pytest.raises(VerificationError, match="has changed since the plan was made"):
        approve(run, "Ada", NOW)
    write_verification(run, [{"rule": "energy"}])
    with pytest.raises(VerificationError, match=r"had findings"):
        approve(run, "Ada", NOW)
    assert not (run / APPROVAL_FILE).exists()


@pytest.mark.parametrize("by", ["", "  ", "a\nb", "a\x1b[31m", "x" * 201])
def test_who_approves_has_a_name(run: Path, by: str) -> None:
    with pytest.raises(UsageError, match="is no name"):
        approve(run, by, NOW)
    assert not (run / APPROVAL_FILE).exists()


def test_other_keys_are_refused_with_the_way_to_make_one(run: Path) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for key in (b"", b"-----BEGIN", pem(other), public_pem(KEY)):
        with pytest.raises(UsageError, match="openssl genpkey"):
            approve(run, "Ada", NOW, key=key)
    approve(run, "Ada", NOW, key=pem(KEY))
    for key in (b"", pem(KEY), public_pem(other)):
        with pytest.raises(UsageError, match="openssl genpkey"):
            read_approved_plan(run, key)


def test_no_run_folder_no_approval(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"no plan\.json here"):
        approve(tmp_path / "none", "Ada", NOW)


def test_a_hostile_name_is_a_text(run: Path) -> None:
    written = approve(run, "<b>Ada</b>; $(id) # ünïcödé", NOW)
    assert Approval.model_validate_json((run / APPROVAL_FILE).read_bytes()) == written
