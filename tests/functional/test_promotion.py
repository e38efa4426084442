"""A replica takes over, the others change over to it, and the old primary comes back: both pasts, and nothing of either lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Credentials, Home
from tests.functional.load import Load
from tests.functional.promotions import is_fenced, join_as_heir, kill_all, manage, require_bytes, sha256
from tests.functional.publishers import Twine
from tests.functional.replicating import ALIKE, wait_until_equal
from tests.servers import inside
from tests.servers.postgres import Postgres
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]


@pytest.fixture(params=["sqlite", "postgresql"])
def sites(request: pytest.FixtureRequest) -> Iterator[tuple[TpiServer, TpiServer]]:
    """A primary with SQLite, and a replica with either that may take over."""
    with ExitStack() as stack:
        primary = stack.enter_context(TpiServer(settings=ALIKE))
        settings = dict(ALIKE)
        if request.param == "postgresql":
            settings["TPI_DATABASE_URL"] = stack.enter_context(Postgres(migrated=True)).url
        replica = stack.enter_context(TpiServer(settings=settings))
        join_as_heir(primary, replica)
        yield primary, replica


def test_an_old_primary_comes_back_and_nothing_of_either_side_is_lost(tmp_path: Path, home: Home) -> None:
    with TpiServer(settings=ALIKE) as primary, TpiServer(settings=ALIKE) as replica:
        join_as_heir(primary, replica)
        credentials = Credentials(password=primary.inside(inside.token))

        def publish(server: TpiServer, artefact: Artefact) -> None:
            Twine().publish(home, artefact, f"{server.url}/legacy/", credentials).require_success()

        both = build(tmp_path, fresh_name(), kinds="wheel")
        publish(primary, both)
        wait_until_equal(primary, replica)
        manage(replica, "pause")
        lost = build(tmp_path, fresh_name("lost"), kinds="wheel")
        contested = fresh_name("contested")
        ours = build(tmp_path, contested, kinds="wheel", content=b"ANSWER = 1\n")
        theirs = build(tmp_path, contested, kinds="wheel", content=b"ANSWER = 2\n")
        for artefact in (lost, ours):
            publish(primary, artefact)
        primary.inside(inside.user, name="latecomer", password="a long enough password")
        kill_all(primary)
        manage(replica, "resume")
        manage(replica, "promote", "--primary-is-down")
        publish(replica, theirs)

        secret = tmp_path / "secret"
        secret.write_text(manage(replica, "invite", "old").splitlines()[0])
        listed = tmp_path / "listed"
        told = manage(primary, "rejoin", replica.url, str(secret), "--list", str(listed))
        assert "follows the new primary" in told
        rows = [json.loads(line) for line in listed.read_text().splitlines()]
        files = {(row["kind"], row["filename"], row["sha256"]) for row in rows if row.get("has_bytes")}
        assert files == {
            ("only-here", lost.files[0].name, sha256(lost.files[0])),
            ("conflict", ours.files[0].name, sha256(ours.files[0])),
        }
        assert any(row["kind"] == "row" and "latecomer" in row["project"] for row in rows)
        assert {row["filename"] for row in rows if row.get("change") == "file-added"} >= {lost.files[0].name}

        primary.start()
        wait_until_equal(replica, primary)
        require_bytes(primary.url, [both, theirs], credentials)
        require_bytes(replica.url, [both, theirs], credentials)
        with closing(sqlite3.connect(primary.data / "tpi.sqlite3")) as there:
            alarms = {code for (code,) in there.execute("SELECT code FROM accounts_alarm WHERE ended_at IS NULL")}
        assert {"replication-conflict", "replication-leftovers"} <= alarms
        manage(primary, "quarantine", "export", str(tmp_path / "kept"))
        for artefact in (lost, ours):
            kept = tmp_path / "kept" / "main" / artefact.name / artefact.files[0].name
            assert kept.read_bytes() == artefact.files[0].read_bytes()
        manage(primary, "quarantine", "discard", "all")
        assert manage(primary, "quarantine", "list") == ""


def test_a_primary_that_answers_stops_first_and_nothing_is_lost(
    sites: tuple[TpiServer, TpiServer], tmp_path: Path
) -> None:
    primary, replica = sites
    token = primary.inside(inside.token)
    with Load() as load:
        load.uploads("upload", primary.url, token, sizes=(2_000,))
        load.wait_for_each(3)
        told = manage(replica, "promote")
        assert "had stopped" in told
        assert load.statuses[200] >= 3
        for failure in load.failures:
            raise failure
        acknowledged = list(load.acknowledged)
    assert is_fenced(primary, replica)
    with Session(replica.url, basic(token)) as session:
        for built in acknowledged:
            files = session.page(built.filename.split("-")[0].replace("_", "-"))["files"]
            (url,) = [file["url"] for file in files if file["filename"] == built.filename]
            assert session.download(url).body == built.content


def test_another_replica_changes_over_with_the_secret_that_it_has(tmp_path: Path, home: Home) -> None:
    with ExitStack() as stack:
        primary, heir, other = (stack.enter_context(TpiServer(settings=ALIKE)) for _ in range(3))
        secret = tmp_path / "other"
        secret.write_text(manage(primary, "invite", "other").splitlines()[0])
        join_as_heir(primary, heir)
        manage(other, "join", primary.url, str(secret))
        credentials = Credentials(password=primary.inside(inside.token))
        before = build(tmp_path, fresh_name(), kinds="wheel")
        Twine().publish(home, before, f"{primary.url}/legacy/", credentials).require_success()
        for replica in (heir, other):
            wait_until_equal(primary, replica)
        kill_all(primary)
        assert f"follow-primary {heir.url}" in manage(heir, "promote", "--primary-is-down")
        manage(heir, "follow-primary", other.url, code=1)  # who follows nobody changes over to nobody
        assert f"follows {heir.url}" in manage(other, "follow-primary", heir.url)
        after = build(tmp_path, fresh_name(), kinds="wheel")
        Twine().publish(home, after, f"{heir.url}/legacy/", credentials).require_success()
        wait_until_equal(heir, other)
        require_bytes(other.url, [before, after], credentials)
