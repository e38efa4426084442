"""Core metadata as text: a block of headers and a body, read within bounds.

The block is split by :class:`email.parser.HeaderParser`, the family that pip and the standard library read metadata
with, so that we see the fields that they see.  Only the header block goes through it: its MIME side (multipart
bodies, transfer encodings) means nothing in metadata and would recurse as deep as its author likes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from email.policy import compat32

from tpi_site.kit.errors import Invalid, TooLarge

MAX_BODY_LENGTH = 8 * 1024 * 1024
"""Bytes of the description."""

MAX_BLOCK_LENGTH = 4 * 1024 * 1024
"""Bytes of the header block; the largest known hold whole licence texts and stay below 1 MiB."""

MAX_BLOCK_LINES = 50_000
"""Lines of the header block, because each costs far more memory than its bytes while it is parsed."""

_LINE_END = rb"(?:\r\n|\r(?!\n)|\n)"
_BLANK_LINE = re.compile(_LINE_END + rb"{2}")
# A description in the header block is folded with eight blanks, or seven and a pipe (PEP 314, PEP 345).
_FOLD = re.compile(r"(\r\n|\r|\n)(?: {8}| {7}\||[ \t]+)")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Headers:
    """What the metadata file says, not yet judged.

    ``fields`` maps lower-case field names to their values in order, unfolded and stripped; ``body`` is the text after
    the first blank line.  ``is_utf8`` is false where the bytes were read as Windows-1252 (the superset of Latin-1 in
    which old Windows and Unix machines wrote).  ``has_stray_text`` says that a line which is no field ended the block.
    """

    fields: Mapping[str, tuple[str, ...]]
    body: str
    is_utf8: bool
    has_stray_text: bool


def read_headers(raw: bytes) -> Headers:
    """Split ``raw``, the bytes of METADATA or PKG-INFO.

    Raises :class:`TooLarge` (``metadata-too-large``) above the limits and :class:`Invalid` (``metadata-nul``) for a NUL
    byte; every other content is read somehow.
    """
    if b"\0" in raw:
        raise Invalid("The metadata contains a NUL byte; build the file again.", code="metadata-nul")
    block, body = _split(raw)
    is_utf8 = _is_utf8(raw)
    message = HeaderParser(policy=compat32).parsestr(_decode(block, is_utf8=is_utf8))
    fields: dict[str, list[str]] = {}
    for name, value in message.raw_items():
        fields.setdefault(name.lower(), []).append(_clean(_FOLD.sub(r"\1", str(value))))
    stray = str(message.get_payload())
    return Headers(
        fields={name: tuple(values) for name, values in fields.items()},
        body="\n\n".join(part for part in (_clean(stray), _CONTROLS.sub("", _decode(body, is_utf8=is_utf8))) if part),
        is_utf8=is_utf8,
        has_stray_text=bool(stray.strip()),
    )


def _split(raw: bytes) -> tuple[bytes, bytes]:
    blank = _BLANK_LINE.search(raw)
    block, body = (raw, b"") if blank is None else (raw[: blank.start()], raw[blank.end() :])
    if len(body) > MAX_BODY_LENGTH:
        raise TooLarge(
            f"A description has at most {MAX_BODY_LENGTH // 2**20} MiB; shorten it.", code="metadata-too-large"
        )
    if len(block) > MAX_BLOCK_LENGTH or block.count(b"\n") + block.count(b"\r") > MAX_BLOCK_LINES:
        raise TooLarge(
            f"Metadata fields have at most {MAX_BLOCK_LENGTH // 2**20} MiB and {MAX_BLOCK_LINES} lines; shorten them.",
            code="metadata-too-large",
        )
    return block, body


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decode(raw: bytes, *, is_utf8: bool) -> str:
    return raw.decode("utf-8" if is_utf8 else "cp1252", errors="replace")


def _clean(text: str) -> str:
    """Strip, and drop control characters, which XML feeds and terminals cannot show; tabs and line ends stay."""
    return _CONTROLS.sub("", text).strip()
