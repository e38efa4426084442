"""bandersnatch and devpi follow an index, by credentials: what they have is what it has, at first and after changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.builders.core_metadata import Built
from tests.functional.artefacts import build
from tests.functional.client_tools import Credentials
from tests.servers import inside
from tests.servers.peers import Bandersnatch, DevpiServer
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = pytest.mark.functional
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
Contents = dict[str, dict[str, tuple[str, Any]]]
"""By project and file name, the SHA-256 of the bytes and the yank mark."""


class Site:
    """An installation with two hosted indexes in a group, and what changes in them."""

    def __init__(self, tpi: TpiServer, folder: Path) -> None:
        self.tpi, self._folder = tpi, folder
        self.reader = Credentials(password=tpi.inside(inside.token, verbs=["read"]))
        self._admin = basic(tpi.password, "admin")

    def upload(self, name: str, version: str, index: str = "main") -> None:
        with Session(self.tpi.url, self._admin) as session:
            for path in build(self._folder, name, version).files:
                assert session.upload(Built(path.name, path.read_bytes()), f"/{index}/legacy/").status == 200

    def rest(self, method: str, path: str, index: str = "main") -> None:
        with Session(self.tpi.url, self._admin) as session:
            reply = session.request(method, f"/api/v1/indexes/{index}/projects/{path}/", b"", {})
            assert reply.status < 300, reply.body

    def contents(self, index: str) -> Contents:
        """What the index gives to its readers, the bytes themselves."""
        with Session(self.tpi.url, basic(self.reader.password)) as session:
            listed = session.get(f"/{index}/simple/", JSON).json()["projects"]
            return {
                row["name"]: {
                    file["filename"]: (_sha256(session.download(file["url"]).body), file.get("yanked", False))
                    for file in session.page(row["name"], f"/{index}")["files"]
                }
                for row in listed
            }

    def publish(self) -> None:
        """What is there at first."""
        for name in ("alpha", "beta", "gamma"):
            self.upload(name, "1.0")
        self.upload("alpha", "2.0")
        self.upload("delta", "1.0", "second")
        self.upload("gamma", "0.1", "second")

    def change(self) -> None:
        """Something new, something yanked, and something of each sort deleted."""
        self.upload("alpha", "3.0")
        self.upload("epsilon", "1.0")
        self.rest("POST", "alpha/releases/2.0/yank")
        self.rest("DELETE", "alpha/releases/1.0")
        self.rest("DELETE", "beta/files/beta-1.0.tar.gz")
        self.rest("DELETE", "gamma")
        self.upload("delta", "1.1", "second")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with TpiServer() as tpi:
        tpi.inside(inside.index, name="second")
        tpi.inside(inside.index, name="both", kind="group", members=["main", "second"])
        site = Site(tpi, tmp_path)
        site.publish()
        yield site


def _serials(site: Site, index: str) -> dict[str, int]:
    with Session(site.tpi.url, basic(site.reader.password)) as session:
        return {row["name"]: row["_last-serial"] for row in session.get(f"/{index}/simple/", JSON).json()["projects"]}


@pytest.mark.parametrize(("index", "method"), [("main", "xmlrpc"), ("both", "xmlrpc"), ("both", "simple")])
def test_bandersnatch_follows(site: Site, tmp_path: Path, index: str, method: str) -> None:
    user = {site.reader.username: site.reader.password}
    mirror = Bandersnatch(tmp_path, f"{site.tpi.url}/{index}", user, method)
    mirror.run()
    expected = site.contents(index)
    assert {name: mirror.files(name) for name in mirror.projects()} == expected
    assert mirror.serial == max(_serials(site, index).values())
    before = mirror.serial
    site.change()
    said = mirror.run()
    expected = site.contents(index)
    assert {name: mirror.files(name) for name in expected} == expected
    # It keeps what is gone as a whole, until it is told to look for such.
    assert mirror.projects() - expected.keys() == ({"gamma"} if index == "main" else set())
    assert mirror.serial >= max(_serials(site, index).values()) > before
    assert "Syncing all packages" not in said
    at_the_end = mirror.serial
    mirror.run()
    assert mirror.serial == at_the_end


def test_devpi_follows(site: Site) -> None:
    with DevpiServer(()) as devpi, Session(devpi.base) as session:
        for index in ("main", "both"):
            path = devpi.mirror(f"of-{index}", site.reader.in_url(f"{site.tpi.url}/{index}/simple/"))
            assert _at_devpi(devpi, session, path, _listed(session, path)) == site.contents(index)
        site.change()
        for index in ("main", "both"):
            expected, path = site.contents(index), f"/root/of-{index}/+simple/"
            devpi.configure(f"of-{index}", "mirror_cache_expiry=0")
            assert _listed(session, path) == expected.keys()
            # To a list that is the same still it would now say that it has no project but those it has pages of.
            devpi.configure(f"of-{index}", "mirror_no_project_list=True")
            assert _at_devpi(devpi, session, path, expected) == expected
        assert "serial mismatch" not in devpi.log


def _listed(session: Session, path: str) -> set[str]:
    page = session.get(path, {"Accept": "text/html"}).body.decode()
    return set(re.findall(r"<a href=\"[^\"]*\">([^<]+)</a>", page))


def _at_devpi(devpi: DevpiServer, session: Session, path: str, names: Iterable[str]) -> Contents:
    """What devpi gives to its own readers, the bytes themselves."""
    return {name: dict(_of_project(devpi, session, f"{path}{name}/")) for name in names}


def _of_project(devpi: DevpiServer, session: Session, path: str) -> Iterator[tuple[str, tuple[str, Any]]]:
    reply = session.get(path, JSON)
    assert reply.status == 200, devpi.log
    for file in reply.json()["files"]:
        url = urljoin(f"{devpi.base}{path}", file["url"])
        yield file["filename"], (_sha256(session.download(url).body), file.get("yanked", False))
