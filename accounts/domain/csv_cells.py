"""Cells of CSV files that spreadsheets open."""

from __future__ import annotations

_STARTERS = ("=", "+", "-", "@", "\t", "\r", "\n")


def defused(value: object) -> str:
    """``value`` as a cell that no spreadsheet takes for a formula: such texts get a leading apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_STARTERS) else text
