"""What the tests of promotions do alike: sites that may take over, deaths in the middle of uploads, and what is held against what."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from pathlib import Path

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Credentials, Home, tool
from tests.functional.installers import Pip
from tests.functional.installers import Uv as UvInstall
from tests.servers import inside, processes
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

PATIENCE = 60.0
_BIG = 120_000_000
"""Bytes of an upload during which there is time to kill the server."""


def manage(server: TpiServer, *words: str, code: int = 0) -> str:
    """What ``manage.py replication`` says to its end."""
    done = server.manage("replication", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def join_as_heir(primary: TpiServer, replica: TpiServer, name: str = "far") -> None:
    """Let the one become a replica of the other that may take over."""
    secret = manage(primary, "invite", name, "--may-take-over", "--url", replica.url).splitlines()[0]
    replica.inside(inside.join, url=primary.url, secret=secret)


def is_fenced(server: TpiServer, by: TpiServer) -> bool:
    """Whether it says that the other took over."""
    return f"until {by.url} took over" in manage(server, "status")


def kill_all(server: TpiServer) -> None:
    """``kill -9`` of every process; they are held first, so that none begins another meanwhile."""
    members = server.members()
    for member in members:
        processes.kill(member.pid, signal.SIGSTOP)
    for member in members:
        server.kill_member(member)


def killed_in_mid_upload(home: Home, server: TpiServer, url: str, tmp_path: Path, credentials: Credentials) -> Artefact:
    """Publish what is large, hold the tool still while the bytes come in, and kill every process of the server."""
    big = build(tmp_path, fresh_name("big"), kinds="wheel", padding=os.urandom(_BIG))
    options = ("--non-interactive", "--disable-progress-bar", "--repository-url", f"{url}/legacy/")
    user = ("-u", credentials.username, "-p", credentials.password)
    command = [str(word) for word in (tool("twine"), "upload", *options, *user, *big.files)]
    with subprocess.Popen(command, cwd=home.folder, env=home.environment(), stdout=subprocess.DEVNULL) as twine:
        wait_until(lambda: _is_spooling(server), PATIENCE, lambda: server.log[-3000:])
        twine.send_signal(signal.SIGSTOP)
        assert _is_spooling(server), "it was too fast for us"
        kill_all(server)
        twine.send_signal(signal.SIGCONT)
        assert twine.wait(PATIENCE) != 0
    return big


def _is_spooling(server: TpiServer) -> bool:
    """Whether a process holds a file that nobody else can see."""
    return any("(deleted)" in name and "/files/" in name for member in server.members() for name in member.open_files())


def sha256(path: Path) -> str:
    """Its digest in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def require_bytes(url: str, artefacts: list[Artefact], credentials: Credentials) -> None:
    """Each project has these files and no other, with these bytes."""
    with Session(url, basic(credentials.password)) as session:
        for artefact in artefacts:
            urls = {file["filename"]: file["url"] for file in session.page(artefact.name)["files"]}
            assert set(urls) == {path.name for path in artefact.files}
            for path in artefact.files:
                assert hashlib.sha256(session.download(urls[path.name]).body).hexdigest() == sha256(path)


def require_installable(home: Home, url: str, names: list[str], credentials: Credentials) -> None:
    """With pip and with uv."""
    for installer in (Pip(), UvInstall()):
        done, found = installer.install(home, names, f"{url}/simple/", credentials)
        assert done.code == 0, done.output
        assert found == dict.fromkeys(names, "1.0")
