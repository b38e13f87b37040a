"""`dynamo-plan approve`: a record that binds a plan and its inputs to who approved them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dynamo_plan.cli.console import say


def approve(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of a solve.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, or under which condition.")] = "",
    sign: Annotated[
        Path | None, typer.Option("--sign", metavar="KEY.pem", help="Private key (ed25519, PEM) to sign with.")
    ] = None,
) -> None:
    """Approve a verified plan, for the very files and inputs that it has now.

    Exit code 6: the plan is not verified, was changed, or an input on disk is not the one that it was made from.
    """
    from datetime import UTC, datetime

    from dynamo_plan.emit.approval import APPROVAL_FILE
    from dynamo_plan.emit.approval import approve as write_approval

    now = datetime.now(UTC).replace(microsecond=0)
    approval = write_approval(run_folder, by, now, note, None if sign is None else key_bytes(sign))
    signed = " and signed" if approval.signature else ""
    say(
        f"Approved{signed} by {by!r}: plan {approval.plan!r}, SHA-256 {approval.plan_sha256[:12]}...; wrote {run_folder / APPROVAL_FILE}"
    )


def key_bytes(path: Path) -> bytes:
    """Content of a key file; `InputError` if it cannot be read."""
    from dynamo_plan.ingest.gathered import Faults
    from dynamo_plan.ingest.source import read_source

    faults = Faults()
    source = read_source(path, faults)
    faults.raise_if_any()
    assert source is not None
    return source.data
