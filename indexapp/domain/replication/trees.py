"""Merkle digests over what an installation publishes, by which two sites see where they differ without sending it all.

A leaf is a chunk of projects whose primary keys lie together.  Above it stand nodes of as many chunks, up to one root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from json import JSONEncoder
from typing import Any, Self

CHUNK = 64
"""Primary keys of projects that one leaf is about, and children that one node has."""
_LEAF, _NODE = b"\x00", b"\x01"
_encode = JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Chunk:
    """A leaf.

    ``version`` tells whether any of its projects changed, came or went since; ``digest`` is over what readers see; ``held`` is
    over which of the files have their bytes here.  ``files`` and ``contents_held`` are numbers.
    """

    number: int
    version: str
    digest: str
    held: str
    projects: int
    files: int
    contents_held: int

    @property
    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Out of JSON; raises KeyError, TypeError, ValueError."""
        number, projects, files, held = (int(told[name]) for name in ("number", "projects", "files", "contents_held"))
        return cls(number, str(told["version"]), str(told["digest"]), str(told["held"]), projects, files, held)


@dataclass(frozen=True, slots=True)
class Document:
    """What readers see of a project: its own columns by name, and those of its releases and files by version and filename.

    ``held`` tells of each file whether its bytes are here, and those of the metadata beside it.
    """

    key: int
    project: dict[str, Any]
    releases: dict[str, list[Any]]
    files: dict[str, list[Any]]
    held: dict[str, list[bool]]

    @property
    def digest(self) -> bytes:
        """Over all but what is held."""
        return _hash(_LEAF, _encode([self.key, self.project, self.releases, self.files]).encode())

    @property
    def held_digest(self) -> bytes:
        """Over what is held."""
        return _hash(_LEAF, _encode([self.key, self.held]).encode())

    @property
    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Out of JSON; raises KeyError, TypeError, ValueError."""
        releases, files, held = (
            {str(name): list(values) for name, values in told[part].items()} for part in ("releases", "files", "held")
        )
        return cls(int(told["key"]), dict(told["project"]), releases, files, held)


def version_of(projects: list[tuple[int, int]]) -> str:
    """Of the keys and last serials of a chunk's projects."""
    return _hash(_LEAF, _encode(projects).encode()).hex()


def leaf(digests: list[bytes]) -> str:
    """Of the digests of a chunk's projects."""
    return _hash(_NODE, b"".join(digests)).hex()


def root(leaves: Mapping[int, str]) -> str:
    """The one digest over all leaves, whose numbers are the keys."""
    level = {number: bytes.fromhex(digest) for number, digest in leaves.items()}
    while True:
        above: dict[int, list[bytes]] = {}
        for number in sorted(level):
            above.setdefault(number // CHUNK, []).append(number.to_bytes(8, "big") + level[number])
        level = {number: _hash(_NODE, b"".join(parts)) for number, parts in above.items()}
        if level.keys() <= {0}:
            return level.get(0, _hash(_NODE, b"")).hex()


def _hash(sort: bytes, content: bytes) -> bytes:
    return hashlib.sha256(sort + content).digest()
