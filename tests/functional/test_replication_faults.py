"""What goes wrong between a primary and its replica: nothing wrong is ever taken, and it goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from indexapp.domain.replication import frames
from tests.functional.replicating import ALIKE
from tests.servers import inside, warm
from tests.servers.bent import Bent, BentSite, straight
from tests.servers.data_folder import DataFolder
from tests.servers.tpi import ROOT, TpiServer

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def primary() -> Iterator[TpiServer]:
    with TpiServer(settings=ALIKE) as server:
        server.inside(inside.publish, numbers=[1, 2])
        yield server


@pytest.fixture
def bent(primary: TpiServer) -> Iterator[BentSite]:
    with BentSite(primary.url) as site:
        yield site


class Replica:
    """A replica without a server, whose rounds a test makes."""

    def __init__(self, folder: Path, primary: TpiServer, url: str, **settings: str) -> None:
        self.primary, self.url = primary, url
        self.data = DataFolder.prepared(folder / "replica", ALIKE | settings)

    def join(self) -> subprocess.CompletedProcess[str]:
        secret = self.data.data / "secret"
        if not secret.exists():
            secret.write_text(self.primary.inside(inside.invite, name=f"r{uuid4().hex}"))
        return self.data.manage("replication", "join", self.url, str(secret))

    def follow(self) -> subprocess.CompletedProcess[str]:
        return self.data.manage("replication", "follow", "--once")

    def inside(self, name: str) -> Any:
        done = warm.run(self.data.environment, warm.INSIDE, name, "{}")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.inside("replication_status")
        return found

    def require_equal(self) -> None:
        self.data.change("UPDATE indexapp_wantedblob SET next_at = '2020-01-01 00:00:00'")
        done = self.follow()
        assert done.returncode == 0, done.stderr
        assert self.inside("replicated") == self.primary.inside(inside.replicated)
        assert self.inside("kept") == self.primary.inside(inside.kept)


@pytest.fixture
def replica(tmp_path: Path, primary: TpiServer, bent: BentSite) -> Replica:
    made = Replica(tmp_path, primary, bent.url)
    done = made.join()
    assert done.returncode == 0, done.stderr
    return made


def test_bytes_that_are_others_never_count_and_ring(replica: Replica, bent: BentSite) -> None:
    def flip(path: str, status: int, body: bytes) -> Bent:
        at = 32 if path.endswith("replication/blobs/") else 0  # what sort of a frame it is; the content's first byte
        bad = body[:at] + bytes([body[at] ^ 0x80]) + body[at + 1 :] if "/blobs/" in path else body
        return Bent(status, bad, len(bad))

    bent.bend = flip
    assert replica.follow().returncode == 1
    contents = 2 * len(replica.primary.inside(inside.kept))  # each file and its metadata
    assert replica.status()["missing_blobs"] == contents
    assert replica.data.ask("SELECT count(*) FROM indexapp_blob") == [(0,)]
    assert replica.data.ask("SELECT count(*) FROM accounts_alarm WHERE code = 'replica-wrong-bytes'") == [(contents,)]
    bent.bend = straight
    replica.require_equal()


def test_a_connection_that_is_cut_is_gone_on_with_at_the_next_byte(replica: Replica, bent: BentSite) -> None:
    def cut(path: str, status: int, body: bytes) -> Bent:
        return Bent(status, body, min(len(body), 20_001) if "/blobs/" in path else len(body))

    bent.bend = cut
    replica.require_equal()
    alone = [given for path, given in bent.paths if len(path) > len("/api/v1/replication/blobs/")]
    assert {given for given in alone if given.startswith("bytes=")} == {"bytes=20001-", "bytes=40002-"}


def test_of_many_contents_those_that_came_whole_are_taken_and_wrong_ones_alone_ring(
    replica: Replica, primary: TpiServer, bent: BentSite
) -> None:
    def flip_last(path: str, status: int, body: bytes) -> Bent:
        if path.endswith("replication/blobs/"):
            at = len(body) - len(frames.END) - 1
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        return Bent(status, body, len(body))

    bent.bend = flip_last
    replica.require_equal()
    asked = [path for path, _ in bent.paths if "/blobs/" in path]
    assert sum(path.endswith("replication/blobs/") for path in asked) == 1
    assert len(asked) == 2, "the one that was wrong came by itself"
    assert replica.data.ask("SELECT count(*) FROM accounts_alarm WHERE code = 'replica-wrong-bytes'") == [(0,)]


def test_a_group_that_is_cut_keeps_what_came_whole(replica: Replica, bent: BentSite) -> None:
    def cut(path: str, status: int, body: bytes) -> Bent:
        sent = len(body) - len(frames.END) - 1 if path.endswith("replication/blobs/") else len(body)
        return Bent(status, body, sent)

    bent.bend = cut
    replica.require_equal()
    assert sum("/blobs/" in path and not path.endswith("replication/blobs/") for path, _ in bent.paths) == 1


def not_together(path: str, status: int, body: bytes) -> Bent:
    return Bent(404, b"", 0) if path.endswith("replication/blobs/") else Bent(status, body, len(body))


def test_a_primary_that_gives_no_contents_together_gives_them_one_by_one(replica: Replica, bent: BentSite) -> None:
    bent.bend = not_together
    replica.require_equal()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, b"it broke", "bad-answer"),
        (404, b"<html>not here</html>", "bad-answer"),
        (200, b"<html>welcome to the hotel</html>\n", "bad-answer"),
        (200, b"", "bad-answer"),
        (200, b'{"head": {"upto": 99, "newest": 99, "epoch": "x"}}\n{"end": {"upto": 99}}\n', "site-changed"),
    ],
)
def test_an_answer_that_is_none_changes_nothing(
    replica: Replica, primary: TpiServer, bent: BentSite, status: int, body: bytes, code: str
) -> None:
    assert replica.follow().returncode == 0
    before = replica.inside("replicated")
    primary.inside(inside.user, name=f"u{uuid4().hex}", password="a long enough password")
    bent.bend = lambda path, found, given: (
        Bent(status, body, len(body)) if "/rows/" in path else Bent(found, given, len(given))
    )
    assert replica.follow().returncode == 1
    found = replica.status()
    assert found["failure_code"] == code
    assert found["failing_since"]
    assert replica.inside("replicated") == before
    bent.bend = straight
    replica.require_equal()


def test_a_batch_that_is_cut_or_does_not_fit_is_not_taken(replica: Replica, primary: TpiServer, bent: BentSite) -> None:
    assert replica.follow().returncode == 0
    before = replica.inside("replicated")
    primary.inside(inside.publish, numbers=[int(uuid4()) % 10**6])

    def cut(path: str, status: int, body: bytes) -> Bent:
        return Bent(status, body, len(body) - 1 if "/rows/" in path else len(body))

    def without_releases(path: str, status: int, body: bytes) -> Bent:
        lines = [line for line in body.splitlines(keepends=True) if b'"indexapp.release"' not in line]
        left = b"".join(lines) if "/rows/" in path else body
        return Bent(status, left, len(left))

    for bend, code in ((cut, "unreachable"), (without_releases, "bad-batch")):
        bent.bend = bend
        assert replica.follow().returncode == 1
        assert replica.status()["failure_code"] == code
        assert replica.inside("replicated") == before
    bent.bend = straight
    replica.require_equal()


@pytest.mark.parametrize(
    "place",
    [
        "indexapp.services.replication.fetching:keep",
        "indexapp.services.replication.together:give",
        "indexapp.services.replication.together:_point",
        "indexapp.services.replication.applying:_write_changes",
        "indexapp.services.replication.following:note_taken",
        "indexapp.services.blobs:claim",
    ],
)
def test_a_follower_that_is_killed_is_gone_on_with_by_the_next(
    replica: Replica, primary: TpiServer, bent: BentSite, place: str
) -> None:
    primary.inside(inside.publish, numbers=[int(uuid4()) % 10**6])
    if place.endswith("fetching:keep"):  # which is of contents that come alone
        bent.bend = not_together
    command = [sys.executable, "-m", "tests.servers.dying", place, "1", "replication", "follow", "--once"]
    done = subprocess.run(command, cwd=ROOT, env=replica.data.environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    replica.require_equal()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("pepper", "0" * 64, "pepper-differs"),
        ("now", "2020-01-01T00:00:00+00:00", "clocks-differ"),
        ("migrations", {"indexapp": "0001_initial"}, "releases-differ"),
        ("site", None, "bad-answer"),
    ],
)
def test_a_primary_that_does_not_fit_is_not_joined(
    tmp_path: Path, primary: TpiServer, bent: BentSite, field: str, value: Any, code: str
) -> None:
    def bend(path: str, status: int, body: bytes) -> Bent:
        if "/hello/" in path:
            body = json.dumps(json.loads(body) | {field: value}).encode()
        return Bent(status, body, len(body))

    bent.bend = bend
    replica = Replica(tmp_path, primary, bent.url)
    done = replica.join()
    assert done.returncode == 1
    assert f"({code})" in done.stderr
    assert replica.status() == {}
    bent.bend = straight
    assert replica.join().returncode == 0


def test_an_installation_that_holds_something_does_not_join(tmp_path: Path, primary: TpiServer, bent: BentSite) -> None:
    replica = Replica(tmp_path, primary, bent.url)
    replica.data.inside(inside.user, name="somebody", password="a long enough password")
    done = replica.join()
    assert done.returncode == 1
    assert "(not-empty)" in done.stderr


def test_a_replica_pauses_resumes_and_leaves(replica: Replica, primary: TpiServer) -> None:
    assert replica.data.manage("replication", "leave").returncode == 1, "bytes are missing still"
    assert replica.follow().returncode == 0
    assert replica.data.manage("replication", "pause").returncode == 0
    before = replica.inside("replicated")
    primary.inside(inside.publish, numbers=[int(uuid4()) % 10**6])
    assert replica.follow().returncode == 0
    assert replica.inside("replicated") == before
    assert replica.data.manage("replication", "resume").returncode == 0
    replica.require_equal()
    assert replica.data.manage("replication", "leave").returncode == 0
    newest = replica.data.ask("SELECT max(serial) FROM indexapp_change")[0][0]
    replica.data.inside(inside.publish, numbers=[5_000_000])
    serials = [serial for (serial,) in replica.data.ask("SELECT serial FROM indexapp_change ORDER BY serial")]
    assert newest + 1 in serials
    assert replica.data.ask("SELECT number, reason FROM indexapp_epoch ORDER BY number DESC LIMIT 1") == [
        (2, "promoted")
    ]


def test_a_replica_goes_back_with_a_primary_that_was_restored(tmp_path: Path) -> None:
    with TpiServer(settings=ALIKE) as primary:
        primary.inside(inside.publish, numbers=[1])
        replica = Replica(tmp_path, primary, primary.url)
        assert replica.join().returncode == 0
        replica.require_equal()
        database = primary.data / "tpi.sqlite3"
        primary.stop()
        with closing(sqlite3.connect(database)) as there, closing(sqlite3.connect(tmp_path / "backup")) as backup:
            there.backup(backup)
        primary.start()
        lost = primary.inside(inside.publish, numbers=[2])
        primary.inside(inside.yank, project="kept-1", version="1.0")
        replica.require_equal()
        highest = replica.data.ask("SELECT max(serial) FROM indexapp_change")[0][0]
        primary.stop()
        for left in primary.data.glob("tpi.sqlite3*"):
            left.unlink()
        shutil.copy(tmp_path / "backup", database)
        primary.start()
        assert replica.follow().returncode == 1
        assert replica.status()["failure_code"] == "primary-behind", "nobody said that it was restored"
        assert replica.data.ask("SELECT max(serial) FROM indexapp_change")[0][0] == highest
        primary.inside(inside.as_restored)
        primary.inside(inside.publish, numbers=[3])
        replica.require_equal()
        assert len(replica.inside("kept")) == 2
        assert replica.data.ask("SELECT max(serial) FROM indexapp_change")[0][0] > highest
        assert replica.data.ask("SELECT count(*) FROM accounts_auditentry WHERE action = 'replication.rebase'") == [
            (1,)
        ]
        listed = replica.data.manage("replication", "quarantine", "list")
        assert listed.returncode == 0, listed.stderr
        rows = [json.loads(line) for line in listed.stdout.splitlines()]
        kept = {(row["kind"], row["project"]) for row in rows if row["kind"] != "row"}
        assert kept == {("only-here", "kept-2"), ("state", "kept-1")}
        done = replica.data.manage("replication", "quarantine", "export", str(tmp_path / "out"))
        assert done.returncode == 0, done.stderr
        (exported,) = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
        assert hashlib.sha256(exported.read_bytes()).hexdigest() == lost[exported.name]
        assert replica.data.ask("SELECT count(*) FROM accounts_alarm WHERE code = 'replication-leftovers'") == [(1,)]
