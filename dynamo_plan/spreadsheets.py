"""Texts in tables that people open in a spreadsheet: none of them becomes a formula."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters from which spreadsheets read on as a formula or command (OWASP: CSV injection)."""


def inert(text: str) -> str:
    """A text for a cell of CSV: with an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
