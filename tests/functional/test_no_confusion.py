"""A name of ours that has a higher version upstream: no tool under any option gets the upstream's through the group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders.core_metadata import Built
from tests.functional.artefacts import build
from tests.functional.client_tools import Artefact, Credentials, Home
from tests.functional.installers import Installer, Pdm, Pip, Poetry, Uv
from tests.servers import inside
from tests.servers.static_index import StaticIndex
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = pytest.mark.functional

LIBRARY, APPLICATION = "acme-library", "acme-application"


def _built(artefact: Artefact) -> list[Built]:
    return [Built(file.name, file.read_bytes()) for file in artefact.files]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("confusion")


@pytest.fixture(scope="module")
def upstream(folder: Path) -> Iterator[StaticIndex]:
    """A stranger's versions: higher, pre-releases of higher ones, and other files of our own version."""
    bad = b"raise SystemExit('a stranger')\n"
    files = [
        built
        for name in (LIBRARY, APPLICATION)
        for version in ("1.0", "99.0", "100.0rc1", "1.0.post1", "1.0+local")
        for built in _built(build(folder, name, version, content=bad, padding=version.encode()))
    ]
    with StaticIndex(files) as server:
        yield server


@pytest.fixture(scope="module")
def tpi(upstream: StaticIndex, folder: Path) -> Iterator[TpiServer]:
    """Ours is hosted in 'main', which stands behind the mirror in the group 'everything': the order must not matter."""
    with TpiServer(settings={"TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}) as server:
        with Session(server.url, basic(server.password, "admin")) as owner:
            _post(owner, "indexes/", {"name": "outside", "kind": "mirror", "upstream": {"url": upstream.url}})
            _post(owner, "indexes/", {"name": "everything", "kind": "group", "members": ["outside", "main"]})
            for artefact in (build(folder, LIBRARY), build(folder, APPLICATION, requires=[LIBRARY])):
                for built in _built(artefact):
                    assert owner.upload(built).status == 200
        yield server


def _post(session: Session, path: str, body: Any) -> Any:
    reply = session.request(
        "POST", f"/api/v1/{path}", json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    assert reply.status == 201, reply.body
    return json.loads(reply.body)


@pytest.fixture(scope="module")
def reader(tpi: TpiServer) -> Credentials:
    return Credentials(password=tpi.inside(inside.token, verbs=["read"]))


OPTIONS: list[tuple[Installer, tuple[str, ...]]] = [
    (Pip(), ()),
    (Pip(), ("--pre",)),
    (Pip(), ("--upgrade", "--upgrade-strategy", "eager")),
    (Pip(), ("--extra-index-url", "{group}")),
    (Pip(), ("--extra-index-url", "{mirror}", "--pre")),
    *(
        (Uv(), ("--index-strategy", strategy))
        for strategy in ("first-index", "unsafe-first-match", "unsafe-best-match")
    ),
    (Uv(), ("--index-strategy", "unsafe-best-match", "--index", "{mirror}", "--prerelease", "allow")),
    (Uv(), ("--prerelease", "allow", "--upgrade")),
    (Uv(), ("--resolution", "highest", "--index", "{group}")),
    (Poetry(), ()),
    (Pdm(), ()),
]


@pytest.mark.parametrize(("installer", "options"), OPTIONS, ids=str)
def test_no_tool_gets_the_strangers(
    tpi: TpiServer,
    upstream: StaticIndex,
    reader: Credentials,
    home: Home,
    installer: Installer,
    options: tuple[str, ...],
) -> None:
    group, mirror = f"{tpi.url}/everything/simple/", f"{tpi.url}/outside/simple/"
    filled = [option.format(group=reader.in_url(group), mirror=reader.in_url(mirror)) for option in options]
    outcome, found = installer.install(home, [APPLICATION], group, reader, *filled)
    outcome.require_success()
    assert {name: found.get(name) for name in (LIBRARY, APPLICATION)} == {LIBRARY: "1.0", APPLICATION: "1.0"}
    assert not any(version in outcome.words for version in ("99.0", "100.0"))
    assert not upstream.count(f"/{LIBRARY}/")
    assert not upstream.count(f"/{APPLICATION}/")


@pytest.mark.parametrize("installer", [Pip(), Uv()], ids=repr)
@pytest.mark.parametrize("wanted", ["99.0", "1.0.post1", "1.0+local"])
def test_an_exact_version_that_only_the_stranger_has_is_not_found(
    tpi: TpiServer, reader: Credentials, home: Home, installer: Installer, wanted: str
) -> None:
    group = f"{tpi.url}/everything/simple/"
    outcome, found = installer.install(home, [f"{LIBRARY}=={wanted}"], group, reader)
    assert outcome.code != 0
    assert LIBRARY not in found


def test_nothing_of_the_strangers_is_at_any_address(tpi: TpiServer, upstream: StaticIndex, reader: Credentials) -> None:
    upstream.requests.clear()
    with Session(tpi.url, basic(tpi.password, "admin")) as session:
        for index in ("everything", "outside"):
            for path in (
                f"/{index}/simple/{LIBRARY}/",
                f"/{index}/legacy/+simple/{LIBRARY}/",
                f"/{index}/pypi/{LIBRARY}/json",
                f"/{index}/project/{LIBRARY}/",
                f"/search/?q={LIBRARY}",
                f"/{index}/simple/",
                f"/{index}/",
                f"/api/v1/indexes/{index}/projects/",
            ):
                assert b"99.0" not in session.get(path).body, path
            assert session.get(f"/{index}/pypi/{LIBRARY}/99.0/json").status == 404
            for file in upstream.files.values():
                digest = _sha256(file.content)
                path = f"/{index}/files/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{file.filename}"
                assert session.get(path).status == 404
                assert session.get(f"{path}.metadata").status == 404
    assert upstream.requests == []


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
