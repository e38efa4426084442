"""An installation whose files are in a bucket, while the bucket answers and while it does not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.core_metadata import Built
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Pip
from tests.functional.installers import Uv as UvInstall
from tests.functional.publishers import Twine, Uv
from tests.servers import ceph as ceph_server
from tests.servers import inside
from tests.servers.ceph import Ceph
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("ceph")]
_KEYS = {"AWS_ACCESS_KEY_ID": ceph_server.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": ceph_server.SECRET_KEY}


@pytest.fixture(scope="module")
def bucket(_ceph_of_the_process: Ceph) -> str:
    _ceph_of_the_process.reset()
    return _ceph_of_the_process.bucket()


@pytest.fixture(scope="module")
def site(_ceph_of_the_process: Ceph, bucket: str) -> Iterator[TpiServer]:
    address = _ceph_of_the_process.address(bucket, connect_timeout="2", read_timeout="6", attempts="1")
    # One process: a test that has let the bucket go waits until no process spares it any more.
    with TpiServer(settings=_KEYS | {"TPI_STORAGE_URL": address, "TPI_WORKERS": "1"}) as server:
        yield server


@pytest.fixture(scope="module")
def owner(site: TpiServer) -> Credentials:
    return Credentials(password=site.inside(inside.token))


def test_what_is_published_lies_sealed_in_the_bucket_and_installs(
    ceph: Ceph, bucket: str, site: TpiServer, owner: Credentials, home: Home, tmp_path: Path
) -> None:
    artefacts = [build(tmp_path, fresh_name(), padding=os.urandom(100_000)) for _ in range(2)]
    for publisher, artefact in zip((Twine(), Uv()), artefacts, strict=True):
        publisher.publish(home, artefact, f"{site.url}/legacy/", owner).require_success()
    for installer, artefact in zip((Pip(), UvInstall()), artefacts, strict=True):
        outcome, found = installer.install(home, [artefact.name], f"{site.url}/simple/", owner)
        outcome.require_success()
        assert found == {artefact.name: "1.0"}
    client = ceph.client()
    objects = [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]]
    bodies = [client.get_object(Bucket=bucket, Key=name)["Body"].read() for name in objects]
    assert len(bodies) >= 6, "four files and the metadata of the wheels"
    assert {body[:4] for body in bodies} == {b"TPI1"}
    for content in (path.read_bytes() for artefact in artefacts for path in artefact.files):
        assert not any(content[place : place + 32] in body for body in bodies for place in (0, 5_000, 90_000))
    assert site.blobs() == set()


def test_ranges_come_from_the_bucket(site: TpiServer, owner: Credentials, tmp_path: Path) -> None:
    built = _wheel(tmp_path, os.urandom(300_000))
    with Session(site.url, basic(owner.password)) as session:
        _put(session, built)
        url = session.page(_project(built))["files"][0]["url"]
        for first, last in ((0, 99), (65_000, 66_000), (200_000, 250_000)):
            reply = session.download(url, {"Range": f"bytes={first}-{last}"})
            assert (reply.status, reply.body) == (206, built.content[first : last + 1])
        assert session.download(url, {"Range": "bytes=-500"}).body == built.content[-500:]


def _put(session: Session, built: Built) -> None:
    """Publish; a process may still be sparing the bucket after what an earlier test did to it."""
    wait_until(lambda: session.upload(built).status == 200, 60, lambda: "Nothing can be uploaded.")


@pytest.mark.parametrize("failure", ["paused", "gone"])
def test_a_bucket_that_does_not_answer_takes_nothing_but_the_files_away(
    ceph: Ceph, site: TpiServer, owner: Credentials, tmp_path: Path, failure: str
) -> None:
    built, other = _wheel(tmp_path, os.urandom(300_000)), _wheel(tmp_path, b"")
    with Session(site.url, basic(owner.password)) as session:
        _put(session, built)
        url = session.page(_project(built))["files"][0]["url"]
        if failure == "paused":
            ceph.pause()
        else:
            ceph.stop()
        try:
            refused = [session.download(url), session.upload(other)]
            assert [reply.status for reply in refused] == [503, 503]
            assert {reply.json()["code"] for reply in refused} == {"storage-away"}
            assert all(int(reply.headers["Retry-After"]) > 0 for reply in refused)
            assert session.listed(_project(built)) != {}
            assert session.get(f"/simple/{_project(other)}/").status == 404
            # What a process knows of the bucket holds for some seconds.
            wait_until(lambda: session.get("/readyz").json()["status"] == "degraded", 60, lambda: "It is still well.")
            ready = session.get("/readyz")
            assert ready.status == 200
            assert ready.json()["parts"]["storage"] == "The storage does not answer."
            assert not site.incoming()
        finally:
            ceph.reset()
        wait_until(lambda: session.download(url).body == built.content, 60, lambda: "The file does not come back.")
        wait_until(lambda: session.upload(other).status == 200, 60, lambda: "Uploads do not come back.")
        wait_until(lambda: session.get("/readyz").json()["status"] == "ok", 60, lambda: "It stays degraded.")


def _wheel(folder: Path, padding: bytes) -> Built:
    (path,) = build(folder, fresh_name(), kinds="wheel", padding=padding).files
    return Built(path.name, path.read_bytes())


def _project(built: Built) -> str:
    return built.filename.split("-")[0].replace("_", "-")
