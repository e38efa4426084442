"""Backups come back: on each kind of database and storage, only whole, and only into an empty installation."""

from __future__ import annotations

import base64
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers import inside
from tests.servers.ceph import ACCESS_KEY, SECRET_KEY, Ceph
from tests.servers.data_folder import DataFolder
from tests.servers.postgres import Postgres
from tests.servers.tpi import ROOT

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("ceph")]

KEYS = ("keyring.json", "secret-key", "token-pepper", "audit-key")


class Installation(DataFolder):
    """One without a server, of which ``ask`` is answered by the product."""

    def told(self, work: Callable[..., Any], **arguments: Any) -> Any:
        """What one of the functions of :mod:`tests.servers.inside` returns."""
        command = ["-m", "tests.servers.inside", work.__name__, json.dumps(arguments)]
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def require(self, *command: str) -> dict[str, Any]:
        """A command that must succeed and prints JSON."""
        done = self.manage(*command, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def heir(self, data: Path, **settings: str) -> Installation:
        """An empty one with the same keys."""
        data.mkdir(mode=0o700)
        for name in KEYS:
            shutil.copy(self.data / name, data)
        return Installation(data, self.settings | settings)


def made(data: Path, **settings: str) -> Installation:
    return Installation(DataFolder.prepared(data, settings).data, settings)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@contextmanager
def databases(kind: str, request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The settings of a database and of another, empty one."""
    if kind == "sqlite":
        yield {}, {}
        return
    server: Postgres = request.getfixturevalue("postgres")
    names = [f"{name}_{time.monotonic_ns()}" for name in ("before", "after")]
    for name in names:
        server.ask(f"CREATE DATABASE {name}")
    before, after = ({"TPI_DATABASE_URL": f"{server.url.rpartition('/')[0]}/{name}"} for name in names)
    yield before, after
    for name in names:
        server.ask(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize(
    ("database", "storage", "encrypt"),
    [("sqlite", "s3", "on"), ("postgresql", "file", "off")],
)
def test_what_was_backed_up_comes_back(
    database: str, storage: str, encrypt: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings, elsewhere, to = {"TPI_ENCRYPT": encrypt}, {}, str(tmp_path / "backups")
    if storage == "s3":
        ceph: Ceph = request.getfixturevalue("ceph")
        settings |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        settings["TPI_STORAGE_URL"] = ceph.address(ceph.bucket())
        elsewhere["TPI_STORAGE_URL"] = ceph.address(ceph.bucket())
        to = ceph.address(ceph.bucket())
    with databases(database, request) as (before, after):
        one = made(tmp_path / "one", **settings | before)
        files = one.told(inside.publish, numbers=[1, 2, 3])
        first = one.require("backup", to)
        assert (first["contents"], first["copied"], first["damaged"]) == (6, 6, 0)
        files |= one.told(inside.publish, numbers=[4])
        second = one.require("backup", to, "--incremental")
        assert (second["contents"], second["copied"]) == (8, 2)
        two = one.heir(tmp_path / "two", **elsewhere | after)
        done = two.require("restore", to)
        assert (done["backup"], done["copied"], done["faults"], done["audit_faults"]) == (second["name"], 8, [], [])
        # A million further, and each of the four projects has a serial of its own.
        assert done["next_serial"] == second["serial"] + 1_000_000 + 4
        assert two.told(inside.kept) == files
        later = two.told(inside.publish, numbers=[5])
        refused = two.manage("restore", to)
        assert refused.returncode == 2
        assert "database-not-empty" in refused.stdout
        assert "storage-not-empty" in refused.stdout
        assert two.told(inside.kept) == files | later


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Installation, Path]:
    """An installation with a backup."""
    folder = tmp_path_factory.mktemp("backed-up")
    one = made(folder / "one")
    one.told(inside.publish, numbers=[1, 2, 3])
    one.require("backup", str(folder / "backups"))
    return one, folder / "backups"


def state_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(target: Installation, to: Path, *options: str) -> list[tuple[str, str]]:
    """Codes and subjects of what is wrong; the target is what it was before."""
    before = state_of(target.data)
    done = target.manage("restore", str(to), "--json", *options)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "nothing was changed" in done.stderr
    assert state_of(target.data) == before
    return [(found["code"], found["subject"]) for found in map(json.loads, done.stdout.splitlines())]


def rewrite(to: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the only manifest by hand."""
    (path,) = (each for each in (to / "manifests").rglob("*") if each.is_file())
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))


def test_missing_and_damaged_contents_are_all_named(backed_up: tuple[Installation, Path], tmp_path: Path) -> None:
    one, origin = backed_up
    to = shutil.copytree(origin, tmp_path / "backups")
    objects = sorted(path for path in (to / "blobs").rglob("*") if path.is_file())
    for path in objects[:3]:
        path.unlink()
    content = bytearray(objects[3].read_bytes())
    content[-1] ^= 1
    objects[3].write_bytes(content)
    names = [path.relative_to(to / "blobs").as_posix() for path in objects]
    found = refused(one.heir(tmp_path / "two"), to)
    assert sorted(found) == sorted([*(("blob-missing", name) for name in names[:3]), ("blob-corrupt", names[3])])


def test_wrong_and_missing_keys_are_named(backed_up: tuple[Installation, Path], tmp_path: Path) -> None:
    one, to = backed_up
    ring = json.loads((one.data / "keyring.json").read_text())
    own = ring["current"]
    two = one.heir(tmp_path / "two")
    other = base64.b64encode(bytes(range(32))).decode()
    (two.data / "keyring.json").write_text(json.dumps({"current": "b", "keys": {"b": other}}))
    assert refused(two, to) == [("key-missing", own)]
    swapped = {**ring, "keys": {own: other}}
    (two.data / "keyring.json").write_text(json.dumps(swapped))
    assert refused(two, to) == [("key-wrong", own)]
    (two.data / "keyring.json").unlink()
    assert refused(two, to) == [("key-missing", "TPI_KEYRING")]
    three = one.heir(tmp_path / "three")
    (three.data / "token-pepper").write_text("another pepper, of more than thirty-two characters")
    assert refused(three, to) == [("secret-wrong", "TPI_TOKEN_PEPPER")]
    assert three.require("restore", str(to), "--other-secrets")["faults"] == []


def _newer(manifest: dict[str, Any]) -> None:
    manifest["migrations"]["indexapp"].append("9999_from_tomorrow")


def _too_old(manifest: dict[str, Any]) -> None:
    manifest["migrations"]["indexapp"].remove("0007_blob_integrity")


def _of_postgresql(manifest: dict[str, Any]) -> None:
    manifest["database"] = "postgresql"


def test_a_changed_manifest_is_refused(backed_up: tuple[Installation, Path], tmp_path: Path) -> None:
    one, origin = backed_up
    to = shutil.copytree(origin, tmp_path / "backups")
    rewrite(to, _newer)
    assert [code for code, _ in refused(one.heir(tmp_path / "two"), to)] == ["manifest-tampered"]


def test_a_backup_of_another_release_and_database_is_refused(
    backed_up: tuple[Installation, Path], tmp_path: Path
) -> None:
    one, origin = backed_up
    to = shutil.copytree(origin, tmp_path / "backups")
    for change in (_newer, _too_old, _of_postgresql):
        rewrite(to, change)
    _sign(one, to)
    found = refused(one.heir(tmp_path / "two"), to)
    assert found == [("version-newer", "indexapp"), ("version-too-old", "indexapp"), ("database-kind", "sqlite")]


def _sign(one: Installation, to: Path) -> None:
    """As an installation of that release would have."""
    from indexapp.domain.backup_manifest import code, parsed

    ring = json.loads((one.data / "keyring.json").read_text())
    (path,) = (each for each in (to / "manifests").rglob("*") if each.is_file())
    manifest = parsed(path.read_bytes())
    mac = code(manifest, base64.b64decode(ring["keys"][manifest.mac_key]))
    rewrite(to, lambda found: found.update(mac=mac))


def killed(target: Installation, *command: str, copies: int) -> None:
    """Run a command that dies as by ``kill -9`` when it has copied so many contents and comes to the next one."""
    at = ["indexapp.services.backups.copying:copy", str(copies + 1)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.dying", *at, *command],
        cwd=ROOT,
        env=target.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def files_in(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def test_what_is_killed_goes_on(tmp_path: Path) -> None:
    one, to = made(tmp_path / "one"), tmp_path / "backups"
    files = one.told(inside.publish, numbers=[*range(30)])
    killed(one, "backup", str(to), copies=11)
    assert files_in(to / "blobs") == 11
    assert files_in(to / "manifests") == 0
    done = one.require("backup", str(to))
    assert (done["contents"], done["copied"]) == (60, 49)
    two = one.heir(tmp_path / "two")
    killed(two, "restore", str(to), copies=11)
    assert files_in(two.data / "files/blobs") == 11
    assert not (two.data / "tpi.sqlite3").exists()
    started = two.manage("prepare")
    assert "run the same 'manage.py restore' again" in started.stderr
    done = two.require("restore", str(to))
    assert done["copied"] == 49
    assert done["faults"] == []
    assert two.told(inside.kept) == files


def test_what_keeps_no_secret_keeps_none(backed_up: tuple[Installation, Path]) -> None:
    one, to = backed_up
    everything = b"".join(state_of(to).values())
    for name in KEYS:
        secret = (one.data / name).read_bytes().strip()
        assert secret not in everything
        if name == "keyring.json":
            for key in json.loads(secret)["keys"].values():
                assert key.encode() not in everything


def test_a_drill_keeps_its_evidence_and_leaves_nothing_else(
    tmp_path: Path, request: pytest.FixtureRequest, postgres: Postgres
) -> None:
    to = tmp_path / "backups"
    with databases("postgresql", request) as (before, _):
        one = made(tmp_path / "one", **before)
        files = one.told(inside.publish, numbers=[1, 2, 3])
        one.require("backup", str(to))
        done = one.require("drill", str(to), "--installs", "2")
        assert done["good"]
        assert len(done["installed"]) == 2
        assert {each["filename"]: each["sha256"] for each in done["installed"]}.items() <= files.items()
        victim = next(path for path in (to / "blobs").rglob("*") if path.is_file())
        victim.unlink()
        failed = one.manage("drill", str(to), "--json")
        assert failed.returncode == 1
        assert victim.name in json.loads(failed.stdout)["wrong"][0]
        assert not [*(one.data / "tmp").iterdir()]
        assert one.told(inside.drills) == [[False, ["drill-failed"]], [True, ["drill-failed"]]]
        assert postgres.ask("SELECT datname FROM pg_database WHERE datname LIKE 'tpi_drill%'") == []
        assert "Only a drill asks this" in one.manage("drill_sample", "1").stderr


_BLOCK = re.compile(r"^ {7,}(\S.*)$", re.MULTILINE)
_NOT_RUN = {"make serve"}
"""What does not end by itself."""


def steps_of(runbook: str) -> str:
    """The commands of a runbook, as they stand there."""
    lines = _BLOCK.findall((ROOT / "docs/runbooks" / runbook).read_text())
    return "\n".join(line for line in lines if line not in _NOT_RUN)


def test_the_runbooks_were_walked_literally(tmp_path: Path) -> None:
    one = made(tmp_path / "one")
    files = one.told(inside.publish, numbers=[1, 2])
    two = Installation(tmp_path / "two", {})
    for installation, runbook in ((one, "backup.md"), (two, "restore.md")):
        script = f'manage.py() {{ "{sys.executable}" manage.py "$@"; }}\n{steps_of(runbook)}\n'
        places = {"BACKUPS": str(tmp_path / "backups"), "KEYS": str(tmp_path / "keys")}
        environment = installation.environment | places
        command = ["bash", "-euxc", script]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 faults" in done.stdout or "are whole" in done.stdout
    assert two.told(inside.kept) == files
