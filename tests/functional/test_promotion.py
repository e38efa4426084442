"""The primary is killed in the middle of uploads, its replica takes over, and the old primary comes back and is fenced."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Credentials, Home, tool
from tests.functional.installers import Pip
from tests.functional.installers import Uv as UvInstall
from tests.functional.load import Load
from tests.functional.publishers import Twine, Uv
from tests.functional.test_replication import ALIKE, wait_until_equal
from tests.servers import inside
from tests.servers.ports import wait_until
from tests.servers.postgres import Postgres
from tests.servers.tpi import ROOT, TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]
_PATIENCE = 60.0
_BIG = 120_000_000
"""Bytes of an upload during which there is time to kill the server."""


def manage(server: TpiServer, *words: str, code: int = 0) -> str:
    """What ``manage.py replication`` says to its end."""
    command = [sys.executable, "manage.py", "replication", *words]
    done = subprocess.run(command, cwd=ROOT, env=server.environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


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


def join_as_heir(primary: TpiServer, replica: TpiServer, name: str = "far") -> None:
    secret = manage(primary, "invite", name, "--may-take-over", "--url", replica.url).splitlines()[0]
    replica.inside(inside.join, url=primary.url, secret=secret)


def is_fenced(server: TpiServer, by: TpiServer) -> bool:
    return f"until {by.url} took over" in manage(server, "status")


def require_installable(home: Home, server: TpiServer, names: list[str], credentials: Credentials) -> None:
    for installer in (Pip(), UvInstall()):
        done, found = installer.install(home, names, f"{server.url}/simple/", credentials)
        assert done.code == 0, done.output
        assert found == dict.fromkeys(names, "1.0")


def killed_in_mid_upload(home: Home, server: TpiServer, tmp_path: Path, credentials: Credentials) -> Artefact:
    """Publish what is large, hold the tool still while the bytes come in, and kill every process of the server."""
    big = build(tmp_path, fresh_name("big"), kinds="wheel", padding=os.urandom(_BIG))
    options = ("--non-interactive", "--disable-progress-bar", "--repository-url", f"{server.url}/legacy/")
    user = ("-u", credentials.username, "-p", credentials.password)
    command = [str(word) for word in (tool("twine"), "upload", *options, *user, *big.files)]
    with subprocess.Popen(command, cwd=home.folder, env=home.environment(), stdout=subprocess.DEVNULL) as twine:
        wait_until(lambda: _is_spooling(server), _PATIENCE, lambda: server.log[-3000:])
        twine.send_signal(signal.SIGSTOP)
        assert _is_spooling(server), "it was too fast for us"
        for member in reversed(server.members()):
            server.kill_member(member)
        twine.send_signal(signal.SIGCONT)
        assert twine.wait(_PATIENCE) != 0
    return big


def _is_spooling(server: TpiServer) -> bool:
    """Whether a process holds a file that nobody else can see."""
    return any("(deleted)" in name and "/files/" in name for member in server.members() for name in member.open_files())


def test_the_replica_takes_over_and_the_old_primary_is_fenced(
    sites: tuple[TpiServer, TpiServer], tmp_path: Path, home: Home
) -> None:
    primary, replica = sites
    credentials = Credentials(password=primary.inside(inside.token))
    first = build(tmp_path, fresh_name())
    Twine().publish(home, first, f"{primary.url}/legacy/", credentials).require_success()
    wait_until_equal(primary, replica)
    big = killed_in_mid_upload(home, primary, tmp_path, credentials)

    told = manage(replica, "promote", "--list", str(tmp_path / "missing"))
    assert "is the primary now" in told
    assert (tmp_path / "missing").read_text() == ""
    # Nothing but the address is another one, for the upload that broke off and for those that come.
    second = build(tmp_path, fresh_name())
    Twine().publish(home, big, f"{replica.url}/legacy/", credentials).require_success()
    Uv().publish(home, second, f"{replica.url}/legacy/", credentials).require_success()
    require_installable(home, replica, [first.name, big.name, second.name], credentials)

    primary.start()
    wait_until(lambda: is_fenced(primary, replica), _PATIENCE, lambda: primary.log[-3000:])
    refused = Twine().publish(home, build(tmp_path, fresh_name()), f"{primary.url}/legacy/", credentials)
    assert refused.code != 0
    assert f"until {replica.url} took over" in refused.words
    primary.stop()
    primary.start()
    assert is_fenced(primary, replica), "it stays so"
    with Session(primary.url, basic(credentials.password)) as session:
        assert session.get(f"/simple/{first.name}/").status == 200
    wait_until(lambda: "that one knows" in manage(replica, "status"), _PATIENCE, lambda: replica.log[-3000:])
    _require_bytes(replica, [first, big, second], credentials)


def _require_bytes(server: TpiServer, artefacts: list[Artefact], credentials: Credentials) -> None:
    with Session(server.url, basic(credentials.password)) as session:
        for artefact in artefacts:
            urls = {file["filename"]: file["url"] for file in session.page(artefact.name)["files"]}
            assert set(urls) == {path.name for path in artefact.files}
            for path in artefact.files:
                body = session.download(urls[path.name]).body
                assert hashlib.sha256(body).digest() == hashlib.sha256(path.read_bytes()).digest()


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
        for member in primary.members():
            primary.kill_member(member)
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
            ("only-here", lost.files[0].name, _sha256(lost)),
            ("conflict", ours.files[0].name, _sha256(ours)),
        }
        assert any(row["kind"] == "row" and "latecomer" in row["project"] for row in rows)
        assert {row["filename"] for row in rows if row.get("change") == "file-added"} >= {lost.files[0].name}

        primary.start()
        wait_until_equal(replica, primary)
        _require_bytes(primary, [both, theirs], credentials)
        _require_bytes(replica, [both, theirs], credentials)
        with closing(sqlite3.connect(primary.data / "tpi.sqlite3")) as there:
            alarms = {code for (code,) in there.execute("SELECT code FROM accounts_alarm WHERE ended_at IS NULL")}
        assert {"replication-conflict", "replication-leftovers"} <= alarms
        manage(primary, "quarantine", "export", str(tmp_path / "kept"))
        for artefact in (lost, ours):
            kept = tmp_path / "kept" / "main" / artefact.name / artefact.files[0].name
            assert kept.read_bytes() == artefact.files[0].read_bytes()
        manage(primary, "quarantine", "discard", "all")
        assert manage(primary, "quarantine", "list") == ""


def _sha256(artefact: Artefact) -> str:
    return hashlib.sha256(artefact.files[0].read_bytes()).hexdigest()


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
