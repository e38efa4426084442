"""Byte ranges of a file (RFC 9110 section 14).

Installers read the metadata at the end of a wheel by suffix ranges (poetry), by single ranges after a HEAD (pip, uv)
and by several ranges at once; pip resumes a broken download with ``If-Range``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_RANGES = 16
_LONGEST_HEADER = 1024
_SPEC = re.compile(r"([0-9]+)-([0-9]*)|-([0-9]+)")


class Span(NamedTuple):
    """The bytes ``[start, stop)`` of a file; never empty."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes it holds."""
        return self.stop - self.start


class UnsatisfiableRange(Exception):
    """No range asked for overlaps the file: the answer is 416 with ``Content-Range: bytes */<size>``."""

    def __init__(self, size: int) -> None:
        super().__init__(f"No requested range lies within the {size} bytes of the file.")
        self.size = size

    @property
    def content_range(self) -> str:
        """The ``Content-Range`` of the 416."""
        return f"bytes */{self.size}"


def parse_range(header: str | None, size: int) -> list[Span] | None:
    """Return the spans of a file of ``size`` bytes that a ``Range`` header asks for, or ``None`` for the whole file.

    ``None`` where the header is absent, has another unit, breaks the grammar or asks for more than ``MAX_RANGES``
    ranges (all of which a server may ignore), and for an empty file, of which no range can be expressed.  Ranges that
    overlap or touch are merged, so that no byte is sent twice; the order asked for is kept otherwise.  Raises
    :class:`UnsatisfiableRange` where all ranges begin behind the end.
    """
    specs = _specs(header)
    if specs is None or size == 0:
        return None
    spans = [span for first, last, suffix in specs if (span := _resolve(first, last, suffix, size)) is not None]
    if not spans:
        raise UnsatisfiableRange(size)
    return _merge(spans)


def _specs(header: str | None) -> list[tuple[str, str, str]] | None:
    """Return first, last and suffix of each range as digits, or ``None`` for a header to be ignored."""
    if header is None or len(header) > _LONGEST_HEADER:
        return None
    unit, _, listed = header.strip().partition("=")
    elements = [element for raw in listed.split(",") if (element := raw.strip(" \t"))]
    matches = [match for element in elements if (match := _SPEC.fullmatch(element))]
    if unit.lower() != "bytes" or len(matches) != len(elements) or not 0 < len(matches) <= MAX_RANGES:
        return None
    specs = [(match[1] or "", match[2] or "", match[3] or "") for match in matches]
    return None if any(last and int(last) < int(first) for first, last, _ in specs) else specs


def _resolve(first: str, last: str, suffix: str, size: int) -> Span | None:
    if suffix:
        return Span(max(size - int(suffix), 0), size) if int(suffix) else None
    if int(first) >= size:
        return None
    return Span(int(first), min(int(last) + 1, size) if last else size)


def _merge(spans: list[Span]) -> list[Span]:
    merged: list[tuple[int, Span]] = []  # with each span its place in the request
    for place, span in sorted(enumerate(spans), key=lambda placed: placed[1]):
        if merged and span.start <= merged[-1][1].stop:
            before, grown = merged[-1]
            merged[-1] = (min(before, place), Span(grown.start, max(grown.stop, span.stop)))
        else:
            merged.append((place, span))
    return [span for _, span in sorted(merged)]


def if_range(header: str | None, etag: str, last_modified: str | None = None) -> bool:
    """Return whether ``Range`` may be honoured under an ``If-Range`` header; the whole file is the answer otherwise.

    Compares strongly (section 13.1.5): the same strong entity tag, or the very ``Last-Modified`` text that we sent.
    """
    if header is None:
        return True
    validator = header.strip()
    if validator.startswith('"'):
        return validator == etag
    return last_modified is not None and validator == last_modified


def content_range(span: Span, size: int) -> str:
    """Return the ``Content-Range`` of a 206 that carries one span."""
    return f"bytes {span.start}-{span.stop - 1}/{size}"


@dataclass(frozen=True, slots=True)
class MultipartByteranges:
    """The frame of a 206 that carries several spans: send each part's head, then its bytes, and ``closing`` last."""

    content_type: str
    parts: tuple[tuple[bytes, Span], ...]
    closing: bytes
    content_length: int


def multipart_byteranges(spans: Sequence[Span], boundary: str, content_type: str, size: int) -> MultipartByteranges:
    """Return the frame around ``spans`` of a file of ``size`` bytes (section 14.6).

    ``content_type`` is that of the file; ``boundary`` is random, so that no file can contain it on purpose.
    """
    delimiter = f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: "
    heads = [f"{delimiter}{content_range(span, size)}\r\n\r\n".encode("latin-1") for span in spans]
    heads[0] = heads[0].removeprefix(b"\r\n")
    parts = tuple(zip(heads, spans, strict=True))
    closing = f"\r\n--{boundary}--\r\n".encode("latin-1")
    length = sum(len(head) + span.length for head, span in parts) + len(closing)
    return MultipartByteranges(f"multipart/byteranges; boundary={boundary}", parts, closing, length)
