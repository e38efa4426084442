"""A small HTTP client that shows everything: reason phrases, all headers, and what happens when a request is broken off."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.builders.core_metadata import Built

Fields = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def basic(token: str, username: str = "__token__") -> dict[str, str]:
    """The Authorization header of a token."""
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{token}".encode()).decode()}


class Session:
    """One kept-alive connection to the server at ``url``, with headers that each request carries."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, timeout: float = 60.0) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.prefix = parts.path.rstrip("/")
        self.headers = dict(headers or {})
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.connection.close()

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Ask and read the whole answer; ``path`` is sent as it is."""
        self.connection.request(method, self.prefix + path, body, {**self.headers, **(headers or {})})
        answer = self.connection.getresponse()
        return Reply(answer.status, answer.reason, answer.headers, answer.read())

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET."""
        return self.request("GET", path, None, headers)

    def upload(self, built: Built, path: str = "/legacy/", more: Fields = ()) -> Reply:
        """Publish one file as an upload tool does."""
        body, content_type = form_body([*upload_fields(built), *more], built)
        return self.request("POST", path, body, {"Content-Type": content_type})

    def page(self, project: str, index: str = "") -> dict[str, Any]:
        """The project's page as JSON."""
        reply = self.get(f"{index}/simple/{project}/", {"Accept": "application/vnd.pypi.simple.v1+json"})
        assert reply.status == 200, (reply.status, reply.reason)
        found: dict[str, Any] = reply.json()
        return found

    def listed(self, project: str, index: str = "") -> dict[str, str]:
        """File names on the project's page with their sha256."""
        return {file["filename"]: file["hashes"]["sha256"] for file in self.page(project, index)["files"]}

    def download(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET an address as a page gives it."""
        path = urlsplit(url).path
        return self.get(path.removeprefix(self.prefix) if self.prefix else path, headers)


def upload_fields(
    built: Built, *, name: str | None = None, version: str | None = None
) -> list[tuple[str, str | bytes]]:
    """The fields that every upload tool sends."""
    stem = built.filename.removesuffix(".tar.gz").removesuffix(".zip")
    is_wheel = built.filename.endswith(".whl")
    parts = stem.split("-") if is_wheel else stem.rsplit("-", 1)
    return [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.4"),
        ("name", name or parts[0].replace("_", "-")),
        ("version", version or parts[1]),
        ("filetype", "bdist_wheel" if is_wheel else "sdist"),
        ("pyversion", "py3" if is_wheel else "source"),
        ("sha256_digest", hashlib.sha256(built.content).hexdigest()),
        ("blake2_256_digest", hashlib.blake2b(built.content, digest_size=32).hexdigest()),
    ]


def form_body(fields: Iterable[tuple[str, str | bytes]], built: Built | None = None) -> tuple[bytes, str]:
    """A multipart/form-data body and its Content-Type; the file part comes last."""
    boundary = secrets.token_hex(16)
    parts = [_part(boundary, f'name="{name}"', value) for name, value in fields]
    if built is not None:
        parts.append(_part(boundary, f'name="content"; filename="{built.filename}"', built.content))
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _part(boundary: str, disposition: str, value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + raw + b"\r\n"
