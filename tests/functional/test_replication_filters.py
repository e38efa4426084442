"""A replica that holds a part of its primary's bytes, and fetches them slowly, at times, and on a disk that may be full."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.builders.wheels import build_wheel
from tests.functional.replicating import ALIKE
from tests.functional.test_replication_faults import Replica
from tests.servers import inside
from tests.servers.bent import Bend, Bent, BentSite, straight
from tests.servers.ports import wait_until
from tests.servers.small_disk import fill, small_disk
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]
_PATIENCE = 60.0


@pytest.fixture(scope="module")
def primary() -> Iterator[TpiServer]:
    with TpiServer(settings=ALIKE) as server:
        yield server


@pytest.fixture
def replica(tmp_path: Path, primary: TpiServer) -> Replica:
    return Replica(tmp_path, primary, primary.url)


def upload(primary: TpiServer, *built: Any, index: str = "main") -> None:
    with Session(primary.url, basic(primary.password, "admin")) as session:
        for each in built:
            assert session.upload(each, f"/{index}/legacy/").status == 200


def project(primary: TpiServer, *versions: str) -> str:
    name = f"p{uuid4().hex[:12]}"
    upload(primary, *(build_wheel(name, version) for version in versions))
    return name


def deed(replica: Replica, *words: str) -> str:
    done = replica.data.manage("replication", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(replica: Replica) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(replica.data.manage("replication", "status", "--json").stdout)
    return found


def held(replica: Replica, name: str) -> list[str]:
    rows = replica.data.ask(
        "SELECT r.version FROM indexapp_file f JOIN indexapp_release r ON r.id = f.release_id "
        f"WHERE f.blob_id IS NOT NULL AND f.filename LIKE '{name}-%' ORDER BY r.version"
    )
    return [version for (version,) in rows]


def instead(answer: Bent) -> Bend:
    """This answer for all bytes."""
    return lambda path, status, body: answer if "/blobs/" in path else straight(path, status, body)


def elsewhen() -> str:
    """Half an hour of the day that is not now."""
    later = datetime.now(UTC) + timedelta(hours=3)
    return f"{later:%H}:00-{later:%H}:30"


def test_only_what_is_to_be_held_is_fetched_and_a_newer_release_takes_the_oldests_place(
    replica: Replica, primary: TpiServer
) -> None:
    name, other = project(primary, "1.0", "2.0", "3.0"), project(primary, "1.0")
    deed(replica, "hold", "--newest", "2", "--not-project", other)
    assert replica.join().returncode == 0
    assert replica.follow().returncode == 0
    assert (held(replica, name), held(replica, other)) == (["2.0", "3.0"], [])
    upload(primary, build_wheel(name, "4.0"))
    assert replica.follow().returncode == 0
    assert held(replica, name) == ["3.0", "4.0"]
    told = status(replica)
    assert told["replica_of"]["missing_blobs"] == 0
    assert told["holding"]["is_settled"]
    assert told["holding"]["not_held_files"] >= 3
    assert "newest: 2" in deed(replica, "hold", "--show")
    deed(replica, "hold", "--clear")
    assert replica.follow().returncode == 0
    assert (held(replica, name), held(replica, other)) == (["1.0", "2.0", "3.0", "4.0"], ["1.0"])
    replica.require_equal()
    actions = replica.data.ask("SELECT action FROM accounts_auditentry WHERE action = 'replication.hold'")
    assert len(actions) == 2


def test_what_a_site_does_not_hold_comes_through_it_and_is_said(primary: TpiServer) -> None:
    name = project(primary, "1.0", "2.0")
    with TpiServer(settings=ALIKE) as site:
        site.inside(inside.hold, newest=1)
        site.inside(inside.join, url=primary.url, secret=primary.inside(inside.invite, name=f"r{uuid4().hex}"))
        with Session(site.url, basic(primary.password, "admin")) as session:

            def holds(*versions: str) -> None:
                wait_until(
                    lambda: site.inside(inside.held_versions, project=name) == list(versions),
                    _PATIENCE,
                    lambda: site.log[-3000:],
                )

            def statuses() -> set[int]:
                urls = {file["filename"].split("-")[1]: file["url"] for file in session.page(name)["files"]}
                assert set(urls) == {"1.0", "2.0"}
                return {session.download(url).status for url in urls.values()}

            holds("2.0")
            site.inside(inside.hold, projects=["nothing-of-this-name"])
            holds()
            assert statuses() == {200}, "they come from the primary, and are not kept"
            holds()
            site.inside(inside.hold)
            holds("1.0", "2.0")
            assert statuses() == {200}


def test_outside_its_times_rows_come_and_bytes_wait(replica: Replica, primary: TpiServer) -> None:
    assert replica.join().returncode == 0
    deed(replica, "limit", "--window", elsewhen())
    name = project(primary, "1.0")
    assert replica.follow().returncode == 1, "bytes are missing"
    assert held(replica, name) == []
    assert replica.data.ask(f"SELECT count(*) FROM indexapp_project WHERE normalized_name = '{name}'") == [(1,)]
    assert "again from" in status(replica)["fetching"]["waits"]
    deed(replica, "limit", "--rate", "10M")
    assert replica.follow().returncode == 0
    assert held(replica, name) == ["1.0"]
    assert status(replica)["fetching"] == {"rate": 10_000_000, "windows": [], "zone": "UTC", "waits": ""}


def test_bytes_that_do_not_come_are_put_off_and_nothing_is_kept_of_them(tmp_path: Path, primary: TpiServer) -> None:
    name = project(primary, "1.0")
    answers = [
        (404, b"<html>not here</html>", 0),
        (500, b"it broke", 0),
        (200, b"", 0),
        (206, b"x" * 10, 0),
        (200, b"<html>welcome to the hotel</html>", 0),
        (200, b"x" * 10**6, 2),
    ]
    with BentSite(primary.url) as bent:
        replica = Replica(tmp_path, primary, bent.url)
        deed(replica, "hold", "--project", name)
        deed(replica, "limit", "--window", elsewhen())
        assert replica.join().returncode == 0
        assert replica.follow().returncode == 1, "its two contents are wanted and wait"
        deed(replica, "limit", "--clear")
        for status_given, body, alarms in answers:
            answer = Bent(status_given, body, len(body))
            bent.bend = instead(answer)
            # After so many attempts the next one is hours away, and so one round makes one.
            replica.data.change("UPDATE indexapp_wantedblob SET attempts = 12, next_at = '2020-01-01 00:00:00'")
            assert replica.follow().returncode == 1
            assert replica.data.ask("SELECT count(*) FROM indexapp_blob") == [(0,)]
            rows = replica.data.ask("SELECT attempts, failure = '', next_at > '2021' FROM indexapp_wantedblob")
            assert rows == [(13, 0, 1), (13, 0, 1)], body
            rung = replica.data.ask("SELECT count(*) FROM accounts_alarm WHERE code = 'replica-wrong-bytes'")
            assert rung == [(alarms,)], body
        bent.bend = straight
        deed(replica, "hold", "--clear")
        replica.require_equal()


def test_a_full_disk_stops_the_bytes_rings_and_is_gone_on_with(tmp_path: Path, primary: TpiServer) -> None:
    name = f"p{uuid4().hex[:12]}"
    with small_disk(tmp_path / "small", 64) as folder:
        replica = Replica(tmp_path, primary, primary.url, TPI_STORAGE_URL=f"file://{folder}", TPI_MIN_FREE_MB="4")
        assert replica.join().returncode == 0
        assert replica.follow().returncode == 0
        upload(primary, build_wheel(name, "1.0"))
        ballast = fill(folder, leaving=2 * 2**20)
        assert replica.follow().returncode == 1
        assert held(replica, name) == []
        told = status(replica)
        assert "TPI_MIN_FREE_MB" in told["fetching"]["waits"]
        assert told["replica_of"]["failing_since"] is None, "changes come"
        open_alarms = "SELECT count(*) FROM accounts_alarm WHERE code = 'replica-disk-full' AND ended_at IS NULL"
        assert replica.data.ask(open_alarms) == [(1,)]
        ballast.unlink()
        assert replica.follow().returncode == 0
        assert held(replica, name) == ["1.0"]
        assert replica.data.ask(open_alarms) == [(0,)]
