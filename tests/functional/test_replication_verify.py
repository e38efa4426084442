"""``manage.py replication verify``: equality is signed, what differs is named, and what moves is compared again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.functional.replicating import ALIKE
from tests.functional.test_replication_faults import Replica
from tests.servers import inside
from tests.servers.bent import Bent, BentSite, straight
from tests.servers.tpi import ROOT, TpiServer

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def primary() -> Iterator[TpiServer]:
    with TpiServer(settings=ALIKE) as server:
        server.inside(inside.publish, numbers=[1, 2, 3])
        server.inside(inside.yank, project="kept-3", version="1.0", reason="broken")
        yield server


@pytest.fixture
def bent(primary: TpiServer) -> Iterator[BentSite]:
    with BentSite(primary.url) as site:
        yield site


@pytest.fixture
def replica(tmp_path: Path, primary: TpiServer, bent: BentSite) -> Replica:
    made = Replica(tmp_path, primary, bent.url)
    done = made.join()
    assert done.returncode == 0, done.stderr
    return made


def verify(replica: Replica, *options: str) -> tuple[int, dict[str, Any], str]:
    """How it ended, what it wrote as JSON, and what it said."""
    path = replica.data.data / "result.json"
    done = replica.data.manage("replication", "verify", "--json", str(path), *options)
    said = done.stdout + done.stderr
    assert path.is_file(), said
    result: dict[str, Any] = json.loads(path.read_text())["result"]
    return done.returncode, result, said


def check_result(replica: Replica, *options: str) -> subprocess.CompletedProcess[str]:
    return replica.data.manage("replication", "check-result", str(replica.data.data / "result.json"), *options)


def test_equality_is_signed(replica: Replica, primary: TpiServer, tmp_path: Path) -> None:
    assert replica.follow().returncode == 0
    code, result, said = verify(replica)
    assert (code, result["verdict"], result["differences"]) == (0, "equal", []), said
    assert result["primary"]["root"] == result["replica"]["root"]
    files = len(primary.inside(inside.kept))
    assert (result["replica"]["projects"], result["replica"]["files"]) == (files, files)
    assert result["serial"] == replica.data.ask("SELECT max(serial) FROM indexapp_change")[0][0]
    assert replica.data.ask("SELECT count(*) FROM accounts_auditentry WHERE action = 'replication.verify'") == [(1,)]
    assert check_result(replica).returncode == 0

    keys = tmp_path / "keys"
    keys.write_text(replica.data.manage("audit_checkpoint", "--public-key").stdout)
    assert check_result(replica, "--public-key", str(keys)).returncode == 0
    others = subprocess.run(
        [sys.executable, "manage.py", "audit_checkpoint", "--public-key"],
        cwd=ROOT,
        env=primary.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    keys.write_text(others.stdout)
    assert check_result(replica, "--public-key", str(keys)).returncode == 1

    path = replica.data.data / "result.json"
    told = json.loads(path.read_text())
    for altered in (
        {**told, "result": {**told["result"], "serial": 7}},
        {**told, "note": told["note"].replace('"equal"', '"other"')},
        {"result": {}},
    ):
        path.write_text(json.dumps(altered))
        assert check_result(replica).returncode == 1


TAMPERED = {
    "UPDATE indexapp_file SET sha256 = 'ab' WHERE filename LIKE 'kept_1-%'": ("file kept_1-1.0", {"sha256"}),
    "UPDATE indexapp_file SET is_yanked = 1 WHERE filename LIKE 'kept_2-%'": ("file kept_2-1.0", {"is_yanked"}),
    "UPDATE indexapp_release SET is_yanked = 0 WHERE id = (SELECT min(id) FROM indexapp_release WHERE is_yanked = 1)": (
        "release 1.0",
        {"is_yanked"},
    ),
    "UPDATE indexapp_project SET status = 'quarantined' WHERE name = 'kept-1'": ("project", {"status"}),
    "UPDATE indexapp_index SET anonymous_read = 1": ("table indexapp.index", {"stretches", "differing"}),
}


def test_what_differs_is_named(replica: Replica) -> None:
    assert replica.follow().returncode == 0
    for statement in TAMPERED:
        replica.data.change(statement)
    code, result, said = verify(replica)
    assert (code, result["verdict"], len(result["differences"])) == (1, "different", len(TAMPERED)), said
    for what, columns in TAMPERED.values():
        (named,) = [each for each in result["differences"] if each["what"].startswith(what)]
        assert set(named["primary"]) == set(named["replica"]) == columns
    rung = "SELECT count(*) FROM accounts_alarm WHERE code = 'replica-differs' AND ended_at IS NULL"
    assert replica.data.ask(rung) == [(1,)]
    assert check_result(replica).returncode == 0


def test_a_log_that_lacks_a_change_is_named(replica: Replica) -> None:
    assert replica.follow().returncode == 0
    replica.data.change("DELETE FROM indexapp_change WHERE serial = 2")
    code, result, said = verify(replica)
    assert (code, [each["what"] for each in result["differences"]]) == (1, ["change log"]), said


def test_a_file_that_one_lacks_is_named(replica: Replica) -> None:
    assert replica.follow().returncode == 0
    replica.data.change("DELETE FROM indexapp_file WHERE filename LIKE 'kept_1-%'")
    code, result, said = verify(replica, "--most", "1")
    assert (code, result["differences"][0]["replica"]) == (1, None), said
    assert result["differences"][0]["primary"]["version"] == "1.0"


def test_bytes_that_are_awaited_are_no_difference_and_no_equality(replica: Replica, primary: TpiServer) -> None:
    code, result, said = verify(replica)
    contents = 2 * len(primary.inside(inside.kept))  # each file and its metadata
    assert (code, result["verdict"], result["missing"]["wanted"]) == (1, "incomplete", contents), said
    assert replica.follow().returncode == 0
    assert verify(replica)[0] == 0


def test_bytes_that_nobody_awaits_are_named(replica: Replica) -> None:
    assert replica.follow().returncode == 0
    replica.data.change("UPDATE indexapp_file SET blob_id = NULL WHERE filename LIKE 'kept_2-%'")
    code, result, said = verify(replica)
    assert (code, [each["what"] for each in result["differences"]]) == (
        1,
        ["bytes of kept_2-1.0-py3-none-any.whl"],
    ), said


def flip_a_byte(replica: Replica) -> None:
    path = next(path for path in (replica.data.data / "files" / "blobs").rglob("*") if path.is_file())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def test_damaged_bytes_are_found_and_come_from_the_primary_again(replica: Replica, primary: TpiServer) -> None:
    assert replica.follow().returncode == 0
    serials = replica.data.ask("SELECT max(serial) FROM indexapp_change")
    flip_a_byte(replica)
    assert verify(replica)[0] == 0
    code, result, said = verify(replica, "--deep")
    assert (code, result["verdict"]) == (1, "incomplete"), said
    assert (result["missing"]["deep"]["faults"], result["missing"]["damaged"]) == (1, 1)
    assert replica.data.ask("SELECT max(serial) FROM indexapp_change") == serials, "the log is the primary's"
    assert replica.follow().returncode == 0
    assert replica.data.ask("SELECT count(*) FROM indexapp_blob WHERE damaged_at IS NOT NULL") == [(0,)]
    assert verify(replica, "--deep")[0] == 0
    replica.require_equal()


def test_the_scrub_of_a_replica_has_what_it_finds_healed(replica: Replica) -> None:
    assert replica.follow().returncode == 0
    flip_a_byte(replica)
    replica.data.change("UPDATE indexapp_blob SET created_at = '2020-01-01 00:00:00', verified_at = NULL")
    replica.inside("scrub")
    ringing = "SELECT count(*) FROM accounts_alarm WHERE code = 'blob-damaged' AND ended_at IS NULL"
    assert replica.data.ask(ringing) == [(1,)]
    assert replica.follow().returncode == 0
    assert replica.data.ask(ringing) == [(0,)]
    assert verify(replica, "--deep")[0] == 0


def once(work: Callable[[], object]) -> Callable[[str, int, bytes], Bent]:
    """Something happens while the first page of digests is on its way."""
    left = [work]

    def bend(path: str, status: int, body: bytes) -> Bent:
        if "tree/?from" in path and left:
            left.pop()()
        return straight(path, status, body)

    return bend


def test_what_is_published_meanwhile_is_compared_again(replica: Replica, primary: TpiServer, bent: BentSite) -> None:
    def publish_and_follow() -> None:
        bent.bend = straight
        primary.inside(inside.publish, numbers=[int(uuid4()) % 10**6])
        primary.inside(inside.yank, project="kept-1", version="1.0", reason="meanwhile")
        assert replica.follow().returncode == 0

    assert replica.follow().returncode == 0
    before = verify(replica)[1]
    bent.bend = once(publish_and_follow)
    code, after, said = verify(replica)
    assert (code, after["verdict"]) == (0, "equal"), said
    assert after["serial"] > before["serial"]
    assert verify(replica)[1]["replica"]["root"] == after["replica"]["root"] != before["replica"]["root"]


def test_two_that_are_never_at_one_serial_are_said_to_move(replica: Replica, primary: TpiServer) -> None:
    assert replica.follow().returncode == 0
    primary.inside(inside.publish, numbers=[int(uuid4()) % 10**6])
    code, result, said = verify(replica, "--patience", "0")
    assert (code, result["verdict"], result["serial"]) == (1, "moving", None), said


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"it broke"), (200, b"[]"), (200, b"{}"), (200, b'{"site": "another", "chunks": [], "next": null}')],
)
def test_digests_that_are_none_are_an_error(replica: Replica, bent: BentSite, status: int, body: bytes) -> None:
    bent.bend = lambda path, found, given: (
        Bent(status, body, len(body)) if "/tree/" in path else Bent(found, given, len(given))
    )
    done = replica.data.manage("replication", "verify")
    assert done.returncode == 1
    assert "(bad-answer)" in done.stderr or "(site-changed)" in done.stderr


def test_who_follows_nobody_compares_with_nobody(tmp_path: Path, primary: TpiServer) -> None:
    done = Replica(tmp_path, primary, primary.url).data.manage("replication", "verify")
    assert done.returncode == 1
    assert "(replica-not)" in done.stderr
