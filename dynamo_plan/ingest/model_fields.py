"""Which keys a scenario may have at a key path, read off the schema itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel


def model_of(root: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    """Model whose fields are the keys at a key path; None where the keys are free or the path leads nowhere."""
    found = _type_at(root, path)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def has_free_keys(root: type[BaseModel], path: Sequence[str | int]) -> bool:
    """Whether any key may stand at a key path, such as the names of GPU types."""
    return get_origin(_type_at(root, path)) is dict


def _type_at(root: type[BaseModel], path: Sequence[str | int]) -> Any:
    found: Any = root
    for part in path:
        if isinstance(found, type) and issubclass(found, BaseModel):
            known = found.model_fields.get(str(part))
            found = None if known is None else _without_none(known.annotation)
        elif get_origin(found) in (list, dict):
            found = _without_none(get_args(found)[-1])
        else:
            return None
    return found


def _without_none(annotation: Any) -> Any:
    """`X` for `X | None` and `Annotated[X, ...]`; other unions are told apart by pydantic alone."""
    if hasattr(annotation, "__metadata__"):
        return _without_none(get_args(annotation)[0])
    options = [option for option in get_args(annotation) if option is not type(None)]
    is_optional = len(options) < len(get_args(annotation))
    return _without_none(options[0]) if is_optional and len(options) == 1 else annotation
