"""How a static index answers requests, and how it misbehaves."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from tests.servers.static_index_pages import HTML_TYPE, INJECTION, JSON_TYPE, list_page, metadata_of, project_page

if TYPE_CHECKING:
    from tests.servers.static_index import Behaviour, StaticIndex

TERABYTE = 2**40
_PIECE = 64 * 1024
_ONE_DAY = "Wed, 01 May 2024 12:00:00 GMT"


class Found(NamedTuple):
    """What a path names."""

    sort: str
    content_type: str
    content: bytes
    serial: int | None = None


class IndexHandler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Any

    @property
    def index(self) -> StaticIndex:
        """Whose tree it is."""
        found: StaticIndex = self.server.index
        return found

    def do_HEAD(self) -> None:
        """As GET, without a body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer."""
        index = self.index
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._written_down(headers)
        if index.credentials and headers.get("authorization") != index.credentials.header:
            return self._refuse(401, {"WWW-Authenticate": 'Basic realm="upstream"'})
        path = unquote(urlsplit(self.path).path)
        sort = _sort(path)
        asked = index.behaviour
        behaviour = asked if asked.on in {None, sort} else _sound(asked)
        if behaviour.delay:
            index.stopping.wait(behaviour.delay)
        if behaviour.redirect_to:
            onwards = behaviour.redirect_to
            return self._refuse(
                302, {"Location": onwards + self.path.lstrip("/") if onwards.endswith("/") else onwards}
            )
        if behaviour.status:
            return self._refuse(
                behaviour.status, {"Retry-After": behaviour.retry_after} if behaviour.retry_after else {}
            )
        found = _find(index, path, headers.get("accept", ""))
        if found is None:
            return self._refuse(404, {})
        return self._answer(found, behaviour, headers)

    def _written_down(self, headers: dict[str, str]) -> None:
        from tests.servers.static_index import Asked

        self.index.requests.append(Asked(self.command, self.path, headers))

    def _answer(self, found: Found, behaviour: Behaviour, headers: dict[str, str]) -> None:
        if behaviour.fault:
            return self._misbehave(found, behaviour)
        tag = f'"{hashlib.sha256(found.content).hexdigest()[:32]}"'
        lines = {"Content-Type": found.content_type, "Vary": "Accept"}
        if behaviour.has_etags:
            lines |= {"ETag": tag, "Last-Modified": _ONE_DAY}
            if tag in headers.get("if-none-match", ""):
                return self._refuse(304, lines)
        if behaviour.max_age is not None:
            lines["Cache-Control"] = f"max-age={behaviour.max_age}, public"
        if found.serial is not None:
            lines["X-PyPI-Last-Serial"] = str(found.serial)
        status, content = 200, found.content
        if found.sort == "file" and behaviour.has_ranges:
            lines["Accept-Ranges"] = "bytes"
            asked = headers.get("range", "")
            if asked and headers.get("if-range", tag) in {tag, _ONE_DAY}:
                start, end = _range(asked, len(content))
                if start >= len(content):
                    return self._refuse(416, {"Content-Range": f"bytes */{len(content)}"})
                status = 206
                lines["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
                content = content[start:end]
        self._head(status, lines | {"Content-Length": str(len(content))})
        return self._body(content, behaviour.pause_after)

    def _body(self, content: bytes, pause_after: int | None) -> None:
        if self.command == "HEAD":
            return
        if pause_after is not None:
            self._send(content[:pause_after])
            self.index.resume.wait(120)
            content = content[pause_after:]
        for at in range(0, len(content), _PIECE):
            self._send(content[at : at + _PIECE])

    def _misbehave(self, found: Found, behaviour: Behaviour) -> None:
        self.close_connection = True
        content, fault = found.content, behaviour.fault
        lines = {"Content-Type": found.content_type, "Connection": "close"}
        if fault == "reset":
            return None
        if fault == "garbage":
            return self._send(b"\x15\x03\x01 no HTTP\r\n\r\n" * 20)
        if fault == "drip-head":
            self.flush_headers()
            return self._drip(b"HTTP/1.1 200 OK\r\n" + b"X-Drop: .\r\n" * 100_000)
        if fault == "wrong-type":
            lines["Content-Type"] = "application/octet-stream"
        elif fault == "injection":
            lines["Content-Type"], content = HTML_TYPE, INJECTION
        elif fault in {"gzip-bomb", "broken-gzip"}:
            lines["Content-Encoding"] = "gzip"
        elif fault == "endless-chunks":
            lines["Transfer-Encoding"] = "chunked"
        lengths = {
            "truncate": len(content), "long-length": len(content) + 1000, "short-length": len(content) // 2,
            "huge-length": TERABYTE, "wrong-type": len(content), "injection": len(content), "drip": len(content),
        }  # fmt: skip
        if fault in lengths:
            lines["Content-Length"] = str(lengths[fault])
        self._head(200, lines)
        return self._bad_body(fault, content)

    def _bad_body(self, fault: str, content: bytes) -> None:
        if fault == "truncate":
            self._send(content[: len(content) // 2])
        elif fault == "drip":
            self._drip(content)
        elif fault == "broken-gzip":
            self._send(gzip.compress(content)[:-12])
        elif fault in {"endless", "endless-chunks", "gzip-bomb", "huge-length"}:
            for piece in _endless(fault, content):
                if self.index.stopping.is_set():
                    return
                self._send(piece)
        else:
            self._send(content)

    def _drip(self, content: bytes) -> None:
        for byte in content:
            if self.index.stopping.wait(0.05):  # between the drops
                return
            self._send(bytes([byte]))

    def _refuse(self, status: int, headers: dict[str, str]) -> None:
        body = b"" if status == 304 else b"No."
        self._head(status, {"Content-Type": "text/plain", **headers, "Content-Length": str(len(body))})
        if self.command != "HEAD":
            self._send(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, piece: bytes) -> None:
        self.wfile.write(piece)
        self.index.sent += len(piece)

    def log_message(self, *arguments: object) -> None:
        """Stay silent."""


def _sound(behaviour: Behaviour) -> Behaviour:
    from tests.servers.static_index import Behaviour

    said = {name: getattr(behaviour, name) for name in ("forms", "urls", "hashes", "has_list", "has_metadata")}
    return Behaviour(**said, has_etags=behaviour.has_etags, has_ranges=behaviour.has_ranges, max_age=behaviour.max_age)


def _sort(path: str) -> str:
    if path.startswith("/files/"):
        return "metadata" if path.endswith(".metadata") else "file"
    if path.startswith("/provenance/"):
        return "provenance"
    return "list" if path == "/simple/" else "page"


def _find(index: StaticIndex, path: str, accept: str) -> Found | None:
    sort, last = _sort(path), path.rstrip("/").rpartition("/")[2]
    if sort in {"list", "page"}:
        return _page(index, path, last, accept)
    file = index.files.get(last.removesuffix(".metadata") if sort == "metadata" else last)
    if file is None:
        return None
    if sort == "file":
        return Found(sort, "application/octet-stream", file.content)
    content = metadata_of(file) if sort == "metadata" else file.provenance
    kind = "text/plain" if sort == "metadata" else "application/vnd.pypi.integrity.v1+json"
    return None if content is None else Found(sort, kind, content)


def _page(index: StaticIndex, path: str, last: str, accept: str) -> Found | None:
    forms = index.behaviour.forms
    form = "json" if "json" in forms and ("html" not in forms or JSON_TYPE in accept) else "html"
    content_type = JSON_TYPE if form == "json" else HTML_TYPE
    if path == "/simple/":
        content = list_page(index, form)
        return Found("list", content_type, content, index.serial) if index.behaviour.has_list else None
    if path != f"/simple/{last}/" or last not in index.projects:
        return None
    return Found("page", content_type, project_page(index, last, form), index.projects[last].serial)


def _range(said: str, length: int) -> tuple[int, int]:
    first, _, last = said.removeprefix("bytes=").partition("-")
    if not first:
        return max(0, length - int(last)), length
    return int(first), min(length, int(last) + 1 if last else length)


def _endless(fault: str, content: bytes) -> Iterator[bytes]:
    yield from {"gzip-bomb": (), "endless-chunks": (_chunk(content),)}.get(fault, (content,))
    zeros = bytes(_PIECE)
    if fault != "gzip-bomb":
        while True:
            yield _chunk(zeros) if fault == "endless-chunks" else zeros
    packer = zlib.compressobj(wbits=31)
    while True:
        if packed := packer.compress(b" " * 1024 * 1024):
            yield packed


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)
