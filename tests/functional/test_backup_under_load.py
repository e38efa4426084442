"""A server takes uploads while it is backed up; what it acknowledged before comes back from the backup and installs."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event, Lock, Thread

import pytest

from tests.builders.wheels import build_wheel
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Pip
from tests.functional.publishers import Uv
from tests.servers.ports import wait_until
from tests.servers.tpi import ROOT, TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("backup under load")]

KEYS = ("keyring.json", "secret-key", "token-pepper", "audit-key")


@dataclass
class Books:
    """The SHA-256 of each file that was acknowledged, by project, in order."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    ended: Event = field(default_factory=Event)

    def so_far(self) -> dict[str, str]:
        with self.lock:
            return dict(self.acknowledged)


def upload_on(server: TpiServer, books: Books, seed: int) -> None:
    """One file after the other until the end."""
    random = Random(seed)
    with Session(server.url, basic(server.token)) as session:
        while not books.ended.is_set():
            name = fresh_name("load")
            wheel = build_wheel(name, files={"noise": random.randbytes(random.choice([2_000, 60_000, 400_000]))})
            assert session.upload(wheel).status == 200
            with books.lock:
                books.acknowledged[name] = hashlib.sha256(wheel.content).hexdigest()


@contextmanager
def load(server: TpiServer) -> Iterator[Books]:
    books = Books()
    threads = [Thread(target=upload_on, args=(server, books, seed)) for seed in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield books
    finally:
        books.ended.set()
        for thread in threads:
            thread.join()


def manage(server: TpiServer, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_was_acknowledged_before_a_backup_under_load_comes_back(tmp_path: Path, home: Home) -> None:
    to = str(tmp_path / "backups")
    tool = build(tmp_path, fresh_name(), kinds="wheel")
    with TpiServer() as lost, closing(TpiServer()) as restored:
        owner = Credentials(password=lost.token)
        Uv().publish(home, tool, f"{lost.url}/legacy/", owner).require_success()
        with load(lost) as books:
            wait_until(lambda: len(books.so_far()) >= 10, 60, lambda: "too few uploads")
            manage(lost, "backup", to)
            wait_until(lambda: len(books.so_far()) >= 25, 60, lambda: "too few uploads")
            before = books.so_far()
            made = json.loads(manage(lost, "backup", to, "--incremental", "--json"))
            during = len(books.so_far()) - len(before)
        after = len(books.so_far())
        assert during > 0, "nothing was uploaded meanwhile, so that nothing was shown"
        assert 2 * (len(before) + 1) <= made["contents"] <= 2 * (after + 1)
        lost.stop()
        restored.data.mkdir(mode=0o700)
        for name in KEYS:
            shutil.copy(lost.data / name, restored.data)
        shutil.rmtree(lost.data)
        manage(restored, "restore", to)
        assert json.loads(manage(restored, "fsck", "--deep", "--json").splitlines()[-1])["clean"] is True
        restored.start()
        with Session(restored.url, basic(owner.password)) as session:
            for project, digest in before.items():
                (file,) = session.page(project)["files"]
                assert file["hashes"]["sha256"] == digest
                assert hashlib.sha256(session.download(file["url"]).body).hexdigest() == digest
            assert session.upload(build_wheel(fresh_name())).status == 200
        outcome, found = Pip().install(home, [tool.name], f"{restored.url}/simple", owner)
        outcome.require_success()
        assert found == {tool.name: "1.0"}
