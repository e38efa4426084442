"""Kinds of arguments that commands take."""

from __future__ import annotations

from argparse import ArgumentTypeError


def count(text: str) -> int:
    """A whole number of 0 or more; argparse says of another which argument it was."""
    if not text.isascii() or not text.isdigit():
        raise ArgumentTypeError(f"give a whole number of 0 or more, not '{text[:40]}'.")
    return int(text)
