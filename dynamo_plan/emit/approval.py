"""Approval of a plan: a record that binds what was approved to who approved it and when, and what makes it void.

``approval.json`` names the SHA-256 of the plan, of every file of the run folder that belongs to it, and of every input on disk. Whatever
changes after, in the folder or in the inputs, the approval no longer stands. A signature (ed25519) binds the record itself: without one,
whoever can write the folder can also write an approval.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from dynamo_plan.emit.atomic import write_whole_file
from dynamo_plan.emit.run_folder import (
    INPUTS_FILE,
    SEALED_FILES,
    VERIFICATION_FILE,
    inputs_unreadable,
    read_trusted_plan,
)
from dynamo_plan.errors import Fault, InputError, UsageError, VerificationError
from dynamo_plan.extras import extra
from dynamo_plan.schema.plan import Plan

APPROVAL_FILE: Final = "approval.json"
APPROVAL_VERSION: Final = 1
APPROVED_FILES: Final = (*SEALED_FILES, INPUTS_FILE, VERIFICATION_FILE)
SCENARIO_ROLE: Final = "scenario"
LONGEST_NAME = 200

type Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ApprovedInput(BaseModel):
    """An input as it was when the plan was approved; the path is relative to the run folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    role: str
    path: str
    size_bytes: int = Field(ge=0)
    sha256: Sha256


class Approval(BaseModel):
    """Who approved what, when. `signature` (ed25519, base64) is over `signed_bytes`; None: not signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    plan: str
    plan_sha256: Sha256
    run_files: dict[str, Sha256]
    inputs: list[ApprovedInput]
    by: str = Field(min_length=1, max_length=LONGEST_NAME)
    at: AwareDatetime
    note: str = ""
    signature: str | None = None

    def signed_bytes(self) -> bytes:
        """What a signature is over: all but the signature, as JSON with sorted keys."""
        record = self.model_dump(mode="json", exclude={"signature"})
        return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def approve(run_folder: Path, by: str, at: datetime, note: str = "", key: bytes | None = None) -> Approval:
    """Write the approval of a plan that is verified, unchanged and made from the inputs on disk.

    Parameters
    ----------
    by : str
        Who approves.
    at : datetime
        When, with zone.
    key : bytes or None
        Private key (ed25519, PEM) to sign with.

    Raises
    ------
    UsageError
        `by` is no name, or the key is none.
    InputError, VerificationError
        The plan cannot be read, is not verified, or does not match the inputs on disk.
    """
    plan = read_trusted_plan(run_folder)
    if not by.strip() or len(by) > LONGEST_NAME or not by.isprintable():
        raise UsageError(
            Fault(
                "approval-name",
                "--by",
                f"{by[:40]!r} is no name",
                f"Up to {LONGEST_NAME} printable characters",
                "Say who approves, such as --by 'Ada Lovelace'",
            )
        )
    inputs = _inputs_of(run_folder)
    stale = list(_changed_inputs(run_folder, inputs))
    if stale:
        raise VerificationError(stale)
    hashes = {name: _sha256(run_folder / name) for name in APPROVED_FILES}
    approval = Approval(
        version=APPROVAL_VERSION,
        plan=plan.name,
        plan_sha256=hashes["plan.json"],
        run_files=hashes,
        inputs=inputs,
        by=by,
        at=at,
        note=note,
    )
    if key is not None:
        approval = approval.model_copy(update={"signature": _sign(key, approval.signed_bytes())})
    write_whole_file(run_folder / APPROVAL_FILE, approval.model_dump_json(indent=2).encode() + b"\n")
    return approval


def read_approved_plan(run_folder: Path, public_key: bytes | None = None) -> tuple[Plan, Approval]:
    """The plan of a run folder and its approval, if the approval stands.

    Parameters
    ----------
    public_key : bytes or None
        Public key (ed25519, PEM) that the approval must be signed with; None: a signature is not looked at.

    Raises
    ------
    InputError
        See `run_folder.read_plan`; or the approval cannot be read.
    VerificationError
        Not approved, approved for something else, or not signed by this key; with every reason.
    """
    plan = read_trusted_plan(run_folder)
    approval = _read(run_folder)
    faults = [
        Fault(
            "approval-void",
            str(run_folder / name),
            "differs from what was approved",
            "An approval holds for the very files that were approved",
            "Look at the plan again and approve it anew",
        )
        for name in APPROVED_FILES
        if approval.run_files.get(name) != _sha256(run_folder / name)
    ]
    inputs = _inputs_of(run_folder)
    if (approval.plan, approval.plan_sha256) != (plan.name, _sha256(run_folder / "plan.json")) or (
        sorted(approval.inputs, key=repr) != sorted(inputs, key=repr)
    ):
        faults.append(
            Fault(
                "approval-void",
                str(run_folder / APPROVAL_FILE),
                "names another plan or other inputs than the run folder",
                "An approval holds for the very plan that was approved",
                "Look at the plan again and approve it anew",
            )
        )
    faults += _changed_inputs(run_folder, inputs)
    if public_key is not None and not _is_signed(approval, public_key):
        faults.append(
            Fault(
                "approval-signature",
                str(run_folder / APPROVAL_FILE),
                "is not signed" if approval.signature is None else "its signature is not of this key and content",
                "With --public-key an approval is signed by the key's owner",
                "Approve again with --sign, or name the key that belongs to the signature",
            )
        )
    if faults:
        raise VerificationError(faults)
    return plan, approval


def _read(run_folder: Path) -> Approval:
    path = run_folder / APPROVAL_FILE
    if not path.is_file():
        raise VerificationError(
            Fault(
                "approval-missing",
                str(path),
                "the plan is not approved",
                "With --require-approval only an approved plan is emitted",
                f"Look at it, then `dynamo-plan approve {run_folder} --by NAME`",
            )
        )
    try:
        return Approval.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            Fault(
                "approval-unreadable",
                str(path),
                str(error).splitlines()[0],
                "An approval is what `dynamo-plan approve` writes",
                "Approve the plan again",
            )
        ) from error


def _inputs_of(run_folder: Path) -> list[ApprovedInput]:
    """Inputs as `inputs.json` has them, the scenario apart: its content is `scenario.resolved.yaml`."""
    path = run_folder / INPUTS_FILE
    try:
        listed = json.loads(path.read_bytes())["inputs"]
        inputs = [ApprovedInput.model_validate(entry) for entry in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise inputs_unreadable(path, error) from error
    return inputs


def _changed_inputs(run_folder: Path, inputs: list[ApprovedInput]) -> Iterator[Fault]:
    """Inputs that are not on disk as they were when the plan was made."""
    for entry in inputs:
        path = run_folder / entry.path
        try:
            is_same = path.is_file() and _sha256(path) == entry.sha256
            state = "has changed" if path.is_file() else "is not there any more"
        except (OSError, ValueError) as error:
            is_same, state = False, f"cannot be read ({type(error).__name__})"
        if not is_same:
            yield Fault(
                "plan-stale",
                f"{run_folder} {entry.role}",
                f"{entry.path!r} {state} since the plan was made",
                "A plan holds for the inputs that it was made from",
                "Solve again, or bring the file back",
            )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _bad_key(option: str, kind: str) -> UsageError:
    return UsageError(
        Fault(
            "approval-key",
            option,
            f"the file holds no {kind} key of ed25519 in PEM, or one with a password",
            "Keys are ed25519 in PEM without a password",
            "Make one with `openssl genpkey -algorithm ed25519 -out key.pem`; `openssl pkey -in key.pem -pubout` prints its public half",
        )
    )


def _sign(key: bytes, content: bytes) -> str:
    with extra("sign"):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError) as error:
        raise _bad_key("--sign", "private") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise _bad_key("--sign", "private")
    return base64.b64encode(private.sign(content)).decode()


def _is_signed(approval: Approval, key: bytes) -> bool:
    with extra("sign"):
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    try:
        public = load_pem_public_key(key)
    except ValueError as error:
        raise _bad_key("--public-key", "public") from error
    if not isinstance(public, Ed25519PublicKey):
        raise _bad_key("--public-key", "public")
    try:
        public.verify(base64.b64decode(approval.signature or "", validate=True), approval.signed_bytes())
    except (InvalidSignature, ValueError):
        return False
    return True
