"""The bytes of files, and small things that lie beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from indexapp.clients.addresses import UpstreamAddress
from indexapp.clients.asking import ask, refusal, told
from indexapp.clients.failures import Failure, UpstreamFailed
from indexapp.clients.pages import bad_answer, etag_of, last_modified_of
from tpi_site.kit.outbound import Limits, Response, Target

MOST_FILE = 64 * 1024**3
"""Bytes of a file where the caller knows no limit."""

_OK, _PARTIAL, _NO_RANGE = 200, 206, 416
_DAY = 24 * 3600.0
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\Z")


class FileAnswer:
    """A file, or its part from ``start`` on, as it comes; close it, or use it in a ``with`` block.

    ``status`` is 200 for the whole file, also where a part was asked for and the upstream does not give parts, or has
    another file by now; else 206.  ``size`` is that of the whole file where it is said.  ``validator`` goes with the next
    question for a part.  ``body`` yields bytes that nobody has checked; it raises UpstreamFailed where they end early.
    """

    def __init__(self, response: Response, *, start: int, size: int | None) -> None:
        self._response = response
        self.status, self.start, self.size = response.status, start, size
        tag = etag_of(response.headers)
        self.validator = tag if tag.startswith('"') else last_modified_of(response.headers)  # RFC 9110: a strong one
        self.body: Iterator[bytes] = told(response.body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Read nothing more."""
        self._response.close()


def open_file(
    address: UpstreamAddress,
    url: str,
    *,
    start: int = 0,
    end: int | None = None,
    validator: str = "",
    most: int = MOST_FILE,
) -> FileAnswer:
    """Ask for a file; raises :class:`UpstreamFailed`, with ``MISSING`` for one that is not there any more.

    ``start`` and ``end`` (not included) are bytes of a part; a negative ``start`` counts from the end of the file.  With
    ``validator`` the part is of the file that had it, else the whole comes.  Credentials go to the upstream's own origin
    only.  ``most`` bytes of a body are read at most; an announced length above it fails before the body is read.
    """
    headers = {"Accept": "*/*"}
    is_part = start != 0 or end is not None
    if is_part:
        headers["Range"] = f"bytes={start}" if start < 0 else f"bytes={start}-{'' if end is None else end - 1}"
        if validator:
            headers["If-Range"] = validator
    response = ask(address, url, headers, limits=Limits(most=most, head=12.0, idle=20.0, total=_DAY))
    try:
        return _answer(response, start, is_part=is_part)
    except BaseException:
        response.close()
        raise


def fetch_small(address: UpstreamAddress, url: str, most: int) -> bytes:
    """All of something small, as a ``.metadata`` file or a provenance object; raises :class:`UpstreamFailed`."""
    limits = Limits(most=most, head=12.0, idle=10.0, total=30.0)
    with ask(address, url, {"Accept": "*/*"}, limits=limits, takes_gzip=True) as response:
        if response.status != _OK:
            raise refusal(response)
        return b"".join(told(response.body))


def _answer(response: Response, start: int, *, is_part: bool) -> FileAnswer:
    if response.status == _OK:
        return FileAnswer(response, start=0, size=response.length)
    if response.status == _NO_RANGE and is_part:
        host = Target.of(response.url).host
        raise UpstreamFailed(f"{host} has no such part of the file.", Failure.BAD_ANSWER)
    if response.status != _PARTIAL:
        raise refusal(response)
    found = _RANGE.match((response.headers.get("Content-Range") or "").strip())
    if not found or not is_part or int(found[1]) != _first(start, found[3]):
        raise bad_answer(response, "another part of the file than it was asked for")
    return FileAnswer(response, start=int(found[1]), size=None if found[3] == "*" else int(found[3]))


def _first(start: int, size: str) -> int:
    """The byte with which an answer has to begin; who asks for the end of a smaller file is given all of it."""
    return start if start >= 0 or size == "*" else max(0, int(size) + start)
