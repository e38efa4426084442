"""A mirror in front of each kind of server that companies have: installers get the same bytes through it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.builders.core_metadata import Built
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Credentials, Home, tool
from tests.functional.installers import INSTALLERS
from tests.servers import inside
from tests.servers.peers import DevpiServer, PypiServer
from tests.servers.static_index import Behaviour, StaticIndex
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = pytest.mark.functional
KINDS = ("pypiserver", "devpi", "static-json", "static-html", "tpi")
_OPEN = {"TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artefact, Artefact]:
    """An application and the library that it needs."""
    folder = tmp_path_factory.mktemp("made")
    library = build(folder, fresh_name("library"), kinds="wheel")
    return build(folder, fresh_name("application"), requires=[library.name], kinds="wheel"), library


@pytest.fixture(scope="module")
def mirrors(artefacts: tuple[Artefact, Artefact]) -> Iterator[TpiServer]:
    """An installation with a mirror of each kind, named after it."""
    wheels = [path for artefact in artefacts for path in artefact.files]
    published = [Built(path.name, path.read_bytes()) for path in wheels]
    html = Behaviour(forms=("html",), urls="base", hashes="none", has_metadata=False, has_list=False)
    with ExitStack() as stack:
        tpi = stack.enter_context(TpiServer(settings=_OPEN))
        other = stack.enter_context(TpiServer(settings={"TPI_ANONYMOUS_READ": "on"}))
        with Session(other.url, basic(other.token)) as session:
            for built in published:
                assert session.upload(built).status == 200
        urls = {
            "pypiserver": stack.enter_context(PypiServer(published)).url,
            "devpi": stack.enter_context(DevpiServer(published)).url,
            "static-json": stack.enter_context(StaticIndex(published)).url,
            "static-html": stack.enter_context(StaticIndex(published, behaviour=html)).url,
            "tpi": f"{other.url}/simple/",
        }
        for name, url in urls.items():
            tpi.inside(inside.index, name=name, kind="mirror", upstream={"url": url})
        yield tpi


@pytest.fixture(scope="module")
def reader(mirrors: TpiServer) -> Credentials:
    return Credentials(password=mirrors.inside(inside.token, verbs=["read"]))


@pytest.mark.parametrize("kind", KINDS)
def test_installers_get_application_and_library(
    mirrors: TpiServer, reader: Credentials, artefacts: tuple[Artefact, Artefact], home: Home, kind: str
) -> None:
    application, library = artefacts
    for installer in INSTALLERS:
        url = f"{mirrors.url}/{kind}/simple/"
        outcome, found = installer.install(home, [application.name], url, reader)
        outcome.require_success()
        assert {application.name: "1.0", library.name: "1.0"}.items() <= found.items(), installer


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_are_the_upstreams(
    mirrors: TpiServer, reader: Credentials, artefacts: tuple[Artefact, Artefact], home: Home, kind: str
) -> None:
    target = home.folder / "wheels"
    url = reader.in_url(f"{mirrors.url}/{kind}/simple/")
    home.run(
        tool("pip"), "download", "--no-cache-dir", "--index-url", url, "--dest", target, artefacts[0].name
    ).require_success()
    assert _digests(target.iterdir()) == _digests(path for artefact in artefacts for path in artefact.files)


def _digests(paths: Iterator[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
