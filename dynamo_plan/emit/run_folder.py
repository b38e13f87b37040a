"""The run folder: everything about one solve, written whole or not at all, and read back.

``plan.json`` is the whole plan and depends on the inputs only. Wall times and solver output stand in ``summary.json`` and
``solver.log``. ``inputs.json`` lists the size and SHA-256 of every input and of the folder's own files, so that an edited or
half-copied folder is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from dynamo_plan.emit.atomic import whole_folder, write_whole_file
from dynamo_plan.emit.schedule import schedule_rows, write_csv, write_parquet
from dynamo_plan.emit.summary import Summary, summarise, summary_json
from dynamo_plan.errors import Fault, InputError, VerificationError
from dynamo_plan.schema.plan import PLAN_VERSION, InputFile, Plan
from dynamo_plan.schema.scenario import Scenario

PLAN_FILE: Final = "plan.json"
SCENARIO_FILE: Final = "scenario.resolved.yaml"
INPUTS_FILE: Final = "inputs.json"
SUMMARY_FILE: Final = "summary.json"
VERIFICATION_FILE: Final = "verification.json"
MODEL_FILE: Final = "model.lp"
SEALED_FILES: Final = (PLAN_FILE, "schedule.parquet", "schedule.csv", SCENARIO_FILE)
"""Files of the folder whose content `inputs.json` vouches for; `summary.json` and what comes after the fact are not evidence."""

INPUTS_VERSION: Final = 1
VERIFICATION_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a solve leaves behind.

    Attributes
    ----------
    plan : Plan
    scenario : Scenario
        As solved, overrides included.
    scenario_folder : Path
        Folder that the scenario's relative paths start from.
    phases_s : mapping of str to float
        Wall time per phase [s]; ``write`` is added here.
    solver : mapping of str to str
        Name, version and method.
    log : str
        The solver's own output.
    model_lp : Path or None
        The model as an LP file, which is moved into the run folder.
    diagnosis : tuple of str
        Why a plan is infeasible, in sentences.
    findings : sequence of mapping
        What the verifier found, one mapping per finding; empty is verified.
    """

    plan: Plan
    scenario: Scenario
    scenario_folder: Path
    phases_s: Mapping[str, float]
    solver: Mapping[str, str]
    log: str
    diagnosis: tuple[str, ...]
    findings: Sequence[Mapping[str, object]]
    model_lp: Path | None = None


def plan_json(plan: Plan) -> bytes:
    """The plan as JSON: equal plans give equal bytes, and `plan_from_json` gives back the same plan."""
    # Numbers are written to round-trip exactly; an unproven bound is the string "-Infinity", which JSON has no number for.
    return to_json(plan, indent=1, inf_nan_mode="strings") + b"\n"


def plan_from_json(text: bytes, where: str) -> Plan:
    """Read a plan.

    Raises
    ------
    InputError
        Not JSON, not a plan, or of another version; names every key that is wrong.
    """
    try:
        plan = TypeAdapter(Plan).validate_json(text)
    except ValidationError as error:
        raise InputError(
            Fault(
                "plan-unreadable",
                f"{where} {'.'.join(str(part) for part in fault['loc'])}".rstrip(),
                fault["msg"],
                "A plan is as `dynamo-plan schema plan` says",
                "Solve again, or copy the run folder again in full",
            )
            for fault in error.errors()
        ) from error
    if plan.version != PLAN_VERSION:
        raise InputError(
            Fault(
                "plan-version",
                f"{where} version",
                f"{plan.version} is not known here",
                f"This program reads version {PLAN_VERSION}",
                "Use the release that wrote it, or solve again",
            )
        )
    return plan


def write_run(folder: Path, record: RunRecord, *, force: bool = False) -> Summary:
    """Write the run folder.

    Parameters
    ----------
    force : bool
        Replace an earlier run folder.

    Returns
    -------
    Summary
        What stands in `summary.json`.

    Raises
    ------
    InputError
        The folder is occupied or cannot be written; nothing is left behind.
    """
    start = time.perf_counter()
    with whole_folder(folder, PLAN_FILE, force=force) as draft:
        # Paths are kept relative to where the folder will stand, not to where it is drafted.
        place = folder.resolve()
        (draft / PLAN_FILE).write_bytes(plan_json(record.plan))
        rows = schedule_rows(record.plan)
        write_parquet(rows, draft / "schedule.parquet")
        write_csv(rows, draft / "schedule.csv")
        (draft / SCENARIO_FILE).write_text(_scenario_yaml(record, place), encoding="utf-8")
        (draft / INPUTS_FILE).write_bytes(_inputs_json(record, draft, place))
        (draft / "solver.log").write_text(record.log, encoding="utf-8")
        (draft / VERIFICATION_FILE).write_bytes(_verification_json(record.findings))
        if record.model_lp is not None:
            shutil.move(record.model_lp, draft / MODEL_FILE)
        phases_s = {**record.phases_s, "write": time.perf_counter() - start}
        summary = summarise(record.plan, phases_s, record.solver, record.diagnosis)
        (draft / SUMMARY_FILE).write_bytes(summary_json(summary))
    return summary


def write_verification(folder: Path, findings: Sequence[Mapping[str, object]]) -> None:
    """Write what a later verification found into a run folder."""
    write_whole_file(folder / VERIFICATION_FILE, _verification_json(findings))


def read_plan(folder: Path) -> Plan:
    """The plan of a run folder.

    Raises
    ------
    InputError
        No run folder, a file missing, or a plan that cannot be read.
    """
    if not (folder / PLAN_FILE).is_file():
        raise InputError(
            Fault(
                "run-folder-missing",
                str(folder),
                f"no {PLAN_FILE} here",
                "A run folder is what `dynamo-plan solve SCENARIO.yaml -d RUN` writes",
                "Check the path, or solve first",
            )
        )
    missing = [name for name in (*SEALED_FILES, INPUTS_FILE, SUMMARY_FILE) if not (folder / name).is_file()]
    if missing:
        raise InputError(
            Fault(
                "run-folder-incomplete",
                str(folder / name),
                "missing",
                "A run folder is whole or absent",
                "Copy the run folder again in full, or solve again",
            )
            for name in missing
        )
    return plan_from_json((folder / PLAN_FILE).read_bytes(), str(folder / PLAN_FILE))


def read_run_scenario(folder: Path) -> Scenario:
    """The scenario of a run folder, as solved; `InputError` if it cannot be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = folder / SCENARIO_FILE
    try:
        data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        # JSON, because strict Python mode would refuse the strings that YAML has for enums.
        return Scenario.model_validate_json(json.dumps(data))
    except (OSError, TypeError, UnicodeDecodeError, YAMLError, ValidationError) as error:
        raise InputError(
            Fault(
                "run-scenario-unreadable",
                str(path),
                str(error).splitlines()[0],
                "It is the scenario as solved, see `dynamo-plan schema scenario`",
                "Copy the run folder again in full, or solve again",
            )
        ) from error


def read_trusted_plan(folder: Path) -> Plan:
    """The plan of a run folder that was verified and has not been changed since.

    Raises
    ------
    InputError
        See `read_plan`.
    VerificationError
        The last verification had findings, or a file differs from what the solve wrote.
    """
    plan = read_plan(folder)
    faults = [
        Fault(
            "run-folder-changed",
            str(folder / name),
            "differs from what the solve wrote",
            "A plan is used as it was verified",
            "Copy the run folder again in full, or solve again",
        )
        for name, _, _ in changed_files(folder)
    ]
    if not _is_verified(folder):
        faults.append(
            Fault(
                "run-folder-unverified",
                str(folder / VERIFICATION_FILE),
                "the last verification is missing or had findings",
                "Only a verified plan is used",
                f"See what is wrong with `dynamo-plan verify {folder}`",
            )
        )
    if faults:
        raise VerificationError(faults)
    return plan


def _is_verified(folder: Path) -> bool:
    try:
        return json.loads((folder / VERIFICATION_FILE).read_bytes())["verified"] is True
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_summary(folder: Path) -> Summary:
    """The summary of a run folder; `InputError` if it cannot be read."""
    path = folder / SUMMARY_FILE
    try:
        return Summary.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            Fault(
                "summary-unreadable",
                str(path),
                str(error).splitlines()[0],
                "A summary is as `dynamo-plan schema summary` says",
                "Copy the run folder again in full, or solve again",
            )
        ) from error


def changed_files(folder: Path) -> list[tuple[str, str, str]]:
    """Files of a run folder that differ from what the solve wrote: name, SHA-256 then, SHA-256 now.

    Raises
    ------
    InputError
        `inputs.json` cannot be read.
    """
    path = folder / INPUTS_FILE
    try:
        sealed = {str(entry["path"]): str(entry["sha256"]) for entry in json.loads(path.read_bytes())["run_files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise inputs_unreadable(path, error) from error
    now = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in SEALED_FILES}
    return [(name, sealed.get(name, "none"), now[name]) for name in SEALED_FILES if sealed.get(name) != now[name]]


def inputs_unreadable(path: Path, error: Exception) -> InputError:
    """What to say of an `inputs.json` that does not list what it should."""
    return InputError(
        Fault(
            "inputs-unreadable",
            str(path),
            f"cannot be read ({type(error).__name__})",
            "It lists the SHA-256 of the inputs and of the run folder's files",
            "Copy the run folder again in full, or solve again",
        )
    )


def _moved(path: str, scenario_folder: Path, place: Path) -> str:
    """A path of the scenario as seen from the run folder; absolute paths stay."""
    if Path(path).is_absolute():
        return path
    return Path(os.path.relpath((scenario_folder / path).resolve(), place)).as_posix()


def _scenario_yaml(record: RunRecord, place: Path) -> str:
    from ruamel.yaml import YAML

    scenario = record.scenario.model_dump(mode="json")
    for part in (*scenario["services"], *scenario["sites"]):
        for key in ("profile", "mixing", "forecast", "grid"):
            if part.get(key) is not None:
                part[key] = _moved(part[key], record.scenario_folder, place)
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = StringIO()
    text.write(
        "# The scenario as solved: every default written out, paths relative to this folder. It can be solved again.\n"
    )
    yaml.dump(scenario, text)
    return text.getvalue()


def _entry(path: str, content: bytes) -> dict[str, object]:
    return {"path": path, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _inputs_json(record: RunRecord, draft: Path, place: Path) -> bytes:
    def as_seen_from_here(file: InputFile) -> dict[str, object]:
        path = _moved(file.path, record.scenario_folder, place)
        return {"role": file.role, "path": path, "size_bytes": file.size_bytes, "sha256": file.sha256}

    return _json(
        {
            "version": INPUTS_VERSION,
            "inputs": [as_seen_from_here(file) for file in record.plan.inputs],
            "run_files": [_entry(name, (draft / name).read_bytes()) for name in SEALED_FILES],
        }
    )


def _verification_json(findings: Sequence[Mapping[str, object]]) -> bytes:
    return _json({"version": VERIFICATION_VERSION, "verified": not findings, "findings": list(findings)})


def _json(record: Mapping[str, object]) -> bytes:
    return json.dumps(record, indent=2, allow_nan=False).encode() + b"\n"
