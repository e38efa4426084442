"""A primary and a replica of it, with databases of different kinds: what is published on the one is installed from the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Pip, Uv
from tests.functional.publishers import Twine
from tests.functional.replicating import ALIKE, followers, wait_until_equal
from tests.servers import inside, processes
from tests.servers.ports import wait_until
from tests.servers.postgres import Postgres
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]
JSON = {"Content-Type": "application/json"}
_PATIENCE = 60.0


@pytest.fixture(params=["sqlite", "postgresql"])
def sites(request: pytest.FixtureRequest) -> Iterator[tuple[TpiServer, TpiServer]]:
    """A primary with SQLite and a replica that has joined it, with either."""
    with ExitStack() as stack:
        primary = stack.enter_context(TpiServer(settings=ALIKE))
        settings = dict(ALIKE)
        if request.param == "postgresql":
            settings["TPI_DATABASE_URL"] = stack.enter_context(Postgres(migrated=True)).url
        replica = stack.enter_context(TpiServer(settings=settings))
        replica.inside(inside.join, url=primary.url, secret=primary.inside(inside.invite, name="far"))
        yield primary, replica


def test_what_is_published_on_the_primary_is_installed_from_the_replica_when_the_primary_is_stopped(
    sites: tuple[TpiServer, TpiServer], tmp_path: Path, home: Home
) -> None:
    primary, replica = sites
    token = primary.inside(inside.token)
    name, credentials = fresh_name(), Credentials(password=token)
    artefacts = [build(tmp_path / version, name, version) for version in ("1.0", "1.1", "1.2")]
    for artefact in artefacts:
        outcome = Twine().publish(home, artefact, f"{primary.url}/legacy/", credentials)
        assert outcome.code == 0, outcome.output

    with Session(replica.url, basic(token)) as session:

        def is_listed() -> bool:
            return session.get(f"/simple/{name}/").status == 200 and len(session.listed(name)) == 6

        wait_until(is_listed, _PATIENCE, lambda: replica.log[-3000:])
        primary.inside(inside.yank, project=name, version="1.1", reason="broken")
        primary.inside(inside.delete_release, project=name, version="1.2")

        def has_followed() -> bool:
            files = session.page(name)["files"]
            return len(files) == 4 and sum(file["yanked"] == "broken" for file in files) == 2

        wait_until(has_followed, _PATIENCE, lambda: replica.log[-3000:])
        wait_until_equal(primary, replica)
        status = replica.inside(inside.replication_status)
        assert (status["serials_behind"], status["missing_blobs"], status["failure"]) == (0, 0, "")

        refused = session.request("POST", f"/api/v1/indexes/main/projects/{name}/releases/1.0/yank/", b"{}", JSON)
        assert refused.status == 503
        assert f"replica of {primary.url}" in refused.reason

    primary.stop()
    for installer in (Pip(), Uv()):
        done, installed = installer.install(home, [name], f"{replica.url}/simple/", credentials)
        assert done.code == 0, done.output
        assert installed == {name: "1.0"}


def test_people_and_rights_follow(sites: tuple[TpiServer, TpiServer]) -> None:
    primary, replica = sites
    primary.inside(inside.user, name="outsider", password="a long enough password")
    token = primary.inside(inside.token, user="outsider", verbs=["read"])
    with Session(replica.url, basic(token)) as session:
        wait_until(lambda: session.get("/simple/").status == 403, _PATIENCE, lambda: replica.log[-3000:])
        primary.inside(inside.grant, user="outsider", index="main", verbs=["read"])
        wait_until(lambda: session.get("/simple/").status == 200, _PATIENCE, lambda: replica.log[-3000:])
        primary.inside(inside.disable, name="outsider")
        wait_until(lambda: session.get("/simple/").status == 401, _PATIENCE, lambda: replica.log[-3000:])
    wait_until_equal(primary, replica)


@pytest.mark.parametrize("place", [0, 1])
def test_a_killed_follower_is_started_again(sites: tuple[TpiServer, TpiServer], place: int) -> None:
    primary, replica = sites
    primary.inside(inside.publish, numbers=[1])
    wait_until_equal(primary, replica)
    before = followers(replica)
    processes.kill(before[place])  # of the changes, and of the bytes
    wait_until(lambda: not {*before} & {*followers(replica)}, _PATIENCE, lambda: replica.log[-3000:])
    sums = primary.inside(inside.publish, numbers=[2, 3])
    wait_until_equal(primary, replica)
    assert replica.inside(inside.kept).items() >= sums.items()


def test_a_killed_job_cluster_follows_again(sites: tuple[TpiServer, TpiServer]) -> None:
    primary, replica = sites
    primary.inside(inside.publish, numbers=[1])
    wait_until_equal(primary, replica)
    before = followers(replica)
    replica.kill("jobs")
    sums = primary.inside(inside.publish, numbers=[2, 3])
    wait_until_equal(primary, replica)
    assert replica.inside(inside.kept).items() >= sums.items()
    assert not {*before} & {*followers(replica)}
