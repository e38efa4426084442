"""The one index that a company configures: an empty group of a hosted index and a mirror gives a whole application.

Each tool resolves, locks and installs a hundred and eleven distributions through the group; then again on a fresh machine
while the upstream is gone, with the same lock and the same bytes.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional import application
from tests.functional.client_tools import (
    Credentials,
    Home,
    installed,
    interpreter,
    make_environment,
    site_packages,
    tool,
)
from tests.servers import inside
from tests.servers.static_index import Behaviour, StaticFile, StaticIndex
from tests.servers.tpi import TpiServer

pytestmark = pytest.mark.functional
_PATIENCE = 1200
_LONG = 24 * 3600
"""Pages, and that there is none, are known for longer than a slow machine needs for all the tools."""
_BETWEEN = "2025-01-01T00:00:00Z"


@dataclass(frozen=True)
class World:
    """A company's installation and the outside."""

    tpi: TpiServer
    upstream: StaticIndex
    reader: Credentials
    digests: dict[str, str]

    def url(self, index: str = "all") -> str:
        """The Simple address of an index, with the credentials."""
        return self.reader.in_url(f"{self.tpi.url}/{index}/simple/")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("outside")
    artefacts = application.build_application(folder)
    wheels = [path for artefact in artefacts for path in artefact.files]
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels}
    with (
        StaticIndex(map(_published, wheels)) as upstream,
        TpiServer(settings={"TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}) as tpi,
    ):
        told = {"url": upstream.url, "page_seconds": _LONG, "missing_seconds": _LONG}
        tpi.inside(inside.index, name="outside", kind="mirror", upstream=told)
        tpi.inside(inside.index, name="all", kind="group", members=["main", "outside"])
        yield World(tpi, upstream, Credentials(password=tpi.inside(inside.token, verbs=["read"])), digests)


def _published(wheel: Path) -> StaticFile:
    """The older versions a year before the others."""
    year = 2024 if f"-{application.OLDER}-" in wheel.name else 2025
    return StaticFile(wheel.name, wheel.read_bytes(), upload_time=f"{year}-05-01T12:00:00.123456Z")


def pip(world: World, home: Home, *more: str) -> tuple[dict[str, str], str]:
    """Resolve and fetch; what was fetched, as a lock of file names and digests."""
    target = home.folder / "wheels"
    home.run(
        *(tool("pip"), "download", "--no-cache-dir", "--index-url", world.url(), "--dest", target, *more),
        application.APPLICATION,
        seconds=_PATIENCE,
    ).require_success()
    fetched = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in target.iterdir()}
    assert fetched.items() <= world.digests.items()
    site = home.folder / "site"
    home.run(
        *(tool("pip"), "install", "--no-index", "--find-links", target, "--target", site, application.APPLICATION)
    ).require_success()
    return installed(site), repr(sorted(fetched.items()))


def uv(world: World, home: Home, *more: str) -> tuple[dict[str, str], str]:
    folder = home.project("app", _pyproject())
    options = ("--no-progress", "--python", interpreter(), "--default-index", world.url(), *more)
    home.run(tool("uv"), "sync", *options, cwd=folder, seconds=_PATIENCE).require_success()
    return installed(site_packages(folder / ".venv")), (folder / "uv.lock").read_text()


def poetry(world: World, home: Home) -> tuple[dict[str, str], str]:
    source = f'[[tool.poetry.source]]\nname = "tpi"\nurl = "{world.tpi.url}/all/simple/"\npriority = "primary"\n'
    folder = home.project("app", _pyproject() + "[tool.poetry]\npackage-mode = false\n" + source)
    who = {
        "POETRY_HTTP_BASIC_TPI_USERNAME": world.reader.username,
        "POETRY_HTTP_BASIC_TPI_PASSWORD": world.reader.password,
    }
    home.run(tool("poetry"), "install", "-n", cwd=folder, more=who, seconds=_PATIENCE).require_success()
    return installed(site_packages(folder / ".venv")), (folder / "poetry.lock").read_text()


def pdm(world: World, home: Home) -> tuple[dict[str, str], str]:
    source = f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{world.url()}"\nverify_ssl = true\n'
    folder = home.project("app", _pyproject() + "[tool.pdm]\ndistribution = false\n" + source)
    make_environment(folder / ".venv")
    home.run(tool("pdm"), "install", "--no-self", cwd=folder, seconds=_PATIENCE).require_success()
    return installed(site_packages(folder / ".venv")), (folder / "pdm.lock").read_text()


def _pyproject() -> str:
    return (
        '[project]\nname = "company"\nversion = "0"\nrequires-python = ">=3.11,<3.15"\n'
        f'dependencies = ["{application.APPLICATION}"]\n'
    )


TOOLS = (pip, uv, poetry, pdm)


def test_every_tool_gets_the_application_and_again_when_the_upstream_is_gone(world: World, tmp_path: Path) -> None:
    locks = {}
    for each in TOOLS:
        found, locks[each] = each(world, Home(tmp_path / f"first-{each.__name__}"))
        assert application.expected().items() <= found.items(), each
    asked = len(world.upstream.requests)
    world.upstream.behaviour = Behaviour(fault="reset")
    try:
        for each in TOOLS:
            home = Home(tmp_path / f"again-{each.__name__}")
            found, lock = each(world, home)
            assert application.expected().items() <= found.items(), each
            assert lock == locks[each], each
            shutil.rmtree(home.folder)
    finally:
        world.upstream.behaviour = Behaviour()
    assert len(world.upstream.requests) == asked


def test_dates_choose_the_version_through_mirror_and_group(world: World, tmp_path: Path) -> None:
    name = application.library(5)
    for index in ("outside", "all"):
        home = Home(tmp_path / index)
        with_uv, with_pip = home.folder / "uv", home.folder / "pip"
        home.run(
            *(tool("uv"), "pip", "install", "--no-progress", "--python", interpreter(), "--no-deps"),
            *("--default-index", world.url(index), "--exclude-newer", _BETWEEN, "--target", with_uv, name),
        ).require_success()
        home.run(
            *(tool("pip"), "install", "--no-cache-dir", "--no-deps", "--index-url", world.url(index)),
            *("--uploaded-prior-to", _BETWEEN, "--target", with_pip, name),
        ).require_success()
        assert installed(with_uv) == installed(with_pip) == {name: "1.0"}
