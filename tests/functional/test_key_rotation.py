"""Keys are rotated and removed while the installation runs, and nobody notices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Home
from tests.functional.conftest import make_cast
from tests.functional.installers import Pip
from tests.functional.publishers import Uv
from tests.servers import dying, inside
from tests.servers.postgres import Postgres
from tests.servers.tpi import ROOT, TpiServer
from tests.servers.wire import Session

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("key rotation")]
_HALF = "12"
"""The batch of 500 texts at which a rotation of somewhat more than 10,000 is killed."""


@pytest.fixture(scope="module")
def server() -> Iterator[TpiServer]:
    with TpiServer() as started:
        yield started


def begun(server: TpiServer, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", "rotate_keys", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def rotate(server: TpiServer, *arguments: str) -> str:
    with begun(server, *arguments) as process:
        told, _ = process.communicate()
    assert process.returncode == 0, told
    return told


def current(server: TpiServer) -> str:
    return str(json.loads((server.data / "keyring.json").read_text())["current"])


def address(session: Session, artefact: Artefact) -> str:
    return str(session.page(artefact.name)["files"][0]["url"])


def test_a_rotation_and_a_removal_without_a_restart(server: TpiServer, home: Home, tmp_path: Path) -> None:
    cast = make_cast(server)
    artefact = build(tmp_path, fresh_name(), kinds="wheel", padding=os.urandom(600_000))
    Uv().publish(home, artefact, f"{server.url}/legacy/", cast.owner).require_success()
    content = artefact.files[0].read_bytes()
    with Session(server.url, cast.headers) as session:
        url = address(session, artefact)
        for _ in range(8):  # each web process remembers the file and its wrapped key
            assert session.download(url).body == content
    ended = Event()

    def download_on() -> int:
        done = 0
        while not ended.is_set() or not done:
            with Session(server.url, cast.headers) as each:
                assert each.download(url, {"Range": "bytes=300000-"}).body == content[300_000:]
            done += 1
        return done

    def upload_on() -> list[Artefact]:
        done: list[Artefact] = []
        while not ended.is_set() or not done:
            done.append(build(tmp_path, fresh_name(), kinds="wheel"))
            Uv().publish(home, done[-1], f"{server.url}/legacy/", cast.owner).require_success()
        return done

    with ThreadPoolExecutor(2) as pool:
        downloads, uploads = pool.submit(download_on), pool.submit(upload_on)
        try:
            for _ in range(2):
                old = current(server)
                rotate(server)
                assert current(server) != old
                assert "is removed" in rotate(server, "--remove", old)
        finally:
            ended.set()
        assert downloads.result() >= 1
    outcome, found = Pip().install(home, [artefact.name], f"{server.url}/simple", cast.reader)
    outcome.require_success()
    assert found == {artefact.name: "1.0"}
    later = build(tmp_path, fresh_name(), kinds="wheel")
    Uv().publish(home, later, f"{server.url}/legacy/", cast.owner).require_success()
    with Session(server.url, cast.headers) as session:
        for each in (*uploads.result(), later):
            assert session.download(address(session, each)).body == each.files[0].read_bytes()


def test_a_rotation_that_is_killed_half_way_is_finished(server: TpiServer) -> None:
    require_finished_after_a_kill(server)


def test_so_it_is_on_postgresql() -> None:
    with Postgres(migrated=True) as database, TpiServer(settings={"TPI_DATABASE_URL": database.url}) as server:
        require_finished_after_a_kill(server)


def require_finished_after_a_kill(server: TpiServer) -> None:
    """Kill a rotation half way, start it again, and remove the old key."""
    made = server.inside(inside.sealed_blobs, number=10_000)
    old = current(server)
    dying.killed(server.environment, "accounts.services.keys.rewrapping:_rewrapped", _HALF, "rotate_keys")
    new = current(server)
    assert new != old
    left = server.inside(inside.wrapped_with)
    assert left[old] >= 1
    assert left[new] >= made // 4
    assert "Finishing a rotation" in rotate(server)
    assert current(server) == new
    assert set(server.inside(inside.wrapped_with)) == {new}
    assert "is removed" in rotate(server, "--remove", old)
    assert server.inside(inside.opening_blobs) >= made
