"""``replay.json``: what a replay found, beside the plan that was replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter
from pydantic_core import to_json

from dynamo_plan.emit.atomic import write_whole_file
from dynamo_plan.errors import Fault, InputError
from dynamo_plan.schema.replay import Replay

REPLAY_FILE: Final = "replay.json"


def replay_json(replay: Replay) -> bytes:
    """A replay as JSON: equal ones give equal bytes."""
    return to_json(replay, indent=1) + b"\n"


def write_replay(folder: Path, replay: Replay) -> Path:
    """Write what a replay found into a run folder, in place of an earlier one; where it stands now.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    path = folder / REPLAY_FILE
    write_whole_file(path, replay_json(replay))
    return path


def read_replay(folder: Path) -> Replay:
    """What the last replay of a run folder found; `InputError` where there is none that can be read."""
    path = folder / REPLAY_FILE
    try:
        return TypeAdapter(Replay).validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            Fault(
                "replay-unreadable",
                str(path),
                str(error).splitlines()[0],
                "It is as `dynamo-plan schema replay` says",
                "Replay the plan again",
            )
        ) from error
