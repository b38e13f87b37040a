"""The scenario file: YAML, checked against `schema.scenario`, every fault with its line and column."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dynamo_plan.ingest.gathered import Faults, clipped, did_you_mean, listed
from dynamo_plan.ingest.model_fields import model_of
from dynamo_plan.ingest.table import NUMBER
from dynamo_plan.ingest.yaml_document import Document, KeyPath, Value, has_step, step_into
from dynamo_plan.schema.scenario import Scenario

PHRASES = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a mapping of keys and values",
    "model_type": "a mapping of keys and values",
    "finite_number": "a finite number",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "below {lt:g}",
    "less_than_equal": "{le:g} or less",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "1 to 63 letters, digits, dots, dashes or underscores, a letter or digit first",
    "string_too_short": "a text that is not empty",
    "too_short": "at least {min_length} entry long",
    "too_long": "at most {max_length} entries long",
}
PHRASES |= dict.fromkeys(
    ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"),
    "a time with its zone, e.g. 2024-05-14T06:00:00Z",
)
"""What a value must be, by pydantic's type of error."""
KEY = "[key]"
"""Pydantic's mark for an error of a mapping's key."""


def parse_part[Part: BaseModel](
    document: Document, path: KeyPath, model: type[Part], faults: Faults, root: type[BaseModel] = Scenario
) -> Part | None:
    """Check what stands at a key path of a `root`; None if it breaks the schema, with all reasons noted."""
    try:
        # JSON, because strict Python mode would refuse the strings that YAML has for enums.
        return model.model_validate_json(json.dumps(document.at(path)))
    except ValidationError as error:
        by_key: dict[KeyPath, list[ErrorDetails]] = {}
        for details in error.errors(include_url=False):
            is_branch_for_texts = details["type"] == "enum" and isinstance(details["input"], list)
            if not is_branch_for_texts:  # the union's branch for lists says more about a list
                key = (*path, *_data_path(details["loc"], document.at(path)))
                by_key.setdefault(key, []).append(details)
        for key, found in by_key.items():
            _note(key, found, document, faults, root)
        return None


def _data_path(loc: Sequence[str | int], value: Value) -> KeyPath:
    """Steps of a pydantic location that are keys of the data, without its names of union branches."""
    path: list[str | int] = []
    for step in loc:
        is_missing_key = isinstance(value, dict) and step == loc[-1] and step != KEY
        if has_step(value, step):
            value = step_into(value, step)
        elif not is_missing_key:
            continue
        path.append(step)
    return tuple(path)


def _note(path: KeyPath, found: list[ErrorDetails], document: Document, faults: Faults, root: type[BaseModel]) -> None:
    details = found[0]
    kind, where = details["type"], document.where(path)
    name = next((str(step) for step in reversed(path) if isinstance(step, str)), "The file")
    if kind == "missing":
        faults.add("scenario-missing-key", where, f"key {name} is missing", "", f"Add `{name}:`")
    elif kind == "extra_forbidden" or details["loc"][-1:] == (KEY,):
        _note_key(path, details, document, faults, root)
    elif kind == "value_error":
        what, _, mend = details["msg"].removeprefix("Value error, ").partition(". ")
        faults.add("scenario-value", where, what, "", mend or "Correct the scenario")
    else:
        phrases = dict.fromkeys(_phrase(branch) for branch in found)
        shown, what = clipped_json(details["input"]), _what_it_is(details)
        is_version = path == ("version",)
        code = "scenario-version" if is_version else "scenario-type" if kind.endswith("_type") else "scenario-value"
        mend = "Write `version: 1`, after a look at the changelog" if is_version else ""
        expected = " ".join(str(branch.get("ctx", {}).get("expected", "")) for branch in found)
        choices = expected.split("'")[1::2]
        if kind in ("float_type", "int_type") and _is_quoted_number(details["input"]):
            mend = "Take the quotation marks off"
        mend = mend or (did_you_mean(str(details["input"]), choices) if choices else "")
        faults.add(code, where, f"{shown} {what}", f"{name} must be {', or '.join(phrases)}", mend)


def _is_quoted_number(value: object) -> bool:
    return isinstance(value, str) and NUMBER.fullmatch(value.strip()) is not None


def _note_key(path: KeyPath, details: ErrorDetails, document: Document, faults: Faults, root: type[BaseModel]) -> None:
    """A key that cannot stand here; keys that are absent are the likelier meant."""
    name = str(path[-1])
    model = model_of(root, path[:-1])
    present = document.at(path[:-1])
    if model is not None:
        known = list(model.model_fields)
    elif details["type"] == "enum":
        known = details["ctx"]["expected"].split("'")[1::2]
    else:
        what = f"{clipped(name)} cannot be a name"
        faults.add("scenario-value", document.where(path), what, f"A name is {_phrase(details)}", "Rename it")
        return
    absent = [key for key in known if not isinstance(present, dict) or key not in present]
    faults.add(
        "scenario-unknown-key",
        document.where(path),
        f"key {clipped(name)} is not known",
        f"Possible here: {listed(known)}",
        did_you_mean(name, absent) or "Drop the key, or correct it",
    )


def _phrase(details: ErrorDetails) -> str:
    phrase = PHRASES.get(details["type"])
    return phrase.format_map(details.get("ctx", {})) if phrase else details["msg"]


def clipped_json(value: object) -> str:
    """A value as YAML users write it, cut after 60 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:60] + "..."


def _what_it_is(details: ErrorDetails) -> str:
    kind = details["type"]
    if kind in ("enum", "literal_error"):
        return "is not known"
    if not kind.endswith("_type"):
        return "does not fit"
    value = details["input"]
    if isinstance(value, bool):
        return "is true or false"
    names = {str: "is a text", float: "is a fraction", int: "is a number", list: "is a list", dict: "is a mapping"}
    return names.get(type(value), "is empty")
