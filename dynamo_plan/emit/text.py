"""Text that is the same to every reader: JSON on one line, which is YAML 1.1 and 1.2 too, and block YAML made of it.

Runtimes read YAML 1.1, in which `no` is false and `1:30` is 90; libraries write 1.2, which leaves such strings bare. Here every string
that is not a plain word is quoted and every character that is not printable ASCII escaped, so what a user calls things stays a string. A
schedule has ten thousand objects: this takes a tenth of a second, a YAML library ten.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

type Object = Mapping[str, object]
"""Of texts, numbers, booleans, None, and lists and mappings of these."""

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
NOT_STRINGS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
"""Words that YAML 1.1 reads as something else, in any case."""

KEY = re.compile(r'([A-Za-z][A-Za-z0-9_./-]*|"(?:[^"\\]|\\.)*"):(?: |$)')
SURROGATES = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})")
LONGEST_LINE = 400
"""Characters up to which a list or mapping of scalars stands on one line: a group of instances, an input of an account."""


def flow(value: object) -> str:
    """A value on one line, JSON and YAML alike; ValueError for a number that is not finite, TypeError for what is no data."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(key)}: {flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(flow(part) for part in value) + "]"
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value)


def yaml_text(value: Object | Sequence[Object], longest_line: int = LONGEST_LINE) -> str:
    """A mapping or list as block YAML; its innermost lists and mappings on one line each, where they fit."""
    return "\n".join(_block(value, "", longest_line)) + "\n"


def yaml_documents(objects: Iterable[Object]) -> str:
    """Several objects as documents of one YAML file."""
    return "---\n".join(yaml_text(one) for one in objects)


def flow_documents(objects: Iterable[Object]) -> str:
    """Several objects as documents of one YAML file, one line each."""
    return "---\n".join(f"{flow(one)}\n" for one in objects)


def read_flow_documents(path: Path) -> list[object]:
    """What `flow_documents` wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line and line != "---"]


def read_flow_list(path: Path, key: str) -> list[object]:
    """Items of a YAML file with one list under `key`, an item a line as `flow` writes it; ValueError for anything else."""
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    if head not in (f"{key}:", f"{key}: []") or not all(line.startswith("- ") for line in lines):
        raise ValueError(f"{path.name} is no list of {key}")
    return [json.loads(line.removeprefix("- ")) for line in lines]


def read_yaml(path: Path) -> list[object]:
    """Documents that `yaml_text` or `yaml_documents` wrote; ValueError for any other YAML, which a library reads ten times slower."""
    documents: list[list[str]] = [[]]
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line == "---":
            documents.append([])
        elif line:
            documents[-1].append(line)
    return [_read_block(deque(lines), 0) for lines in documents if lines]


def _read_block(lines: deque[str], indent: int) -> object:
    """The list or mapping whose lines begin at `indent`; takes them from `lines`."""
    is_list = bool(lines) and lines[0][indent:].startswith("- ")
    items: list[object] = []
    pairs: dict[str, object] = {}
    while lines and len(lines[0]) - len(lines[0].lstrip(" ")) == indent:
        text = lines[0][indent:]
        if text.startswith("- ") != is_list:
            raise ValueError(f"{text!r} stands among others")
        if is_list:
            inner = text.removeprefix("- ")
            if KEY.match(inner) or inner.startswith("- "):
                lines[0] = " " * (indent + 2) + inner
                items.append(_read_block(lines, indent + 2))
            else:
                lines.popleft()
                items.append(_read_scalar(inner))
            continue
        key = KEY.match(lines.popleft()[indent:])
        if key is None:
            raise ValueError(f"{text!r} has no key")
        rest = text[key.end() :]
        pairs[str(_read_scalar(key[1]))] = _read_scalar(rest) if rest else _read_block(lines, indent + 2)
    if not items and not pairs:
        raise ValueError("nothing stands where a list or mapping should")
    return items if is_list else pairs


def _read_scalar(text: str) -> object:
    return text if PLAIN.fullmatch(text) and text.lower() not in NOT_STRINGS else json.loads(text)


def _block(value: object, indent: str, longest_line: int) -> Iterator[str]:
    parts: Iterable[tuple[str, object]]
    if isinstance(value, Mapping):
        parts = ((f"{_scalar(key)}:", part) for key, part in value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        parts = (("-", part) for part in value)
    else:
        raise TypeError(f"{type(value).__name__} is no collection")
    for head, part in parts:
        if _fits_one_line(part, longest_line - len(indent) - len(head)):
            yield f"{indent}{head} {_scalar(part)}"
            continue
        lines = list(_block(part, f"{indent}  ", longest_line))
        if head == "-":  # the first line of an item follows its dash
            yield f"{indent}- {lines[0].lstrip()}"
            yield from lines[1:]
        else:
            yield f"{indent}{head}"
            yield from lines


def _fits_one_line(value: object, most: int) -> bool:
    if isinstance(value, str) or not isinstance(value, Mapping | Sequence):
        return True
    inner = value.values() if isinstance(value, Mapping) else value
    is_flat = all(isinstance(part, str) or not isinstance(part, Mapping | Sequence) for part in inner)
    return not value or (is_flat and len(flow(value)) < most)


def _scalar(value: object) -> str:
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NOT_STRINGS:
        return value
    return flow(value)


def _quoted(text: str) -> str:
    escaped = json.dumps(text).replace("\x7f", "\\u007f")
    # JSON writes characters beyond 16 bits as two halves, which YAML would read as two characters.
    return SURROGATES.sub(lambda pair: json.loads(f'"{pair[0]}"'), escaped)


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written")
    text = repr(value)
    # YAML 1.1 takes 1e+22 for a string and 1.0e+22 for a number.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
