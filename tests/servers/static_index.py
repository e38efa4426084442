"""An upstream for mirrors: a real HTTP(S) server on loopback with a tree of given files, well behaved or as bad as told.

    with StaticIndex([build_wheel("acme-tool", "1.0")]) as upstream:
        upstream.url  # the root of the simple repository
        upstream.behaviour = Behaviour(fault="truncate", on="file")
        upstream.publish(StaticFile(*build_wheel("acme-tool", "1.1"), yanked="broken"))
        upstream.count(".whl")  # requests whose path ends so
        upstream.requests[0].headers["accept"]

A :class:`Behaviour` holds from the next request on.  ``on`` narrows its faults, statuses, delays and redirects to one
sort of path: ``list``, ``page``, ``file``, ``metadata`` or ``provenance``; what a page says (forms, URLs, hashes) is not narrowed.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from tests.builders.core_metadata import Built
from tests.servers.certificates import ServerCertificate
from tests.servers.ports import LOOPBACK
from tests.servers.static_index_requests import IndexHandler
from tests.servers.threaded import Threaded

Sort = Literal["list", "page", "file", "metadata", "provenance"]
Fault = Literal[
    "",
    "truncate",  # closes after half of the body
    "endless",  # a body without length and without end
    "endless-chunks",
    "long-length",  # announces more than there is, and closes
    "short-length",  # announces less than there is, and sends all
    "huge-length",  # announces a terabyte
    "wrong-type",  # application/octet-stream
    "gzip-bomb",  # Content-Encoding: gzip, 1000 times as large when unpacked, without end
    "broken-gzip",
    "injection",  # a page with scripts, foreign links and names that lead out of a folder
    "drip",  # a byte now and then
    "drip-head",
    "garbage",  # no HTTP at all
    "reset",  # closes without an answer
]


@dataclass(frozen=True)
class StaticFile:
    """A file and what the page says of it; ``digests`` in place of the true ones."""

    filename: str
    content: bytes
    upload_time: str | None = "2024-05-01T12:00:00.123456Z"
    requires_python: str | None = None
    yanked: bool | str = False
    provenance: bytes | None = None
    metadata: bytes | None = None
    """Served beside a wheel; taken out of the wheel where it is None."""
    digests: dict[str, str] | None = None

    @property
    def project(self) -> str:
        """Normalised."""
        is_wheel = self.filename.endswith(".whl")
        return str(parse_wheel_filename(self.filename)[0] if is_wheel else parse_sdist_filename(self.filename)[0])

    @property
    def version(self) -> str:
        """As the name has it."""
        is_wheel = self.filename.endswith(".whl")
        return str(parse_wheel_filename(self.filename)[1] if is_wheel else parse_sdist_filename(self.filename)[1])


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How the server answers; the default is a modern and sound index."""

    forms: tuple[Literal["json", "html"], ...] = ("json", "html")
    """Those that it has; asked for another, it gives the first."""
    urls: Literal["absolute", "relative", "base"] = "absolute"
    hashes: Literal["right", "none", "wrong"] = "right"
    has_list: bool = True
    has_metadata: bool = True
    has_etags: bool = True
    has_ranges: bool = True
    max_age: int | None = None
    status: int | None = None
    """In place of 200."""
    retry_after: str | None = None
    delay: float = 0.0
    redirect_to: str | None = None
    """The request's path is added where it ends in a slash."""
    fault: Fault = ""
    pause_after: int | None = None
    """Send so many bytes of the body, then wait until ``resume`` of the server is set."""
    on: Sort | None = None


class Asked(NamedTuple):
    """A request: header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Credentials:
    """What Basic credentials the server wants."""

    username: str
    password: str

    @property
    def header(self) -> str:
        """The value of Authorization."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class Project:
    """What the index says of a project besides its files."""

    status: str | None = None
    reason: str | None = None
    serial: int = 1
    extra: dict[str, Any] = field(default_factory=dict)
    """Further keys of the JSON page."""


class StaticIndex(Threaded):
    """See the module's text. ``certificate`` makes it an HTTPS server; ``client_ca`` then wants one of clients too."""

    def __init__(
        self,
        files: Iterable[Built | StaticFile] = (),
        *,
        behaviour: Behaviour | None = None,
        credentials: Credentials | None = None,
        certificate: ServerCertificate | None = None,
        client_ca: Path | None = None,
        host: str = LOOPBACK,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.credentials = credentials
        self.requests: list[Asked] = []
        self.resume = threading.Event()
        self.sent = 0
        """Bytes of bodies."""
        self.projects: dict[str, Project] = {}
        self.files: dict[str, StaticFile] = {}
        self.serial = 0
        self.stopping = threading.Event()
        for file in files:
            self.publish(file)
        server = _Server(self, server_context(certificate, client_ca))
        scheme = "http" if certificate is None else "https"
        self.base = f"{scheme}://{host}:{server.server_port}"
        self.url = f"{self.base}/simple/"
        self._listen(server)

    def publish(self, file: Built | StaticFile) -> StaticFile:
        """Add a file, or put another in the place of the one with its name."""
        static = file if isinstance(file, StaticFile) else StaticFile(*file)
        self.files[static.filename] = static
        self._changed(static.project)
        return static

    def remove(self, filename: str) -> None:
        """Take a file away."""
        self._changed(self.files.pop(filename).project)

    def mark(self, project: str, status: str, reason: str | None = None) -> None:
        """Give a project a status (PEP 792)."""
        self.projects[canonicalize_name(project)] = Project(status, reason)
        self._changed(canonicalize_name(project))

    def count(self, ending: str) -> int:
        """The GET requests whose paths end so."""
        return sum(asked.method == "GET" and asked.path.partition("?")[0].endswith(ending) for asked in self.requests)

    def file_url(self, filename: str) -> str:
        """Where a file is."""
        return f"{self.base}/files/{filename}"

    def _changed(self, project: str) -> None:
        self.serial += 1
        kept = self.projects.get(project, Project())
        self.projects[project] = Project(kept.status, kept.reason, self.serial, kept.extra)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stopping.set()
        self.resume.set()
        super().__exit__(kind, error, at)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    request_queue_size = 256

    def __init__(self, index: StaticIndex, context: ssl.SSLContext | None) -> None:
        self.index, self._context = index, context
        super().__init__((LOOPBACK, 0), IndexHandler)

    def get_request(self) -> tuple[socket.socket, Any]:
        sock, address = super().get_request()
        sock.settimeout(30)
        if self._context is None:
            return sock, address
        return self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away; what a test looks at, the handler has written down."""

    def shutdown_request(self, request: Any) -> None:
        with suppress(OSError):
            super().shutdown_request(request)


def server_context(certificate: ServerCertificate | None, client_ca: Path | None = None) -> ssl.SSLContext | None:
    """How a server speaks TLS, and whom it lets in; None for one that does not."""
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
    context.load_cert_chain(certificate.certificate, certificate.key)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
