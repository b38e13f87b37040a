"""`--set key=value`: change a scenario without editing it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from dynamo_plan.ingest.gathered import Faults, clipped, did_you_mean, listed
from dynamo_plan.ingest.model_fields import has_free_keys, model_of
from dynamo_plan.ingest.yaml_document import Document, KeyPath, Value, parse_value, step_into


def apply_overrides(
    document: Document, overrides: Sequence[tuple[str, str]], root: type[BaseModel], faults: Faults
) -> None:
    """Set values in the document; keys that the scenario cannot have are noted.

    Parameters
    ----------
    overrides : sequence of (str, str)
        Dotted key path, list items by index or by their `name`, and the value as YAML; e.g.
        ``("services.chat.slo.tbt_p99_ms", "80")``.
    """
    for key, text in overrides:
        option = f"--set {key}={text}"
        try:
            value = parse_value(text)
        except ValueError as error:
            faults.add("override-value", option, str(error), "The value is YAML", "Put it in quotation marks")
            continue
        path = _locate(document, key, root, option, faults)
        if path:
            _put(document, path, value, option)


def _locate(document: Document, key: str, root: type[BaseModel], option: str, faults: Faults) -> KeyPath | None:
    """Key path in the data, made as far as the scenario may have it; None if it may not, which is noted."""
    path: KeyPath = ()
    rest = key.split(".")
    value: Value = document.data
    while rest:
        known = _known_keys(value, path, root)
        # Names may hold dots: the longest known key wins.
        sizes = [size for size in range(len(rest), 0, -1) if ".".join(rest[:size]) in known]
        is_free = len(rest) == 1 and has_free_keys(root, path) and (value is None or isinstance(value, dict))
        if not sizes and not is_free:
            what = f"there is no key {clipped(rest[0])}" + (
                f" in {'.'.join(str(part) for part in path)}" if path else ""
            )
            allowed = f"Possible here: {listed(known)}" if known else "There is nothing below a plain value"
            faults.add("override-key", option, what, allowed, did_you_mean(rest[0], list(known)))
            return None
        size = sizes[0] if sizes else 1
        step = known.get(".".join(rest[:size]), rest[0])
        path, rest = (*path, step), rest[size:]
        value = step_into(value, step)
    return path


def _known_keys(value: Value, path: KeyPath, root: type[BaseModel]) -> dict[str, str | int]:
    """What may follow in a dotted path, and the key or index it stands for."""
    if isinstance(value, list):
        names = {item["name"]: index for index, item in enumerate(value) if isinstance(item, dict) and "name" in item}
        by_index: dict[str, str | int] = {str(index): index for index in range(len(value))}
        return by_index | {str(name): index for name, index in names.items()}
    model = model_of(root, path)
    if model is not None and (value is None or isinstance(value, dict)):
        return {name: name for name in model.model_fields}
    return {name: name for name in value} if isinstance(value, dict) else {}


def _put(document: Document, path: KeyPath, value: Value, option: str) -> None:
    """Set a value, make the mappings above it where they are absent, and remember the option as its origin."""
    if not isinstance(document.data, dict):
        document.data = {}
    place: Value = document.data
    for depth, step in enumerate(path[:-1], start=1):
        below = step_into(place, step)
        if below is None:
            below = {}
            _set(place, step, below)
            document.origin[path[:depth]] = option
        place = below
    _set(place, path[-1], value)
    for known in [known for known in document.origin if known[: len(path)] == path]:
        del document.origin[known]
    document.origin[path] = option


def _set(place: Value, step: str | int, value: Value) -> None:
    if isinstance(place, list):
        place[int(step)] = value
    elif isinstance(place, dict):
        place[str(step)] = value
