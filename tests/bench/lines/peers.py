"""The same small work done by devpi-server and pypiserver, where they are installed; nothing is promised here.

They hold a hundred files only, which suits them: their pages cost more with every file that they hold.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from tests.bench import machine
from tests.bench.effort import Effort
from tests.bench.keepalive import Keepalive
from tests.bench.load import UnexpectedAnswerError, basic, drive, get, settle
from tests.bench.processes import ROOT, Server, free_port
from tests.bench.table import Line, Table, rate
from tests.bench.upload_forms import request_for, wheels

_PROGRAMS = ROOT / ".venv-peers" / "bin"
_NAMES = [f"project-{number:06d}" for number in range(10)]
_PASSWORD = "bench-password"
_majors = count(1)


class Peer:
    """A server with its addresses; ``page`` and ``upload`` are paths, ``{name}`` is a project's."""

    def __init__(self, server: Server, *, page: str, upload: str) -> None:
        self.server = server
        self._page = page
        self._upload = upload
        self.authorization = ""

    def uploads(self, number: int) -> list[bytes]:
        """Upload requests with wheels that it has not seen."""
        major = next(_majors)
        built = wheels(_NAMES, size=10_000, count=number, seed=major, major=major)
        return [request_for(wheel, self.authorization, path=self._upload) for wheel in built]

    def measure(self, table: Table, effort: Effort) -> None:
        """Pages, one file and uploads."""
        with Keepalive(self.server.port) as client:
            for request in self.uploads(100):
                client.ask(request)
        name = self.server.name
        pages = [get(self._page.format(name=project)) for project in _NAMES]
        drive(self.server, pages, connections=2)
        run = drive(self.server, pages, seconds=2 * effort.seconds)
        table.add(Line(f"{name}: page of 10 files", f"{rate(run.rate)}, {run.cpu / 1e3:.1f} ms CPU"))
        fresh = self.uploads(int(100 * effort.seconds))
        settle()
        run = drive(self.server, fresh, connections=4)
        table.add(Line(f"{name}: uploads of 10 kB wheels, 4 clients", f"{rate(run.rate)}, {run.cpu / 1e3:.1f} ms CPU"))


def measure_peers(table: Table, effort: Effort, folder: Path) -> None:
    """Each peer that is installed; one that does not do what is asked is named and left out."""
    for program, start in (("pypi-server", _pypiserver), ("devpi-server", _devpi)):
        if not (_PROGRAMS / program).exists():
            table.add(Line(program, "not installed"))
            continue
        own = folder / program
        own.mkdir(parents=True)
        try:
            _measure(table, effort, own, start)
        except (OSError, RuntimeError, UnexpectedAnswerError, subprocess.SubprocessError) as error:
            table.add(Line(program, f"not measured: {str(error).splitlines()[0][:100]}"))


def _measure(table: Table, effort: Effort, folder: Path, start: Callable[[Path], Peer]) -> None:
    peer = start(folder)
    with peer.server:
        seconds = peer.server.started_within
        if peer.server.name == "devpi-server":
            peer.authorization = _make_index(peer.server.port)
        table.add(Line(f"{peer.server.name}: start to first answer", f"{seconds:.1f} s"))
        peer.measure(table, effort)


def _pypiserver(folder: Path) -> Peer:
    port = free_port()
    packages = folder / "packages"
    packages.mkdir()
    options = ["-i", "127.0.0.1", "-p", str(port), "-P", ".", "-a", ".", "--disable-fallback", str(packages)]
    command = [str(_PROGRAMS / "pypi-server"), "run", *options]
    return Peer(_server("pypiserver", command, port, folder), page="/simple/{name}/", upload="/")


def _devpi(folder: Path) -> Peer:
    port = free_port()
    where = ["--serverdir", str(folder / "server")]
    subprocess.run(
        [str(_PROGRAMS / "devpi-init"), *where, "--no-root-pypi", "--root-passwd", _PASSWORD],
        check=True,
        capture_output=True,
        timeout=120,
    )
    command = [str(_PROGRAMS / "devpi-server"), *where, "--host", "127.0.0.1", "--port", str(port)]
    server = _server("devpi-server", command, port, folder)
    return Peer(server, page="/root/main/+simple/{name}/", upload="/root/main/")


def _server(name: str, command: list[str], port: int, folder: Path) -> Server:
    return Server(
        name, command, port=port, log=folder / "log", environment=dict(os.environ), cpus=machine.server_cpus()
    )


def _make_index(port: int) -> str:
    """Make an index and return the credentials to publish to it: a log-in, because a password is slow to check."""
    result = ask(port, "POST", "/+login", {"user": "root", "password": _PASSWORD})
    authorization = basic("root", result["result"]["password"])
    ask(port, "PUT", "/root/main", {"bases": [], "volatile": True}, Authorization=authorization)
    return authorization


def ask(port: int, method: str, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    """A request of devpi's own interface, and what it answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        connection.request(method, path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status >= http.client.BAD_REQUEST:
        raise RuntimeError(f"{path} answered {answer.status}")
    result: dict[str, Any] = json.loads(text)
    return result
