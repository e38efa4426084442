"""A cache that many share stands in front of the installation, and clients lie about where they come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.builders.wheels import build_wheel
from tests.servers import inside
from tests.servers.nginx import nginx
from tests.servers.ports import LOOPBACK, free_port
from tests.servers.tpi import TpiServer
from tests.servers.wire import Reply, Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("caching proxy")]
_PROXY = "127.0.0.2"
"""Where the proxy asks from: clients that come past it come from elsewhere."""
_NAME = "tpi.example"


@dataclass(frozen=True)
class Site:
    """The installation, reached through the cache and past it, and the address of a file of a private and a public index."""

    server: TpiServer
    cached: str
    private: str
    public: str

    def ask(self, path: str, headers: dict[str, str] | None = None, *, past: bool = False) -> Reply:
        """GET through the cache, or past it."""
        with Session(self.server.url if past else self.cached, {"Host": _NAME}) as session:
            return session.get(path, headers)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    port = free_port()
    with TpiServer(settings={"TPI_TRUSTED_PROXIES": _PROXY}) as server:
        (server.folder / "nginx").mkdir()
        blobs = server.data / "files/blobs"
        for name, is_public in (("vault", False), ("shop", True)):
            server.inside(inside.index, name=name, anonymous_read=is_public)
        server.inside(inside.user, name="ann", password="a long enough password")
        owner = basic(server.inside(inside.token))
        files = []
        with Session(server.url, owner) as session:
            for index in ("vault", "shop"):
                assert session.upload(build_wheel("acme-tool", "1.0"), f"/{index}/legacy/").status == 200
                (file,) = session.page("acme-tool", f"/{index}")["files"]
                files.append(file["url"])
        with nginx(
            folder=server.folder / "nginx",
            port=port,
            upstream=server.url,
            prefix="",
            blobs=blobs,
            caching_from=_PROXY,
        ):
            yield Site(server, f"http://{LOOPBACK}:{port}", *files)


@pytest.fixture
def ann(site: Site) -> Iterator[dict[str, str]]:
    """The credentials of somebody who may read the private index, and may not afterwards."""
    site.server.inside(inside.grant, user="ann", index="vault", verbs=["read"])
    yield basic(site.server.inside(inside.token, user="ann", verbs=["read"]))
    site.server.inside(inside.revoke, user="ann", index="vault")


def test_the_cache_is_one(site: Site) -> None:
    """What is public does come from the cache; else the other tests would show nothing."""
    assert site.ask(site.public).headers["X-Cache"] == "MISS"
    again = site.ask(site.public)
    assert (again.status, again.headers["X-Cache"]) == (200, "HIT")
    assert again.headers["Cache-Control"].startswith("public")


@pytest.mark.parametrize("suffix", ["", ".metadata"])
def test_a_private_file_is_asked_for_again_when_the_rights_have_changed(
    site: Site, ann: dict[str, str], suffix: str
) -> None:
    path = site.private + suffix
    for _ in range(2):
        reply = site.ask(path, ann)
        assert (reply.status, reply.headers["X-Cache"]) == (200, "MISS")
        assert reply.headers["Cache-Control"].startswith("private")
        assert site.ask(path).status == 401
    site.server.inside(inside.revoke, user="ann", index="vault")
    assert site.ask(path, ann).status == 403
    assert site.ask(path, {**ann, "Range": "bytes=0-9"}).status == 403
    known = {**ann, "If-None-Match": reply.headers["ETag"]}
    assert site.ask(path, known).status == 403, "nor is it confirmed that it is the same as before"
    site.server.inside(inside.grant, user="ann", index="vault", verbs=["read"])
    assert site.ask(path, ann).status == 200


@pytest.mark.parametrize(
    "path", ["/vault/simple/", "/vault/simple/acme-tool/", "/vault/pypi/acme-tool/json", "/api/v1/tokens/"]
)
def test_private_pages_are_in_no_cache(site: Site, ann: dict[str, str], path: str) -> None:
    first = site.ask(path, ann)
    assert (first.status, first.headers["X-Cache"]) == (200, "MISS")
    assert site.ask(path).status == 401
    assert site.ask(path, ann).headers["X-Cache"] == "MISS"


def test_nobody_answers_for_a_file_by_the_name_of_another_host(site: Site, ann: dict[str, str]) -> None:
    assert site.ask(site.private, ann).status == 200
    for lie in (
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Host": _NAME, "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"},
        {"X-Original-URL": site.public},
        {"X-Rewrite-URL": site.public},
        {"Forwarded": f"for={LOOPBACK};host={_NAME};proto=https"},
        {"X-Forwarded-User": "admin", "X-Remote-User": "admin", "Remote-User": "admin"},
        {"X-Forwarded-Prefix": "/shop", "X-Script-Name": "/shop", "Script-Name": "/shop"},
    ):
        for past in (False, True):
            assert site.ask(site.private, lie, past=past).status == 401, (lie, past)


def test_a_host_that_somebody_made_up_is_in_nobody_elses_page(site: Site) -> None:
    path = "/shop/pypi/acme-tool/json"
    for lie in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}):
        site.ask(path, lie)
        site.ask(path, {**lie, "X-Forwarded-Proto": "javascript"})
        honest = site.ask(path)
        assert honest.status == 200
        assert b"evil.example" not in honest.body
        assert b"javascript" not in honest.body


def test_only_the_proxy_is_believed_about_where_a_request_comes_from(site: Site, ann: dict[str, str]) -> None:
    bound = basic(site.server.inside(inside.token, verbs=["read"], networks=["203.0.113.0/24"]))
    told = {**bound, "X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7"}
    for past in (False, True):
        assert site.ask(site.private, told, past=past).status == 401
    here = basic(site.server.inside(inside.token, verbs=["read"], networks=[LOOPBACK]))
    assert site.ask(site.private, here).status == 200, "the proxy tells of the client"
    assert site.ask(site.private, {**here, "X-Forwarded-For": "203.0.113.7"}).status == 200
