"""What a lock asks for is prefetched into an empty mirror; then the upstream is cut off, and the lock is installed."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.builders.wheels import build_wheel
from tests.functional.client_tools import Credentials, Home, installed, interpreter, site_packages, tool
from tests.servers import inside
from tests.servers.static_index import Behaviour, StaticIndex
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = pytest.mark.functional
_EXPECTED = {"grand-application": "1.0", "grand-library": "1.1", "grand-helper": "2.0"}


@dataclass(frozen=True)
class World:
    """An installation with a mirror for each kind of list, and the outside."""

    tpi: TpiServer
    upstream: StaticIndex
    reader: Credentials
    admin: dict[str, str]

    def url(self, index: str) -> str:
        """The Simple address of an index, with credentials."""
        return self.reader.in_url(f"{self.tpi.url}/{index}/simple/")

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """What the REST API answers."""
        raw = None if body is None else json.dumps(body).encode()
        with Session(self.tpi.url, self.admin) as session:
            reply = session.request(method, f"/api/v1/{path}", raw, {"Content-Type": "application/json"})
        assert reply.status < 300, reply.body
        return reply.json()

    def prefetch(self, index: str, filename: str, content: str) -> dict[str, Any]:
        """Have a list fetched by the job cluster; the job when it has ended."""
        body = {"filename": filename, "content": content, "pythons": ["3.11", "3.12", "3.13", "3.14"]}
        job = self.api("POST", f"indexes/{index}/prefetches/", body)
        end = time.monotonic() + 600
        while job["state"] in ("queued", "running"):
            assert time.monotonic() < end, job
            time.sleep(0.3)
            job = self.api("GET", f"indexes/{index}/prefetches/{job['id']}/")
        return dict(job)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    wheels = [
        build_wheel("grand-application", "1.0", headers=[("Requires-Dist", "grand-library>=1")]),
        build_wheel("grand-library", "1.0"),
        build_wheel("grand-library", "1.1", headers=[("Requires-Dist", "grand-helper")]),
        build_wheel("grand-helper", "2.0"),
    ]
    with (
        StaticIndex(wheels) as upstream,
        TpiServer(settings={"TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}) as tpi,
    ):
        for name in ("for-uv", "for-pip"):
            tpi.inside(inside.index, name=f"{name}-mirror", kind="mirror", upstream={"url": upstream.url})
            tpi.inside(inside.index, name=name, kind="group", members=["main", f"{name}-mirror"])
        tpi.wait_until_job_cluster_runs()
        reader = Credentials(password=tpi.inside(inside.token, verbs=["read"]))
        yield World(tpi, upstream, reader, basic(tpi.inside(inside.token, verbs=["administer"])))


@pytest.fixture
def cut_off(world: World) -> Iterator[None]:
    """Whatever is asked of the upstream breaks off, when a test says so, and nothing does at its end."""
    yield
    world.upstream.behaviour = Behaviour()


def _project(home: Home) -> Path:
    return home.project(
        "app",
        '[project]\nname = "company"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["grand-application"]\n',
    )


@pytest.mark.usefixtures("cut_off")
def test_uv_syncs_a_prefetched_lock_without_the_upstream(world: World, tmp_path: Path) -> None:
    first = Home(tmp_path / "first")
    folder = _project(first)
    options = ("--no-progress", "--python", interpreter(), "--default-index", world.url("for-uv"))
    first.run(tool("uv"), "lock", *options, cwd=folder).require_success()
    lock = (folder / "uv.lock").read_text()

    job = world.prefetch("for-uv", "uv.lock", lock)
    assert (job["state"], job["done"], job["failed"]) == ("done", 3, 0)
    world.upstream.behaviour = Behaviour(fault="reset")
    again = Home(tmp_path / "again")
    folder = _project(again)
    (folder / "uv.lock").write_text(lock)
    again.run(tool("uv"), "sync", "--frozen", *options, cwd=folder).require_success()
    assert _EXPECTED.items() <= installed(site_packages(folder / ".venv")).items()
    shutil.rmtree(first.folder)


@pytest.mark.usefixtures("cut_off")
def test_pip_installs_prefetched_requirements_without_the_upstream(world: World, tmp_path: Path) -> None:
    lines = [
        f"{file.project}=={file.version} \\\n    --hash=sha256:{hashlib.sha256(file.content).hexdigest()}\n"
        for file in world.upstream.files.values()
        if _EXPECTED.get(file.project) == file.version
    ]
    job = world.prefetch("for-pip", "requirements.txt", "".join(lines))
    assert (job["state"], job["done"]) == ("done", 3)
    world.upstream.behaviour = Behaviour(fault="reset")
    home = Home(tmp_path / "home")
    listed, target = home.folder / "requirements.txt", home.folder / "target"
    listed.write_text("".join(lines))
    home.run(
        *(tool("pip"), "install", "--no-cache-dir", "--require-hashes", "--only-binary", ":all:"),
        *("--index-url", world.url("for-pip"), "--target", target, "-r", listed),
    ).require_success()
    assert installed(target) == _EXPECTED


def test_the_lists_of_every_tool_are_read(world: World, home: Home) -> None:
    """As the tools themselves write them: uv's lock, its exports, and Poetry's lock."""
    folder = _project(home)
    options = ("--no-progress", "--python", interpreter())
    index = ("--default-index", world.url("for-uv"))
    home.run(tool("uv"), "lock", *options, *index, cwd=folder).require_success()
    for form, name in (("pylock.toml", "pylock.toml"), ("requirements-txt", "requirements.txt")):
        export = ("export", "--frozen", "--no-emit-project", "--format", form, "--output-file", name)
        home.run(tool("uv"), *export, *options, cwd=folder).require_success()
    source = f'[[tool.poetry.source]]\nname = "tpi"\nurl = "{world.tpi.url}/for-uv/simple/"\npriority = "primary"\n'
    with (folder / "pyproject.toml").open("a") as project:
        project.write("[tool.poetry]\npackage-mode = false\n" + source)
    who = {
        "POETRY_HTTP_BASIC_TPI_USERNAME": world.reader.username,
        "POETRY_HTTP_BASIC_TPI_PASSWORD": world.reader.password,
    }
    home.run(tool("poetry"), "lock", "-n", cwd=folder, more=who).require_success()
    for name in ("uv.lock", "pylock.toml", "requirements.txt", "poetry.lock"):
        job = world.prefetch("for-uv", name, (folder / name).read_text())
        assert (job["state"], job["done"], job["kind"]) == ("done", 3, name), job


def test_what_could_not_be_had_is_told(world: World) -> None:
    job = world.prefetch("for-pip", "requirements.txt", "grand-library==7.0\n-i https://index.example/simple/\n")
    assert (job["state"], job["message"]) == ("failed", "1 of 1 could not be had.")
    assert len(job["notes"]) == 1
    items = world.api("GET", f"indexes/for-pip/prefetches/{job['id']}/items/?state=failed")["results"]
    assert [item["reason"] for item in items] == ["The index has no version of 'grand-library==7.0'."]
