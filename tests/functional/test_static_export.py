"""An index is exported, nginx serves the folder, and clients and another TPI have all of it without the first one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.exported_tree import manifest_of, page_of, require_whole
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Artefact, Credentials, Home
from tests.functional.installers import Installer, Pip
from tests.functional.installers import Uv as UvInstaller
from tests.functional.publishers import Uv
from tests.servers import inside
from tests.servers.data_folder import DataFolder
from tests.servers.nginx_static import NginxStatic
from tests.servers.tpi import ROOT, TpiServer
from tests.servers.wire import Session

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("static export")]
JSON = "application/vnd.pypi.simple.v1+json"
INSTALLERS = [Pip(), UvInstaller()]


def exported(environment: dict[str, str], *words: str | Path, code: int = 0) -> dict[str, Any]:
    """What the command says of an export."""
    command = [sys.executable, "manage.py", "export_static", *map(str, words), "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@dataclass(frozen=True)
class World:
    """An installation that is stopped again, the export of its index 'second', and nginx before it."""

    server: TpiServer
    tree: Path
    site: NginxStatic
    library: Artefact
    application: Artefact


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("export")
    tree, home = folder / "tree", Home(folder / "home")
    tree.mkdir(mode=0o755)
    library = build(folder, fresh_name("library"))
    application = build(folder, fresh_name("application"), requires=[library.name], padding=os.urandom(600_000))
    with TpiServer() as server, NginxStatic(tree) as site:
        owner = Credentials(password=server.inside(inside.token))
        server.inside(inside.index, name="second")
        for artefact in (library, application):
            Uv().publish(home, artefact, f"{server.url}/second/legacy/", owner).require_success()
        server.stop()
        assert exported(server.environment, "second", tree)["files"] == 8
        yield World(server, tree, site, library, application)


@pytest.mark.parametrize("installer", INSTALLERS, ids=repr)
def test_installs(world: World, home: Home, installer: Installer) -> None:
    outcome, found = installer.install(home, [world.application.name], f"{world.site.url}/simple/", None)
    outcome.require_success()
    assert found == {world.application.name: "1.0", world.library.name: "1.0"}


def test_nothing_in_it_is_sealed_and_everything_is_right(world: World) -> None:
    """The installation has its contents sealed; nobody needs its keys for the tree."""
    stored = b"".join(path.read_bytes() for path in (world.server.data / "files/blobs").rglob("*") if path.is_file())
    manifest = require_whole(world.tree)
    for artefact in (world.library, world.application):
        for file in artefact.files:
            (path,) = (world.tree / path for path in manifest["files"] if path.endswith(f"/{file.name}"))
            assert path.read_bytes() == file.read_bytes()
            assert file.read_bytes()[:100] not in stored


def test_each_asks_for_the_form_that_it_reads(world: World) -> None:
    pip = f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
    name = world.library.name
    with Session(world.site.url) as session:
        for path in ("/simple/", f"/simple/{name}/"):
            for accept, form in ((pip, JSON), ("text/html", "text/html"), ("*/*", "text/html")):
                reply = session.get(path, {"Accept": accept})
                assert (reply.status, reply.headers["Content-Type"]) == (200, form)
                assert "Accept" in ", ".join(reply.headers.get_all("Vary", []))
                file = "index.v1+json" if form == JSON else "index.html"
                assert reply.body == (world.tree / path.strip("/") / file).read_bytes()
        redirected = session.get(f"/simple/{name}")
        assert (redirected.status, redirected.headers["Location"]) == (301, f"/simple/{name}/")
        assert session.get("/simple/nosuch/").status == 404
        assert session.get("/manifest.json").json() == manifest_of(world.tree)
        url = page_of(world.tree, name)["files"][0]["url"].removeprefix("../..")
        part = session.get(url, {"Range": "bytes=0-9"})
        assert (part.status, len(part.body)) == (206, 10)
        (world.tree / "files/.part").write_bytes(b"half")
        assert session.get("/files/.part").status == 404
        (world.tree / "files/.part").unlink()


def test_another_tpi_mirrors_it(world: World, home: Home) -> None:
    with TpiServer(settings={"TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}) as server:
        server.inside(inside.mirror, name="site", url=f"{world.site.url}/simple/")
        index = f"{server.url}/site/simple/"
        outcome, found = Pip().install(home, [world.application.name], index, None)
        outcome.require_success()
        assert found == {world.application.name: "1.0", world.library.name: "1.0"}
        with Session(server.url) as session:
            for artefact in (world.library, world.application):
                theirs = {file["filename"]: file for file in page_of(world.tree, artefact.name)["files"]}
                shown = {file["filename"]: file for file in session.page(artefact.name, "/site")["files"]}
                assert {*shown} == {*theirs} != set()
                for name, file in shown.items():
                    for key in ("hashes", "size", "upload-time", "requires-python", "core-metadata", "yanked"):
                        assert file.get(key) == theirs[name].get(key)
                    assert session.download(file["url"]).status == 200
        again = world.tree.with_name("again")
        exported(server.environment, "site", again)
        files = {path: said["sha256"] for path, said in manifest_of(again)["files"].items()}
        of_all = {path: said["sha256"] for path, said in manifest_of(world.tree)["files"].items()}
        assert files == {path: sha256 for path, sha256 in of_all.items() if path in files}
        assert sum(not path.endswith(".metadata") for path in files) == 4


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """An installation without a server, with 30 files."""
    made = DataFolder.prepared(tmp_path_factory.mktemp("export") / "one", {})
    made.inside(inside.publish, numbers=[*range(30)])
    return made


@pytest.mark.parametrize("at", [1, 2, 61, 122, 124])
def test_what_is_killed_goes_on(one: DataFolder, tmp_path: Path, at: int) -> None:
    """30 files with their metadata and pages, then the list and the manifest; killed as one of them gets its name."""
    tree, calm = tmp_path / "tree", tmp_path / "calm"
    command = ["export_static", "main", str(tree), "--delete"]
    dying = ["-m", "tests.servers.dying", "indexapp.services.static_export.tree:settle", str(at), *command]
    done = subprocess.run(
        [sys.executable, *dying], cwd=ROOT, env=one.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    for path in tree.rglob("index.v1+json"):
        if path.parent.name != "simple":
            (file,) = json.loads(path.read_text())["files"]
            assert (path.parent / file["url"]).exists(), "no page names what is not there"
    there = sum(path.is_file() and path.name != ".part" for path in tree.glob("files/**/*"))
    summary = exported(one.environment, "main", tree, "--delete")
    assert summary["copied"] == 60 - there
    require_whole(tree)
    assert exported(one.environment, "main", calm)["manifest_sha256"] == summary["manifest_sha256"]


def _peak(environment: dict[str, str], index: str, tree: Path) -> int:
    """Bytes of memory that an export took at most."""
    command = [sys.executable, "manage.py", "export_static", index, str(tree)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


def test_memory_stays_flat(one: DataFolder, tmp_path: Path) -> None:
    one.inside(inside.many_files, index="few", projects=100, files=5)
    one.inside(inside.many_files, index="many", projects=2000, files=5)
    few = _peak(one.environment, "few", tmp_path / "few")
    many = _peak(one.environment, "many", tmp_path / "many")
    manifest = manifest_of(tmp_path / "many")
    assert (len(manifest["files"]), len(manifest["pages"])) == (10_000, 4_002)
    assert many < few + 16 * 2**20, f"{few} bytes for 500 files, {many} for 10,000"


def test_wrong_arguments_are_told(one: DataFolder, tmp_path: Path) -> None:
    for words, said in (
        (["nosuch", str(tmp_path / "tree")], "no index named 'nosuch'"),
        (["main", str(tmp_path / "tree"), "--since-serial", "x"], "give a serial or 'last'"),
        (["main", "/proc/x"], "/proc/x"),
        (["main", str(one.data)], "data folder"),
    ):
        done = one.manage("export_static", *words)
        assert done.returncode in (1, 2), done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "tree").exists()
