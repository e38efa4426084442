"""What lay plain, and what was sealed under a key that others know, is sealed anew while the installation runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Home
from tests.functional.conftest import make_cast
from tests.functional.publishers import Uv
from tests.servers import dying, inside
from tests.servers.tpi import ROOT, TpiServer
from tests.servers.wire import Session

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("key rotation")]

NUMBER = 40
_PAUSE = 1.0
"""Seconds between two requests of the traffic, so that the commands get on."""
WORD = b"this was plain once "


@pytest.fixture
def server() -> Iterator[TpiServer]:
    """An installation that does not encrypt yet."""
    with TpiServer(settings={"TPI_ENCRYPT": "off"}) as started:
        yield started


def begun(server: TpiServer, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def managed(server: TpiServer, *arguments: str) -> str:
    with begun(server, *arguments) as process:
        told, _ = process.communicate()
    assert process.returncode == 0, told
    return told


def killed_half_way(server: TpiServer, *arguments: str) -> None:
    """Start the command and end it with SIGKILL when it has sealed more than half of the contents."""
    dying.killed(server.environment, "indexapp.services.resealing:_put", str(NUMBER * 3 // 4), *arguments)


def stored(server: TpiServer) -> list[bytes]:
    return [path.read_bytes() for path in (server.data / "files/blobs").rglob("*") if path.is_file()]


@contextmanager
def traffic(download: Callable[[], None], upload: Callable[[], None]) -> Iterator[None]:
    """Downloads and uploads as long as the block lasts, none of which may fail."""
    ended = Event()

    def go_on(work: Callable[[], None]) -> int:
        done = 0
        while not done or not ended.wait(_PAUSE):
            work()
            done += 1
        return done

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(go_on, download), pool.submit(go_on, upload)]
        try:
            yield
        finally:
            ended.set()
        assert all(each.result() for each in both)


def test_nothing_is_lost_while_all_is_sealed_twice_and_killed_twice(
    server: TpiServer, home: Home, tmp_path: Path
) -> None:
    cast = make_cast(server)
    artefact = build(tmp_path, fresh_name(), kinds="wheel", padding=WORD * 40_000 + os.urandom(300_000))
    Uv().publish(home, artefact, f"{server.url}/legacy/", cast.owner).require_success()
    content = artefact.files[0].read_bytes()
    server.inside(inside.plain_blobs, number=NUMBER)
    server.stop()
    server.settings["TPI_ENCRYPT"] = "on"
    server.start()
    uploads: list[Artefact] = []
    with Session(server.url, cast.headers) as session:
        url = str(session.page(artefact.name)["files"][0]["url"])
        for _ in range(8):  # each web process remembers where the file lies
            assert session.download(url).body == content

    def download() -> None:
        with Session(server.url, cast.headers) as each:
            assert each.download(url, {"Range": "bytes=300000-"}).body == content[300_000:]
            assert each.download(url).body == content

    def upload() -> None:
        uploads.append(build(tmp_path, fresh_name(), kinds="wheel"))
        Uv().publish(home, uploads[-1], f"{server.url}/legacy/", cast.owner).require_success()

    old = server.inside(inside.current_key)
    with traffic(download, upload):
        killed_half_way(server, "encrypt_plaintext")
        assert server.inside(inside.wrapped_with)[old] >= NUMBER // 2
        managed(server, "encrypt_plaintext")
        killed_half_way(server, "rotate_keys", "--reencrypt", old)
        managed(server, "rotate_keys", "--reencrypt", old)
        managed(server, "collect_garbage", "--grace-hours", "0.01")
    managed(server, "rotate_keys", "--remove", old)
    managed(server, "collect_garbage", "--grace-hours", "0")
    assert set(server.inside(inside.wrapped_with)) == {server.inside(inside.current_key)}
    assert not any(WORD[:12] in each or old.encode() in each for each in stored(server))
    managed(server, "fsck", "--deep")
    with Session(server.url, cast.headers) as session:
        assert session.download(url).body == content
        for each in uploads:
            page = session.page(each.name)["files"][0]["url"]
            assert session.download(str(page)).body == each.files[0].read_bytes()
