"""A warm page of 2,000 files of a mirror, beside devpi-server's and proxpi's mirrors of the same upstream.

The upstream is local, and gives the page to each of the three once or twice; then all of them answer from what they keep.
All are asked as pip and uv ask, which take a compressed page; beside it stands the page as it is, for who takes no other.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.bench import machine
from tests.bench.effort import Effort
from tests.bench.installation import Installation
from tests.bench.lines.peers import ask
from tests.bench.load import Run, UnexpectedAnswerError, basic, drive, get
from tests.bench.processes import ROOT, Server, free_port
from tests.bench.table import Line, Table, Target, rate

_PROGRAMS = ROOT / ".venv-peers" / "bin"
_PROJECT = "wide"
_FILES = 2000
_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{_JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
_CODINGS = {"gzip, deflate": "as pip asks", "identity": "not compressed"}
_PASSWORD = "bench-password"
_LIST_JSON = json.dumps({"meta": {"api-version": "1.4"}, "projects": [{"name": _PROJECT}]})
_LIST_HTML = f'<!DOCTYPE html><html><body><a href="/simple/{_PROJECT}/">{_PROJECT}</a></body></html>'


@dataclass(frozen=True)
class Rival:
    """A peer that mirrors the upstream: its server, the page's path, and how many times faster the index must be."""

    server: Server
    page: str
    least: float
    prepare: Callable[[], None] = lambda: None


def measure_mirrors(table: Table, effort: Effort, folder: Path) -> None:
    """The index's mirror, then each peer's that is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    with upstream() as url:
        ours = _measure_ours(folder, url, effort)
        for coding, run in ours.items():
            table.add(Line(f"mirror: page of {_FILES:,} files, {_CODINGS[coding]}", _told(run)))
        for name, start in (("devpi-server", _devpi), ("proxpi", _proxpi)):
            own = folder / name
            own.mkdir()
            try:
                _beside(table, ours, start(own, url), effort)
            except (OSError, RuntimeError, UnexpectedAnswerError, subprocess.SubprocessError) as error:
                table.add(Line(name, f"not measured: {str(error).splitlines()[0][:100]}"))


def _measure_ours(folder: Path, url: str, effort: Effort) -> dict[str, Run]:
    index = Installation(folder, "mirror", TPI_OUTBOUND_NETWORKS="127.0.0.0/8")
    arguments = {"name": "outside", "kind": "mirror", "upstream": {"url": url}, "anonymous_read": True}
    index.inside("tests.servers.inside", "index", json.dumps(arguments))
    with index.server:
        return _runs(index.server, f"/outside/simple/{_PROJECT}/", seconds=2 * effort.seconds)


def _runs(server: Server, page: str, *, seconds: float, connections: int = 16) -> dict[str, Run]:
    """How the page is given in each coding."""
    requests = {coding: get(page, accept=_ACCEPT, coding=coding) for coding in _CODINGS}
    for request in requests.values():
        drive(server, [request], connections=1)
    return {
        coding: drive(server, [request], seconds=seconds, connections=connections)
        for coding, request in requests.items()
    }


def _beside(table: Table, ours: dict[str, Run], rival: Rival, effort: Effort) -> None:
    with rival.server:
        rival.prepare()
        runs = _runs(rival.server, rival.page, seconds=4 * effort.seconds, connections=4)
    for coding, run in runs.items():
        name = f"mirror: page of {_FILES:,} files, {_CODINGS[coding]}, beside {rival.server.name}"
        target = Target(rival.least) if coding != "identity" else Target()
        table.add(Line(name, _told(ours[coding]), _told(run), ours[coding].rate / run.rate, target))


def _told(run: Run) -> str:
    return f"{rate(run.rate)}, {run.cpu / 1e3:.2f} ms CPU"


def _devpi(folder: Path, url: str) -> Rival:
    port = free_port()
    where = ["--serverdir", str(folder / "server")]
    init = [str(_PROGRAMS / "devpi-init"), *where, "--no-root-pypi", "--root-passwd", _PASSWORD]
    subprocess.run(init, check=True, capture_output=True, timeout=120)
    command = [str(_PROGRAMS / "devpi-server"), *where, "--host", "127.0.0.1", "--port", str(port)]

    def prepare() -> None:
        log_in = ask(port, "POST", "/+login", {"user": "root", "password": _PASSWORD})
        settings = {"type": "mirror", "mirror_url": url, "mirror_cache_expiry": 86_400, "volatile": True}
        ask(port, "PUT", "/root/outside", settings, Authorization=basic("root", log_in["result"]["password"]))

    return Rival(_server("devpi-server", command, port, folder), f"/root/outside/+simple/{_PROJECT}/", 50, prepare)


def _proxpi(folder: Path, url: str) -> Rival:
    port = free_port()
    command = [str(_PROGRAMS / "waitress-serve"), f"--listen=127.0.0.1:{port}", "proxpi.server:app"]
    more = {"PROXPI_INDEX_URL": url, "PROXPI_INDEX_TTL": "86400", "PROXPI_CACHE_DIR": str(folder / "cache")}
    return Rival(_server("proxpi", command, port, folder, **more), f"/index/{_PROJECT}/", 20)


def _server(name: str, command: list[str], port: int, folder: Path, **more: str) -> Server:
    environment = {**os.environ, **more}
    return Server(name, command, port=port, log=folder / "log", environment=environment, cpus=machine.server_cpus())


@contextmanager
def upstream() -> Iterator[str]:
    """A repository of one project with many files, on the loopback interface; gives its Simple root."""
    names = [f"{_PROJECT}-{number}.0-py3-none-any.whl" for number in range(1, _FILES + 1)]
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            as_json = _JSON in self.headers.get("Accept", "")
            is_list, is_page = self.path == "/simple/", self.path == f"/simple/{_PROJECT}/"
            if is_list:
                body = (_LIST_JSON if as_json else _LIST_HTML).encode()
            else:
                body = (_as_json if as_json else _as_html)(digests).encode()
            self.send_response(http.client.OK if is_page or is_list else http.client.NOT_FOUND)
            self.send_header("Content-Type", _JSON if as_json else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
    finally:
        server.shutdown()
        server.server_close()


def _as_json(digests: dict[str, str]) -> str:
    files = [
        {
            "filename": name,
            "url": f"/files/{name}",
            "hashes": {"sha256": digest},
            "size": 1000,
            "upload-time": "2026-01-01T00:00:00.000000Z",
            "core-metadata": {"sha256": digest},
            "yanked": False,
        }
        for name, digest in digests.items()
    ]
    versions = [f"{number}.0" for number in range(1, _FILES + 1)]
    return json.dumps({"meta": {"api-version": "1.4"}, "name": _PROJECT, "versions": versions, "files": files})


def _as_html(digests: dict[str, str]) -> str:
    lines = "".join(f'<a href="/files/{name}#sha256={digest}">{name}</a><br>\n' for name, digest in digests.items())
    return f"<!DOCTYPE html><html><body>\n{lines}</body></html>"
