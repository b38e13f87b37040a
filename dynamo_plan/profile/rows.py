"""Rows of profiles taken out and put together."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.profile import ProfileTable

COLUMNS = tuple(field.name for field in fields(ProfileTable) if field.name not in ("path", "concurrency", "errors"))
"""Columns that every profile has."""


def rows_of_table(table: ProfileTable, rows: NDArray[np.int64]) -> ProfileTable:
    """Some rows of a table, in the order given; recorded errors stay behind, they are of the whole."""
    columns: dict[str, Any] = {name: getattr(table, name)[rows] for name in COLUMNS}
    concurrency = None if table.concurrency is None else table.concurrency[rows]
    return ProfileTable(path=table.path, **columns, concurrency=concurrency)


def joined(parts: list[ProfileTable]) -> ProfileTable:
    """Tables one below the other, rows numbered anew; the path is the first one's."""
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    columns["line"] = np.arange(1, columns["line"].size + 1)
    loads = [np.full(len(part), np.nan) if part.concurrency is None else part.concurrency for part in parts]
    concurrency = np.concatenate(loads)
    return ProfileTable(path=parts[0].path, **columns, concurrency=None if np.isnan(concurrency).all() else concurrency)
