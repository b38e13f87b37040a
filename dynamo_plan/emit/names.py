"""Names that every runtime takes, made from what users call things.

A name is an RFC 1035 label: lower-case letters, digits and dashes, a letter first. Such names are RFC 1123 labels too, need no quoting in
a shell, in YAML or in a path, and have room left for what runtimes append to them.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping

from dynamo_plan.errors import Fault, InputError, UsageError

MOST_CHARACTERS = 45
"""Of the 63 that a label may have: a Deployment's pods append 17, a CronJob's jobs 11."""

DIGEST_CHARACTERS = (6, 12, 20)
"""Of the digest that tells names apart; the next length is taken where the one before does not."""

FIELD = re.compile(r"\{([a-z]+)\}")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def dns_label(text: str) -> str:
    """The text as a label of any length; what no label can hold becomes a dash."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    label = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")
    return label if label[:1].isalpha() else f"w-{label}".rstrip("-")


def dns_names[Key: Hashable](texts: Mapping[Key, str], most: int = MOST_CHARACTERS) -> dict[Key, str]:
    """A name of up to `most` characters for each key, no two alike; those too long or alike end in a short digest of their key.

    A name depends on its own key and, only where two are alike, on the others: it stays the same from plan to plan.
    """
    labels = {key: dns_label(text) for key, text in texts.items()}
    alike = Counter(labels.values())
    unclear = {key for key, label in labels.items() if len(label) > most or alike[label] > 1}
    for characters in DIGEST_CHARACTERS:
        names = {
            key: _with_digest(label, key, characters, most) if key in unclear else label
            for key, label in labels.items()
        }
        if len(set(names.values())) == len(names):
            return names
    raise AssertionError("digests of different keys are equal")


def fill_template(template: str, fields: Mapping[str, str]) -> str:
    """The template with its ``{field}`` filled in.

    Raises
    ------
    UsageError
        A field is not known, or a brace is left over.
    """
    unknown = [name for name in FIELD.findall(template) if name not in fields]
    if unknown or set("{}") & set(FIELD.sub("", template)) or not template:
        raise UsageError(
            Fault(
                "emit-name-template",
                "--workload-name-template",
                f"{template!r} {f'has the unknown field {unknown[0]}' if unknown else 'is no template'}",
                f"Fields are {', '.join(f'{{{name}}}' for name in fields)}",
                "Write such as '{service}-{buckets}-{kind}'",
            )
        )
    return FIELD.sub(lambda found: fields[found[1]], template)


def refuse_unprintable(names: Iterable[str]) -> None:
    """Refuse names with control characters or half characters, which not every runtime's reader takes even when they are escaped.

    Raises
    ------
    InputError
        With each such name.
    """
    faults = [
        Fault(
            "emit-name",
            "plan.json",
            f"the name {name!a} holds a control character",
            "Names of plans, services, pools, buckets, sites and GPU types are text",
            "Rename it in the scenario and solve again",
        )
        for name in sorted(set(names))
        if UNPRINTABLE.search(name)
    ]
    if faults:
        raise InputError(faults)


def check_namespace(namespace: str) -> str:
    """The namespace, if it is one; `UsageError` otherwise."""
    if not NAMESPACE.fullmatch(namespace):
        raise UsageError(
            Fault(
                "emit-namespace",
                "--namespace",
                f"{namespace!r} is no namespace",
                "Lower-case letters, digits and dashes, at most 63, no dash at either end",
                "Write such as llm-serving",
            )
        )
    return namespace


def _with_digest(label: str, key: Hashable, characters: int, most: int) -> str:
    digest = hashlib.sha256(repr(key).encode("utf-8", "backslashreplace")).hexdigest()[:characters]
    return f"{label[: most - characters - 1].rstrip('-')}-{digest}"
