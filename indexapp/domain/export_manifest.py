"""The manifest of a static export: what the tree consists of, for whoever holds a copy of it against that.

It is one JSON object, written in lines so that neither side ever has more than one of them in memory: a tree may have a
million files.  Nothing in it depends on when or where it was made: the same tree has the same manifest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

FORMAT: Final = "tpi-static-1"
Kind = Literal["file", "page"]
_LONGEST: Final = 64 * 1024
"""Bytes of a line; a path and a name have some hundreds."""


class ManifestUnreadable(ValueError):
    """What is there is no manifest, or not the whole of one."""


class Entry(NamedTuple):
    """One file of the tree; ``project`` is the normalised name that it is of, empty for the list of projects."""

    path: str
    kind: Kind
    project: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a manifest says of the tree as a whole.

    ``serial`` is up to which change of the log the tree has everything; it may have something of later ones.  ``projects``
    are the patterns that were asked for, none for all.  ``composition`` is another value when the index has come to consist
    of other members, or keeps other names from them.
    """

    index: str
    serial: int = 0
    projects: tuple[str, ...] = ()
    composition: str = ""


def lines(head: Head, files: Iterable[Entry], pages: Iterable[Entry]) -> Iterator[bytes]:
    """The manifest's bytes, line by line; the entries come in the order in which they are given."""
    stated = {
        "composition": head.composition,
        "format": FORMAT,
        "index": head.index,
        "projects": list(head.projects),
        "serial": head.serial,
    }
    yield f'{json.dumps(stated, separators=(",", ":"))[:-1]},"files":{{'.encode()
    yield from _entries(files)
    yield b'\n},"pages":{'
    yield from _entries(pages)
    yield b"\n}}\n"


def _entries(entries: Iterable[Entry]) -> Iterator[bytes]:
    separator = "\n"
    for entry in entries:
        said = {"project": entry.project, "sha256": entry.sha256, "size": entry.size}
        yield f"{separator}{json.dumps(entry.path)}:{json.dumps(said, separators=(',', ':'))}".encode()
        separator = ",\n"


def read(text: Iterable[bytes]) -> tuple[Head, Iterator[Entry]]:
    """The head, and the entries as they are read; ``text`` gives lines.  Raises ManifestUnreadable, also while iterating."""
    found = iter(text)
    first = _line(next(found, b"")).removesuffix("{")
    said = _parsed(f"{first}{{}}}}")
    if said.get("format") != FORMAT:
        raise ManifestUnreadable("it is of another form")
    try:
        head = Head(
            index=_text(said["index"]),
            serial=_number(said["serial"]),
            projects=tuple(map(_text, said["projects"])),
            composition=_text(said["composition"]),
        )
    except (KeyError, TypeError) as error:
        raise ManifestUnreadable("its head is not whole") from error
    return head, _read_entries(found)


def _read_entries(found: Iterator[bytes]) -> Iterator[Entry]:
    kind: Kind = "file"
    for raw in found:
        line = _line(raw)
        if line == "}}":
            return
        if line == '},"pages":{':
            kind = "page"
            continue
        said = _parsed(f"{{{line.removesuffix(',')}}}")
        for path, of in said.items():
            try:
                yield Entry(path, kind, _text(of["project"]), _text(of["sha256"]), _number(of["size"]))
            except (KeyError, TypeError) as error:
                raise ManifestUnreadable(f"its entry {path[:80]!a} is not whole") from error
    raise ManifestUnreadable("its end is missing")


def _line(raw: bytes) -> str:
    if len(raw) > _LONGEST:
        raise ManifestUnreadable("a line of it is too long")
    return raw.decode("ascii", "replace").rstrip("\n")


def _parsed(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestUnreadable("it is no manifest") from error
    if not isinstance(said, dict):
        raise ManifestUnreadable("it is no manifest")
    return said


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(value)
    return value
