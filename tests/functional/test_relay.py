"""Uploads that are sent to a replica: its primary takes or refuses them, and what it takes can be read where it was sent."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Pip
from tests.functional.installers import Uv as UvInstaller
from tests.functional.publishers import Publisher, Twine, Uv
from tests.functional.replicating import ALIKE
from tests.servers import inside
from tests.servers.bent import Bent, BentSite, straight
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("relay")]
_PATIENCE = 60.0


class Sites(NamedTuple):
    """``far`` follows ``primary`` by way of ``bent``, and ``farther`` follows ``far``."""

    primary: TpiServer
    bent: BentSite
    far: TpiServer
    farther: TpiServer


@pytest.fixture(scope="module")
def all_sites() -> Iterator[Sites]:
    with ExitStack() as stack:
        primary = stack.enter_context(TpiServer(settings=ALIKE))
        bent = stack.enter_context(BentSite(primary.url))
        far = stack.enter_context(TpiServer(settings=ALIKE))
        far.inside(inside.join, url=bent.url, secret=primary.inside(inside.invite, name="far"))
        farther = stack.enter_context(TpiServer(settings=ALIKE))
        farther.inside(inside.join, url=far.url, secret=far.inside(inside.invite, name="farther"))
        yield Sites(primary, bent, far, farther)


@pytest.fixture
def sites(all_sites: Sites) -> Iterator[Sites]:
    all_sites.bent.paths.clear()
    yield all_sites
    all_sites.bent.bend, all_sites.bent.takes = straight, None


def known_token(sites: Sites, **wishes: object) -> str:
    """A new token, when all sites know it."""
    token = str(sites.primary.inside(inside.token, **wishes))
    for site in (sites.far, sites.farther):
        with Session(site.url, basic(token)) as session:
            wait_until(lambda: session.get("/simple/").status == 200, _PATIENCE, lambda: site.log[-3000:])
    return token


def uploads(sites: Sites) -> int:
    """How often the primary was asked to take one."""
    return sum(path.endswith("/legacy/") for path, _ in sites.bent.paths)


@pytest.mark.parametrize("publisher", [Twine(), Uv()], ids=repr)
@pytest.mark.parametrize("path", ["/legacy/", "/main/legacy/"])
def test_what_is_published_at_a_replica_is_read_there_at_once(
    sites: Sites, tmp_path: Path, home: Home, publisher: Publisher, path: str
) -> None:
    token, name = known_token(sites), fresh_name()
    artefact = build(tmp_path, name)
    credentials = Credentials(password=token)
    for place in (sites.far, sites.farther):
        done = publisher.publish(home, artefact, f"{place.url}{path}", credentials)
        assert done.code == 0, done.output
        with Session(place.url, basic(token)) as session:
            assert len(session.listed(name)) == 2
        with Session(sites.primary.url, basic(token)) as session:
            assert len(session.listed(name)) == 2
        for installer in (Pip(), UvInstaller()):
            done, installed = installer.install(home, [name], f"{place.url}/simple/", credentials)
            assert done.code == 0, done.output
            assert installed == {name: "1.0"}


def test_the_primary_refuses_in_its_own_words(sites: Sites, tmp_path: Path, home: Home) -> None:
    token, name = known_token(sites), fresh_name()
    credentials = Credentials(password=token)
    assert Twine().publish(home, build(tmp_path, name), f"{sites.far.url}/legacy/", credentials).code == 0
    other = build(tmp_path, name, content=b"ANSWER = 43\n")
    for place in (sites.far, sites.farther):
        refused = Twine().publish(home, other, f"{place.url}/legacy/", credentials)
        assert refused.code != 0
        assert "400" in refused.output
        assert "already exists" in refused.output


def test_a_right_that_the_primary_took_away_a_moment_ago_is_none(sites: Sites, tmp_path: Path, home: Home) -> None:
    name, user = fresh_name(), fresh_name("u")
    sites.primary.inside(inside.user, name=user, password="a long enough password")
    sites.primary.inside(inside.grant, user=user, index="main", verbs=["read", "upload"])
    token = known_token(sites, user=user)
    sites.bent.bend = lambda path, status, body: (
        Bent(500, b"", 0) if "/replication/" in path else straight(path, status, body)
    )
    sites.primary.inside(inside.disable, name=user)
    refused = Twine().publish(home, build(tmp_path, name), f"{sites.far.url}/legacy/", Credentials(password=token))
    assert refused.code != 0
    assert "401" in refused.output


def test_nobody_uploads_with_a_replicas_secret_or_without_credentials(sites: Sites, tmp_path: Path, home: Home) -> None:
    secret = sites.primary.inside(inside.invite, name=fresh_name("r"))
    artefact = build(tmp_path, fresh_name())
    for place in (sites.primary, sites.far):
        with Session(place.url, basic(secret)) as session:
            assert session.get("/simple/").status == 401
        refused = Twine().publish(home, artefact, f"{place.url}/legacy/", Credentials("replica", secret))
        assert refused.code != 0
        assert "401" in refused.output
    assert uploads(sites) == 0


@pytest.mark.parametrize(
    "bend",
    [
        lambda status, body: Bent(500, b"it broke", 8),
        lambda status, body: Bent(404, b"<html>nothing</html>", 20),
        lambda status, body: Bent(200, b"\x00\xff garbage", 0),
        lambda status, body: Bent(status, b"x" * 100, 50),
        lambda status, body: Bent(302, b"", 0),
    ],
    ids=["500", "404", "cut", "half", "redirect"],
)
def test_whatever_the_primary_answers_a_repetition_is_safe(
    sites: Sites, tmp_path: Path, home: Home, bend: object
) -> None:
    """What is bent is the answer; the primary has taken the upload each time."""
    token, name = known_token(sites), fresh_name()
    artefact = build(tmp_path, name, kinds="wheel")
    sites.bent.bend = lambda path, status, body: (
        bend(status, body) if path.endswith("/legacy/") else straight(path, status, body)  # type: ignore[operator]
    )
    refused = Uv().publish(home, artefact, f"{sites.far.url}/legacy/", Credentials(password=token))
    assert refused.code != 0
    assert "did not say that it took the upload" in refused.output
    sites.bent.bend = straight
    done = Uv().publish(home, artefact, f"{sites.far.url}/legacy/", Credentials(password=token))
    assert done.code == 0, done.output
    with Session(sites.far.url, basic(token)) as session:
        assert len(session.listed(name)) == 1


def test_an_upload_that_is_cut_on_its_way_to_the_primary_leaves_nothing(
    sites: Sites, tmp_path: Path, home: Home
) -> None:
    token, name = known_token(sites), fresh_name()
    artefact = build(tmp_path, name, kinds="wheel", padding=bytes(500_000))
    sites.bent.takes = 1000
    refused = Uv().publish(home, artefact, f"{sites.far.url}/legacy/", Credentials(password=token))
    assert refused.code != 0
    assert "did not say that it took the upload" in refused.output
    assert uploads(sites) == 2, "it is tried once more"
    with Session(sites.primary.url, basic(token)) as session:
        assert session.get(f"/simple/{name}/").status == 404
    sites.bent.takes = None
    assert Twine().publish(home, artefact, f"{sites.far.url}/legacy/", Credentials(password=token)).code == 0


def test_a_repetition_does_not_bring_back_what_something_else_has_replaced(
    sites: Sites, tmp_path: Path, home: Home
) -> None:
    token, name = known_token(sites), fresh_name()
    sites.primary.inside(inside.index, name=(index := fresh_name("s")), profile="snapshot")
    credentials = Credentials(password=token)
    with Session(sites.far.url, basic(token)) as session:
        wait_until(lambda: session.get(f"/{index}/simple/").status == 200, _PATIENCE, lambda: sites.far.log[-3000:])
    first, second = (build(tmp_path, name, kinds="wheel", content=each) for each in (b"A = 1\n", b"A = 2\n"))
    url = f"{sites.far.url}/{index}/legacy/"
    for artefact in (first, first, second):
        done = Uv().publish(home, artefact, url, credentials)
        assert done.code == 0, done.output
    late = Uv().publish(home, first, url, credentials)
    assert late.code != 0
    assert "has been replaced or deleted since" in late.output
    assert Uv().publish(home, first, f"{sites.primary.url}/{index}/legacy/", credentials).code == 0


def test_a_primary_that_is_away_and_a_replica_that_is_paused(sites: Sites, tmp_path: Path, home: Home) -> None:
    token = known_token(sites)
    artefact = build(tmp_path, fresh_name())
    sites.farther.inside(inside.pause_following, is_paused=True)
    refused = Uv().publish(home, artefact, f"{sites.farther.url}/legacy/", Credentials(password=token))
    sites.farther.inside(inside.pause_following, is_paused=False)
    assert refused.code != 0
    assert "paused" in refused.output
    sites.primary.stop()
    try:
        refused = Uv().publish(home, artefact, f"{sites.far.url}/legacy/", Credentials(password=token))
    finally:
        sites.primary.start()
    assert refused.code != 0
    assert "did not say that it took the upload" in refused.output


BIG = Random(7).randbytes(3_000_000)


class Lacking(NamedTuple):
    """A project that a site has no bytes of: the addresses of its wheel and of the metadata, and what they are."""

    name: str
    path: str
    content: bytes
    token: str


def lacking(
    sites: Sites, folder: Path, home: Home, *places: TpiServer, is_wanted: bool, padding: bytes = BIG
) -> Lacking:
    token, name = known_token(sites), fresh_name()
    artefact = build(folder, name, kinds="wheel", padding=padding)
    done = Twine().publish(home, artefact, f"{sites.primary.url}/legacy/", Credentials(password=token))
    assert done.code == 0, done.output
    for place in places or (sites.far,):
        wait_until(lambda: place.inside(inside.here, project=name) == [True], _PATIENCE, lambda: place.log[-3000:])
        place.inside(inside.let_go, project=name, is_wanted=is_wanted)
    with Session(sites.far.url, basic(token)) as session:
        path = urlsplit(session.page(name)["files"][0]["url"]).path
    sites.bent.paths.clear()
    return Lacking(name, path, artefact.files[0].read_bytes(), token)


def asked(sites: Sites, found: Lacking) -> int:
    """How often the primary was asked for the wheel."""
    sha256 = hashlib.sha256(found.content).hexdigest()
    return sum(path.endswith(f"/blobs/{sha256}/") for path, _ in sites.bent.paths)


@pytest.mark.parametrize("is_wanted", [True, False])
def test_bytes_that_are_not_here_are_had_from_the_primary(
    sites: Sites, tmp_path: Path, home: Home, is_wanted: bool
) -> None:
    found = lacking(sites, tmp_path, home, is_wanted=is_wanted)
    etag = f'"{hashlib.sha256(found.content).hexdigest()}"'
    with Session(sites.far.url, basic(found.token)) as session:
        head = session.request("HEAD", found.path)
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(found.content)))
        assert head.headers["ETag"] == etag
        assert session.get(found.path, {"If-None-Match": etag}).status == 304
        assert session.get(found.path, {"Range": "bytes=99000000-"}).status == 416
        assert asked(sites, found) == 0, "none of this needs a byte"
        part = session.get(found.path, {"Range": "bytes=1000-1999"})
        assert (part.status, part.body) == (206, found.content[1000:2000])
        other = session.get(found.path, {"Range": "bytes=1000-1999", "If-Range": '"another"'})
        assert (other.status, other.body) == (200, found.content)
        assert session.get(found.path).body == found.content
        metadata = session.get(f"{found.path}.metadata")
        assert metadata.status == 200
        assert b"Name: " in metadata.body
    with Session(sites.far.url) as nobody:
        assert nobody.get(found.path).status == 401
    if is_wanted:
        wait_until(
            lambda: sites.far.inside(inside.here, project=found.name) == [True], _PATIENCE, lambda: sites.far.log
        )
    else:
        assert sites.far.inside(inside.here, project=found.name) == [False]


def test_however_many_ask_the_primary_is_asked_once(sites: Sites, tmp_path: Path, home: Home) -> None:
    found = lacking(sites, tmp_path, home, is_wanted=True)

    def read(_: int) -> bytes:
        with Session(sites.far.url, basic(found.token)) as session:
            return session.get(found.path).body

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(read, range(12))) == {found.content}
    assert asked(sites, found) == 1


def test_a_cut_is_gone_on_with_and_wrong_bytes_never_count(sites: Sites, tmp_path: Path, home: Home) -> None:
    found = lacking(sites, tmp_path, home, is_wanted=False)
    sites.bent.bend = lambda path, status, body: (
        Bent(status, body, 1_000_000) if "/blobs/" in path else straight(path, status, body)
    )
    with Session(sites.far.url, basic(found.token)) as session:
        assert session.get(found.path).body == found.content
    assert "bytes=1000000-" in {given for _, given in sites.bent.paths}
    sites.bent.bend = lambda path, status, body: (
        Bent(status, body[:-1] + bytes([body[-1] ^ 1]), len(body))
        if "/blobs/" in path
        else straight(path, status, body)
    )
    with Session(sites.far.url, basic(found.token)) as session, pytest.raises(http.client.IncompleteRead):
        session.get(found.path)
    with Session(sites.far.url, basic(found.token)) as session:
        small = session.get(f"{found.path}.metadata")
        assert (small.status, small.json()["code"]) == (503, "primary-mismatch")


@pytest.mark.parametrize(("status", "body"), [(500, b"it broke"), (404, b"<html>nothing</html>"), (200, b"")])
def test_while_the_primary_is_away_the_bytes_are_on_their_way(
    sites: Sites, tmp_path: Path, home: Home, status: int, body: bytes
) -> None:
    found = lacking(sites, tmp_path, home, is_wanted=True, padding=b"")
    sites.bent.bend = lambda path, known, given: (
        Bent(status, body or given, len(body)) if "/blobs/" in path else straight(path, known, given)
    )
    with Session(sites.far.url, basic(found.token)) as session:
        reply = session.get(found.path)
        assert (reply.status, reply.json()["code"]) == (503, "not-here-yet")
        assert reply.headers["Retry-After"]
        sites.bent.bend = straight
        wait_until(lambda: session.get(found.path).body == found.content, _PATIENCE, lambda: sites.far.log[-3000:])


def test_what_the_primary_lost_is_gone(sites: Sites, tmp_path: Path, home: Home) -> None:
    found = lacking(sites, tmp_path, home, is_wanted=True)
    sites.primary.inside(inside.let_go, project=found.name, is_wanted=False)
    with Session(sites.far.url, basic(found.token)) as session:
        reply = session.get(found.path)
        assert (reply.status, reply.json()["code"]) == (410, "primary-gone")
