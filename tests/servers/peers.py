"""Other package indexes, as upstreams and as mirrors: each with its own files and a folder of its own."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tests.builders.core_metadata import Built
from tests.servers.daemons import Daemon
from tests.servers.ports import LOOPBACK, free_port, status_of, wait_until
from tests.servers.wire import Session, basic

PEERS = Path(__file__).resolve().parent.parent.parent / ".venv-peers/bin"
_PASSWORD = "peer-password"
_PATIENCE = 120.0  # seconds; devpi hashes a password with half a gigabyte of memory when it starts


def peer_program(name: str) -> str:
    """Where the program is; fails with what to do where it is not."""
    path = PEERS / name
    assert path.exists(), f"{name} is missing; run 'make test', which installs it"
    return str(path)


class PypiServer(Daemon):
    """pypiserver: HTML alone, relative URLs, no metadata files; anybody may read."""

    name = "pypiserver"

    def __init__(self, files: Iterable[Built]) -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}/simple/"
        packages = self.folder / "packages"
        packages.mkdir()
        for built in files:
            (packages / built.filename).write_bytes(built.content)

    def command(self) -> Sequence[str]:
        """Without the fall-back to another index."""
        options = ["-i", LOOPBACK, "-p", str(self.port), "-P", ".", "-a", ".", "--disable-fallback"]
        return [peer_program("pypi-server"), "run", *options, str(self.folder / "packages")]

    def answers(self) -> bool:
        """Whether its first page is there."""
        return status_of(self.port, "/simple/") == http.client.OK


class DevpiServer(Daemon):
    """devpi-server with one index, ``root/main``: JSON without upload times, no list of projects but its own."""

    name = "devpi-server"

    def __init__(self, files: Iterable[Built]) -> None:
        super().__init__()
        self.port = free_port()
        self.base = f"http://{LOOPBACK}:{self.port}"
        self.url = f"{self.base}/root/main/+simple/"
        self._files = [*files]

    def command(self) -> Sequence[str]:
        """Without a mirror of any other index."""
        return [peer_program("devpi-server"), *self._where(), "--host", LOOPBACK, "--port", str(self.port)]

    def answers(self) -> bool:
        """Whether it serves."""
        return status_of(self.port, "/+api") == http.client.OK

    def start(self) -> None:
        """Make its folder, start it, and publish the files."""
        command = [peer_program("devpi-init"), *self._where(), "--no-root-pypi", "--root-passwd", _PASSWORD]
        subprocess.run(
            command, check=True, capture_output=True, timeout=_PATIENCE, env=os.environ | {"TMPDIR": str(self.folder)}
        )
        super().start()
        headers = self._make_index()
        with Session(self.base, headers) as session:
            for built in self._files:
                assert session.upload(built, "/root/main/").status == http.client.OK

    def mirror(self, name: str, url: str) -> str:
        """Have it mirror the simple repository at ``url``; the path of its own list."""
        self._ask("PUT", f"/root/{name}", {"type": "mirror", "mirror_url": url, "volatile": True}, self._login())
        return f"/root/{name}/+simple/"

    def configure(self, name: str, *settings: str) -> None:
        """Change settings of a mirror, each given as ``name=value``."""
        self._ask("PATCH", f"/root/{name}", settings, self._login())

    def wait_for(self, is_so: Any) -> None:
        """As any daemon, with more patience."""
        wait_until(is_so, _PATIENCE, lambda: f"{self.name} does not come to it:\n{self.log}")

    def _login(self) -> Mapping[str, str]:
        login = self._ask("POST", "/+login", {"user": "root", "password": _PASSWORD}, {})
        return basic(login["result"]["password"], "root")

    def _make_index(self) -> Mapping[str, str]:
        headers = self._login()
        self._ask("PUT", "/root/main", {"bases": [], "volatile": True}, headers)
        return headers

    def _ask(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=_PATIENCE)
        try:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == http.client.OK, content
            return json.loads(content)
        finally:
            connection.close()

    def _where(self) -> list[str]:
        return ["--serverdir", str(self.folder / "server")]


class Bandersnatch:
    """A mirror that bandersnatch fills when it is told to; ``url`` is an index's address without ``/simple/``."""

    def __init__(self, folder: Path, url: str, credentials: Mapping[str, str], method: str = "xmlrpc") -> None:
        parts = urlsplit(url)
        user = "".join(f"{quote(name, safe='')}:{quote(word, safe='')}@" for name, word in credentials.items())
        host = parts._replace(netloc=f"{user}{parts.netloc}", path="").geturl()
        self._folder = folder
        self._config = folder / "bandersnatch.conf"
        self._config.write_text(
            f"[mirror]\ndirectory = {folder}/mirror\nmaster = {host}{parts.path}\nallow-non-https = true\n"
            # It sends no credentials to the addresses of files, unless it takes them from a mirror that has some.
            f"download-mirror = {host}\ndownload-mirror-no-fallback = true\njson = true\nsimple-format = ALL\n"
            f"api-method = {method}\n"
        )

    def run(self) -> str:
        """Bring the mirror up to date; what bandersnatch said."""
        command = [peer_program("bandersnatch"), "--config", str(self._config), "mirror"]
        done = subprocess.run(
            command,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            env=self._environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    @property
    def serial(self) -> int:
        """Up to where it has followed."""
        return int((self._folder / "mirror/status").read_text())

    def files(self, project: str) -> dict[str, tuple[str, Any]]:
        """The SHA-256 of the bytes of each file on the mirror's page of a project, and its yank mark, by its name."""
        folder = self._folder / "mirror/web/simple" / project
        page = json.loads((folder / "index.v1_json").read_text())
        found = {}
        for file in page["files"]:
            content = (folder / urlsplit(file["url"]).path).read_bytes()
            found[file["filename"]] = (hashlib.sha256(content).hexdigest(), file["yanked"])
        return found

    def projects(self) -> set[str]:
        """The names that it has a page of."""
        return {path.parent.name for path in (self._folder / "mirror/web/simple").glob("*/index.v1_json")}

    @property
    def _environment(self) -> dict[str, str]:
        return {"HOME": str(self._folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TMPDIR": str(self._folder)}
