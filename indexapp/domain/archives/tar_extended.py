"""Extended headers of tar members: pax records (POSIX.1-2017) and GNU long names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tpi_site.kit.errors import Invalid

_SPARSE_PREFIX: Final = b"GNU.sparse."
_SPARSE_KEYS: Final = frozenset({b"SCHILY.realsize", b"SUN.holesdata"})
_CHARSET: Final = b"hdrcharset"
_UTF8: Final = b"ISO-IR 10646 2000 UTF-8"
_STRUCTURAL: Final = frozenset({b"path", b"linkpath", b"size", _CHARSET})
_MAX_DIGITS: Final = 19


@dataclass(slots=True)
class Extension:
    """What the headers in front of a member say about it; None where they say nothing."""

    raw_name: bytes | None = None
    raw_link: bytes | None = None
    size: int | None = None

    def set_name(self, raw_name: bytes) -> None:
        """Take the member's name, which only one header may give."""
        if self.raw_name is not None:
            raise _bad_header("gives a member two names")
        self.raw_name = raw_name

    def set_link(self, raw_link: bytes) -> None:
        """Take the member's link target, which only one header may give."""
        if self.raw_link is not None:
            raise _bad_header("gives a member two link targets")
        self.raw_link = raw_link


def apply_gnu_name(extension: Extension, kind: bytes, content: bytes) -> None:
    """Take the content of a GNU long name (``L``) or long link (``K``) header."""
    name, _, rest = content.partition(b"\0")
    if rest.strip(b"\0"):
        raise _bad_header("has bytes behind the end of a long name")
    if kind == b"L":
        extension.set_name(name)
    else:
        extension.set_link(name)


def apply_pax(extension: Extension, content: bytes) -> None:
    """Take the pax records that change where a member goes and how long it is; the others are let pass."""
    seen = set()
    for key, value in _records(content):
        _require_not_sparse(key)
        if key not in _STRUCTURAL:
            continue
        if key in seen:
            raise _bad_header("has the same pax record twice")
        seen.add(key)
        _apply(extension, key, value)


def require_harmless_global(content: bytes) -> None:
    """Refuse a global pax header that would rename or resize all members; git's comment is let pass."""
    for key, value in _records(content):
        _require_not_sparse(key)
        if key in _STRUCTURAL and (key, value) != (_CHARSET, _UTF8):
            raise _bad_header("renames or resizes all members by a global pax record")


def _apply(extension: Extension, key: bytes, value: bytes) -> None:
    match key:
        case b"path":
            extension.set_name(value)
        case b"linkpath":
            extension.set_link(value)
        case b"size":
            if not value.isdigit() or len(value) > _MAX_DIGITS:
                raise _bad_header("has a pax size that is not a number")
            extension.size = int(value)
        case _ if value != _UTF8:
            raise _bad_header("has names that are not UTF-8")


def _records(content: bytes) -> list[tuple[bytes, bytes]]:
    """Split records of the form ``<length> <key>=<value>``, a line each; the length counts all of the line."""
    records = []
    position = 0
    while position < len(content):
        space = content.find(b" ", position, position + _MAX_DIGITS)
        digits = content[position : max(space, position)]
        if not digits.isdigit():
            raise _bad_header("has a broken pax header")
        end = position + int(digits)
        key, equals, value = content[space + 1 : end - 1].partition(b"=")
        if end > len(content) or end <= space + 1 or content[end - 1 : end] != b"\n" or not (key and equals):
            raise _bad_header("has a broken pax header")
        records.append((key, value))
        position = end
    return records


def _require_not_sparse(key: bytes) -> None:
    if key.startswith(_SPARSE_PREFIX) or key in _SPARSE_KEYS:
        raise sparse_refusal()


def sparse_refusal() -> Invalid:
    """Return the refusal of sparse members, whichever header tells them."""
    return Invalid(
        "The tar archive has a sparse member, which programs unpack differently; build it without --sparse.",
        code="tar-sparse",
    )


def _bad_header(fault: str) -> Invalid:
    return Invalid(f"The tar archive {fault}; build it with another tool.", code="tar-header")
