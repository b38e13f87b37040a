r"""The plan was made from the very files that it is checked against.

.. math:: \{(\text{role}, \text{path}, \text{size}, \text{SHA-256})\}_{\text{plan}} = \{\ldots\}_{\text{inputs}}
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import InputFile, Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding

NAME = "inputs"


def show(file: InputFile | None) -> str:
    """Size and hash of a file."""
    return "no such file" if file is None else f"{file.size_bytes} bytes, sha256 {file.sha256}"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield files that were changed, left out or added since."""
    read = {(file.role, file.path): file for file in inputs.files}
    recorded = {(file.role, file.path): file for file in plan.inputs}
    for role, path in sorted({*read, *recorded}):
        expected, found = read.get((role, path)), recorded.get((role, path))
        if expected != found:
            yield Finding(NAME, f"{role} {path}", "file", show(expected), show(found))
    if len(recorded) != len(plan.inputs):
        yield Finding(NAME, "inputs", "files, each recorded once", len(recorded), len(plan.inputs))
