"""A client of a WSGI application in the same process, with no more between them than a server puts there."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.util import FileWrapper, setup_testing_defaults

from django.core.signals import request_finished, request_started
from django.db import close_old_connections

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def basic(username: str, password: str) -> dict[str, str]:
    """The header of Basic credentials; a token goes in the password's place."""
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def bearer(token: str) -> dict[str, str]:
    """The header of a token sent as such."""
    return {"Authorization": f"Bearer {token}"}


@dataclass(frozen=True)
class Answer:
    """What came back; ``headers`` may be asked in any case."""

    status: int
    reason: str
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which has to be JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a refusal."""
        return str(self.json["code"])


@dataclass(frozen=True)
class WsgiClient:
    """Asks ``application``; ``headers`` go with every request."""

    application: Application
    headers: Mapping[str, str] = field(default_factory=dict)

    def signed(self, headers: Mapping[str, str]) -> WsgiClient:
        """The same client with more headers, such as credentials."""
        return WsgiClient(self.application, {**self.headers, **headers})

    def get(self, url: str, **headers: str) -> Answer:
        """GET; underscores in the names of ``headers`` stand for hyphens."""
        return self.request("GET", url, headers=_named(headers))

    def head(self, url: str, **headers: str) -> Answer:
        """HEAD, as :meth:`get`."""
        return self.request("HEAD", url, headers=_named(headers))

    def post(self, url: str, body: bytes = b"", **headers: str) -> Answer:
        """POST, as :meth:`get`."""
        return self.request("POST", url, headers=_named(headers), body=body)

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """One request; the answer is cut at its Content-Length, as a server does, and must not fall short of it."""
        given = {"Host": "tpi.example", **self.headers, **(headers or {})}
        answer: list[Any] = []
        with _connections_kept():
            pieces = self.application(
                _environ(method, url, given, body), lambda status, headers, _=None: answer.extend((status, headers))
            )
            try:
                content = b"".join(pieces)
            finally:
                close = getattr(pieces, "close", None)
                if close is not None:
                    close()
        status, _, reason = answer[0].partition(" ")
        message = Message()
        for name, value in answer[1]:
            message[name] = value
        return Answer(int(status), reason, message, _cut(method, message, content))


@contextmanager
def _connections_kept() -> Iterator[None]:
    """Django closes a connection that is inside a transaction before and after a request; a test's always is."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _environ(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> dict[str, Any]:
    path, _, query = url.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "REMOTE_ADDR": "192.0.2.7",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.input": BytesIO(body or b""),
        "wsgi.file_wrapper": FileWrapper,
    }
    setup_testing_defaults(environ)
    if body is not None:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


def _cut(method: str, headers: Message, content: bytes) -> bytes:
    announced = headers["Content-Length"]
    if method == "HEAD" or announced is None:
        return content
    assert len(content) >= int(announced)
    return content[: int(announced)]
