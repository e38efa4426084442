"""The primary dies under load, the standby is promoted, the old primary comes back; and commits whose answer is lost."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.core_metadata import Built
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials
from tests.functional.installers import Pip
from tests.functional.installers import Uv as UvInstall
from tests.functional.load import Load
from tests.functional.publishers import Twine, Uv
from tests.servers import inside
from tests.servers.cluster import Cluster
from tests.servers.lossy import LossyRelay
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(settings={"TPI_JOB_LEASE_SECONDS": "4", "TPI_DRAIN_SECONDS": "2"}, standby=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def owner(cluster: Cluster) -> Credentials:
    return Credentials(password=cluster.nodes[0].inside(inside.token))


def test_a_commit_whose_answer_is_lost_is_there_once_when_it_is_tried_again(
    cluster: Cluster, owner: Credentials, tmp_path: Path
) -> None:
    (path,) = build(tmp_path, fresh_name(), kinds="wheel", padding=os.urandom(100_000)).files
    built = Built(path.name, path.read_bytes())
    with LossyRelay(cluster.database.port).relaying() as relay:
        url = cluster.database.url.replace(str(cluster.database.port), str(relay.port))
        with (
            TpiServer(settings=cluster.nodes[0].settings | {"TPI_DATABASE_URL": url}) as node,
            Session(node.url, basic(owner.password)) as session,
        ):
            assert session.get("/simple/").status == 200
            relay.arm('INSERT INTO "indexapp_file"')
            lost = session.upload(built)
            assert relay.has_lost.is_set()
            assert (lost.status, lost.headers["Retry-After"]) == (503, "5"), lost.body
            assert lost.json()["detail"].startswith("The database cannot be reached")
            assert session.upload(built).status == 200
            found = session.page(path.name.split("-")[0].replace("_", "-"))["files"]
            assert [file["filename"] for file in found] == [built.filename]
            assert session.download(found[0]["url"]).body == built.content
    assert cluster.ask(f"SELECT count(*) FROM indexapp_file WHERE filename = '{built.filename}'") == ["1"]
    assert cluster.ask(f"SELECT count(*) FROM indexapp_change WHERE filename = '{built.filename}'") == ["1"]


def test_the_primary_dies_under_load_the_standby_takes_over_and_the_old_primary_is_left_alone(
    cluster: Cluster, owner: Credentials, tmp_path: Path
) -> None:
    for node in cluster.nodes:
        node.wait_until_job_cluster_runs()
    url, token = cluster.url, owner.password
    with Load() as load:
        for number, node in enumerate(cluster.nodes):
            load.uploads(f"upload {number}", node.url, token)
            load.reads(f"read {number}", node.url, "/simple/", token)
        load.uploads("upload by the proxy", url, token)
        load.publishes_and_installs(tmp_path, url, owner, Twine(), Pip())
        load.publishes_and_installs(tmp_path, url, owner, Uv(), UvInstall())
        load.wait_for_each(1)
        cluster.database.crash()
        wait_until(lambda: load.statuses.get(503, 0) >= 10, 30, lambda: f"nobody is refused: {load.statuses}")
        cluster.fail_over()
        load.wait_for_each(2)
    assert not load.broken
    assert set(load.statuses) == {200, 503}
    assert all(reply.headers["Retry-After"] for reply in load.replies if reply.status == 503)
    assert all(b"again" in reply.body for reply in load.replies if reply.status == 503)
    _require_all(cluster, token, load.acknowledged)
    _require_old_primary_is_left(cluster, owner)


def _require_old_primary_is_left(cluster: Cluster, owner: Credentials) -> None:
    """It takes writes as before, it is named first, and the node that starts now knows it by nothing but its timeline."""
    old = cluster.standby
    old.start()
    old.ask("ALTER SYSTEM RESET synchronous_standby_names")
    old.ask("SELECT pg_reload_conf()")
    written = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
    state = (old.ask("SELECT pg_is_in_recovery()"), old.ask("SELECT max(serial) FROM indexapp_change", "tpi"))
    node = cluster.nodes[0]
    node.kill("supervisor")
    node.start()
    node.wait_until_job_cluster_runs()
    job = node.inside(inside.enqueue_a_job)
    wait_until(lambda: node.inside(inside.job_has_run, job=job), 60, lambda: f"no job runs:\n{node.log[-3000:]}")
    with Load() as load:
        for number, started in enumerate(cluster.nodes):
            load.uploads(f"upload {number}", started.url, owner.password)
        load.wait_for_each(3)
    assert set(load.statuses) == {200}
    _require_all(cluster, owner.password, load.acknowledged)
    assert state == (["f"], old.ask("SELECT max(serial) FROM indexapp_change", "tpi"))
    assert set(old.ask(written, "tpi")) <= {"0", ""}
    there = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'tpi'"  # who connects anew looks, and leaves again
    wait_until(lambda: old.ask(there) == ["0"], 30, lambda: f"somebody stays: {old.ask(there)}")


def _require_all(cluster: Cluster, token: str, acknowledged: list[Built]) -> None:
    """Every upload that was acknowledged is there with its bytes, once."""
    assert len(acknowledged) > 5
    for node in cluster.nodes:
        with Session(node.url, basic(token)) as session:
            pages = {one.filename.split("-")[0] for one in acknowledged}
            files = {file["filename"]: file for name in pages for file in session.page(name.replace("_", "-"))["files"]}
            for built in acknowledged:
                body = session.download(files[built.filename]["url"]).body
                assert hashlib.sha256(body).digest() == hashlib.sha256(built.content).digest()
    counted = "SELECT count(*), count(DISTINCT filename) FROM indexapp_change WHERE kind = 'file-added'"
    (line,) = cluster.ask(counted)
    assert len(set(line.split("|"))) == 1, line
