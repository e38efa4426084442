"""Reading TOML that anybody may have written: each value is looked at before it is used, and named by its key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from indexapp.domain.locks.wanted import MOST_FILES, MOST_WANTED, ListInvalid, filename_of, shown

Table = dict[str, Any]


def load(text: str) -> Table:
    """The document; raises :class:`ListInvalid` with the line where it is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ListInvalid(f"The file is not TOML: {error}.") from None
    except (ValueError, RecursionError):  # a number with thousands of digits; brackets in brackets in brackets
        raise ListInvalid("The file is not TOML that can be read: a number or a nesting in it is too large.") from None


def rows(table: Table, key: str, most: int = MOST_WANTED, *, place: str = "") -> Iterator[tuple[str, Table]]:
    """The tables of an array, each with the key that names it."""
    path = f"{place}.{key}" if place else key
    found = table.get(key, [])
    if not isinstance(found, list):
        raise ListInvalid(f"{path}: This must be an array of tables.")
    if len(found) > most:
        raise ListInvalid(f"{path}: There are more than {most} of them.")
    for number, row in enumerate(found):
        if not isinstance(row, dict):
            raise ListInvalid(f"{path}[{number}]: This must be a table.")
        yield f"{path}[{number}]", row


def table(holder: Table, key: str, place: str) -> Table:
    """The table under the key; empty where there is none."""
    found = holder.get(key, {})
    if not isinstance(found, dict):
        raise ListInvalid(f"{place}.{key}: This must be a table.")
    return found


def words(holder: Table, key: str, place: str) -> list[str]:
    """The texts of an array; empty where there is none."""
    found = holder.get(key, [])
    if not isinstance(found, list) or len(found) > MOST_FILES or not all(isinstance(word, str) for word in found):
        raise ListInvalid(f"{place}.{key}: This must be an array of texts.")
    return found


def file_in(address: object, place: str) -> str:
    """The file's name at the end of an address or a path."""
    if not isinstance(address, str):
        raise ListInvalid(f"{place}: {shown(address)} is not an address.")
    try:
        path = unquote(urlsplit(address).path)
    except ValueError:
        raise ListInvalid(f"{place}: {shown(address)} is not an address.") from None
    return filename_of(path.replace("\\", "/").rpartition("/")[2], place)
