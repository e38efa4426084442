"""Other package servers, started for tests as upstreams of a mirror: pypiserver and devpi-server."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.functional.client_tools import ROOT, tool
from tests.servers.daemons import Daemon
from tests.servers.ports import LOOPBACK, free_port, status_of

_PROGRAMS = ROOT / ".venv-peers" / "bin"
_PASSWORD = "a password of devpi's root"


def _program(name: str) -> str:
    path = _PROGRAMS / name
    assert path.is_file(), f"{path} is missing; run 'make install-test'"
    return str(path)


class PypiServer(Daemon):
    """pypiserver over a folder of wheels: HTML pages with digests, and no metadata beside the files."""

    name = "pypiserver"

    def __init__(self, wheels: Iterable[Path]) -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}/simple/"
        self._packages = self.folder / "packages"
        self._packages.mkdir()
        for wheel in wheels:
            shutil.copy(wheel, self._packages)

    def command(self) -> Sequence[str]:
        """On its port, without a way to anywhere else."""
        options = ["-i", LOOPBACK, "-p", str(self.port), "-P", ".", "-a", ".", "--disable-fallback"]
        return [_program("pypi-server"), "run", *options, str(self._packages)]

    def answers(self) -> bool:
        """Whether it gives its list."""
        return status_of(self.port, "/simple/") == 200


class DevpiServer(Daemon):
    """devpi-server with one index that the wheels were uploaded to: HTML pages with relative addresses."""

    name = "devpi-server"

    def __init__(self, wheels: Iterable[Path]) -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}/root/made/+simple/"
        self._wheels = list(wheels)
        self._server = ["--serverdir", str(self.folder / "server")]
        init = [_program("devpi-init"), *self._server, "--no-root-pypi", "--root-passwd", _PASSWORD]
        subprocess.run(init, check=True, capture_output=True, timeout=120)

    def command(self) -> Sequence[str]:
        """On its port."""
        return [_program("devpi-server"), *self._server, "--host", LOOPBACK, "--port", str(self.port)]

    def answers(self) -> bool:
        """Whether it says what it is."""
        return status_of(self.port, "/+api") == 200

    def start(self) -> None:
        """Start it, and upload the wheels as its users do."""
        super().start()
        session = self._ask("POST", "/+login", {"user": "root", "password": _PASSWORD})["result"]["password"]
        secret = b64encode(f"root:{session}".encode()).decode()
        self._ask("PUT", "/root/made", {"bases": [], "volatile": True}, f"Basic {secret}")
        where = ["--repository-url", f"http://{LOOPBACK}:{self.port}/root/made/", "-u", "root", "-p", session]
        subprocess.run(
            [
                str(tool("twine")),
                "upload",
                "--non-interactive",
                "--disable-progress-bar",
                *where,
                *map(str, self._wheels),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )

    def _ask(self, method: str, path: str, body: dict[str, Any], authorization: str = "") -> dict[str, Any]:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=60)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        try:
            connection.request(method, path, json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status < http.client.BAD_REQUEST, text
        result: dict[str, Any] = json.loads(text)
        return result
