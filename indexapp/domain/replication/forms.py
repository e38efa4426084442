"""An upload's form, written anew around a file that lies elsewhere, so that nothing but its fields is held in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\]')
_BREAKS = re.compile(r"[\x00-\x1f\x7f]+")


class Frame(NamedTuple):
    """What comes before the file's bytes and after them, and the Content-Type that says so."""

    head: bytes
    tail: bytes
    content_type: str


def frame(fields: Mapping[str, Sequence[str]], filename: str, kind: str, boundary: str) -> Frame:
    """Of a form with these fields, each perhaps several times, and the file as ``content``, of media type ``kind``.

    ``boundary`` must be in none of them: take a random one.
    """
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'
        for name, values in fields.items()
        for value in values
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{_quoted(filename)}"\r\n'
        f"Content-Type: {_BREAKS.sub(' ', kind) or 'application/octet-stream'}\r\n\r\n"
    )
    return Frame(
        "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
    )


def _quoted(text: str) -> str:
    """As browsers write it; no file that is taken has such characters in its name."""
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", text)
