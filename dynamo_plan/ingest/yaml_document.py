"""YAML to plain data, with the line and column of every key and item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from dynamo_plan.ingest.gathered import Faults, clipped
from dynamo_plan.ingest.source import Source, foreign_sort

type Value = bool | int | float | str | list[Value] | dict[str, Value] | None
type KeyPath = tuple[str | int, ...]

MOST_DEPTH = 40
"""Levels of nesting; a scenario has six, and every level costs a frame of the stack."""
MOST_NODES = 100_000
"""Keys and values after aliases are spelled out; guards against a few lines that unfold to gigabytes."""
TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "timestamp", "merge"))


@dataclass(slots=True)
class Document:
    """A YAML file as plain data.

    Attributes
    ----------
    shown : str
        Path as shown to the user.
    data : Value
    origin : dict of key path to str
        Where a key or item stands: `file:line:column`, or the option that set it.
    """

    shown: str
    data: Value = None
    origin: dict[KeyPath, str] = field(default_factory=dict)

    def where(self, path: Sequence[str | int]) -> str:
        """Place and name of a key, e.g. `scenario.yaml:7:5 services[0].model`; of its nearest parent if it is absent."""
        for length in range(len(path), -1, -1):
            if tuple(path[:length]) in self.origin:
                return f"{self.origin[tuple(path[:length])]} {dotted(path)}".rstrip()
        return f"{self.shown} {dotted(path)}".rstrip()

    def at(self, path: Sequence[str | int]) -> Value:
        """Value at a key path."""
        value = self.data
        for step in path:
            value = step_into(value, step)
        return value


def has_step(value: Value, step: str | int) -> bool:
    """Whether a list has this index or a mapping this key."""
    if isinstance(value, list):
        return isinstance(step, int) and 0 <= step < len(value)
    return isinstance(value, dict) and step in value


def step_into(value: Value, step: str | int) -> Value:
    """Item of a list or mapping; None where there is none."""
    if isinstance(value, list) and isinstance(step, int):
        return value[step]
    return value.get(step) if isinstance(value, dict) and isinstance(step, str) else None


def dotted(path: Sequence[str | int]) -> str:
    """A key path as `services[0].slo.tbt_p99_ms`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def parse_yaml(source: Source, faults: Faults) -> Document | None:
    """Read YAML; note faults and return None where that cannot be done."""
    known_faults = len(faults)
    document = Document(source.shown)
    try:
        text = source.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        sort = "Parquet" if source.data.startswith(b"PAR1") else foreign_sort(source.data)
        line = source.data.count(b"\n", 0, error.start) + 1
        where = source.shown if sort else f"{source.shown}:{line}"
        what = f"the file is {sort}" if sort else f"byte 0x{source.data[error.start]:02x} is not UTF-8"
        mend = "Name the scenario's file" if sort else "Save the file as UTF-8"
        faults.add("yaml-syntax", where, what, "YAML in UTF-8 is needed", mend)
        return None
    node = _compose(text, source.shown, faults)
    if node is not None:
        document.data = _Builder(document, faults).build(node, ())
    elif len(faults) == known_faults:
        faults.add("yaml-empty", source.shown, "the file holds nothing", "Keys and values are needed")
    return document if len(faults) == known_faults else None


def parse_value(text: str) -> Value:
    """One value as YAML, for `--set key=value`.

    Raises
    ------
    ValueError
        If it is not YAML.
    """
    faults = Faults()
    node = _compose(text, "", faults)
    value = _Builder(Document(""), faults).build(node, ()) if node is not None else None
    if len(faults):
        raise ValueError(next(iter(faults)).what)
    return value


def _compose(text: str, shown: str, faults: Faults) -> Node | None:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        tab = "Indent with spaces, not tabs" if "'\\t'" in str(error.problem) else ""
        what = ", ".join(part for part in (error.context, error.problem) if part)
        faults.add(
            "yaml-syntax", f"{shown}{place}", f"not YAML: {what}", "", tab or "Correct the line, or the one above"
        )
    except RecursionError:
        faults.add("yaml-syntax", shown, "the file is nested too deeply", "", "Take levels out")
    except (YAMLError, ValueError, TypeError, AttributeError, IndexError, KeyError, AssertionError) as error:
        # The parser has holes: some malformed text ends in Python's own errors, which say nothing to a user.
        reason = clipped(str(error).split("\n", 1)[0], most=120)
        faults.add("yaml-syntax", shown, f"not YAML: {reason}", "", "Correct the file")
    else:
        return node
    return None


class _Builder:
    """Turns nodes into data and notes where each stands."""

    def __init__(self, document: Document, faults: Faults) -> None:
        self._document = document
        self._faults = faults
        self._scalars = YAML(typ="safe", pure=True).constructor
        self._nodes = 0

    def build(self, node: Node, path: KeyPath) -> Value:
        self._nodes += 1
        self._document.origin.setdefault(path, self._place(node))
        if self._nodes > MOST_NODES:
            if self._nodes == MOST_NODES + 1:
                self._fault("yaml-syntax", node, f"the file unfolds to more than {MOST_NODES} values", "Shorten it")
            return None
        if len(path) > MOST_DEPTH:
            self._fault(
                "yaml-syntax", node, f"the file is nested more than {MOST_DEPTH} levels deep", "Take levels out"
            )
            return None
        if isinstance(node, MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.tag in TAGS:
            return self._scalar(node)
        self._fault("yaml-syntax", node, f"the tag {clipped(str(node.tag))} is not known here", "Write a plain value")
        return None

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._fault("yaml-syntax", key, "a list or mapping stands where a key should", "Write a plain key")
                continue
            name = str(key.value)
            if not name.isprintable():
                self._fault(
                    "yaml-syntax", key, f"key {clipped(name)} holds characters that cannot be shown", "Rename it"
                )
            elif name in found:
                first = self._document.origin[*path, name]
                what = f"key {clipped(name)} stands here and at {first}"
                self._fault("yaml-duplicate-key", key, what, "Drop one of the two")
            else:
                self._document.origin[*path, name] = self._place(key)
                found[name] = self.build(value, (*path, name))
        return found

    def _scalar(self, node: ScalarNode) -> Value:
        text = str(node.value)
        if str(node.tag).endswith((":timestamp", ":merge")):
            return text
        try:
            text.encode()
            value: Any = self._scalars.construct_object(node)
        except (ValueError, OverflowError) as error:
            self._fault("yaml-syntax", node, f"{clipped(text)} cannot be read: {error}", "Write a plain value")
            return None
        return value if value is None or isinstance(value, bool | int | float | str) else text

    def _place(self, node: Node) -> str:
        return f"{self._document.shown}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"

    def _fault(self, code: str, node: Node, what: str, mend: str) -> None:
        self._faults.add(code, self._place(node), what, "", mend)
