"""A replica whose bytes come on a disk: rows over the link, and of contents not one byte."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from tests.builders.wheels import build_wheel
from tests.functional.replicating import ALIKE
from tests.functional.test_replication_faults import Replica
from tests.functional.test_replication_filters import deed, elsewhen, upload
from tests.servers import dying, inside
from tests.servers.bent import BentSite
from tests.servers.peers import Bandersnatch, DevpiServer
from tests.servers.ports import wait_until
from tests.servers.small_disk import fill, small_disk
from tests.servers.tpi import ROOT, TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]
_PATIENCE = 60.0
_MODULES = "indexapp.services.replication"
LARGE = [build_wheel(f"large-{each}", files={"noise": Random(each).randbytes(1_500_000)}) for each in (1, 2)]


@pytest.fixture(scope="module")
def primary() -> Iterator[TpiServer]:
    with TpiServer(settings=ALIKE) as server:
        server.inside(inside.publish, numbers=[1, 2, 3])
        upload(server, *LARGE)
        yield server


@pytest.fixture(scope="module")
def relay(primary: TpiServer) -> Iterator[BentSite]:
    with BentSite(primary.url) as site:
        yield site


@pytest.fixture
def bent(relay: BentSite) -> BentSite:
    """A relay that notes what is asked of the primary."""
    relay.paths.clear()
    return relay


@pytest.fixture(scope="module")
def joined(primary: TpiServer, relay: BentSite, tmp_path_factory: pytest.TempPathFactory) -> Replica:
    return with_rows(Replica(tmp_path_factory.mktemp("joined"), primary, relay.url))


@pytest.fixture
def replica(joined: Replica, tmp_path: Path) -> Replica:
    """One that has all rows and no bytes."""
    made = copy(joined)
    made.data = joined.data.copy(tmp_path / "replica")
    return made


@pytest.fixture(scope="module")
def exported(primary: TpiServer, joined: Replica, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seed that is sealed with the secret of the replica."""
    folder = tmp_path_factory.mktemp("exported") / "disk"
    export(primary, folder, "--secret", secret_of(joined))
    return folder


@pytest.fixture
def disk(exported: Path, tmp_path: Path) -> Path:
    """The same for one test alone."""
    shutil.copytree(exported, tmp_path / "disk")
    return tmp_path / "disk"


@pytest.fixture(scope="module")
def kept(primary: TpiServer) -> dict[str, str]:
    """What the primary has."""
    found: dict[str, str] = primary.inside(inside.kept)
    return found


def with_rows(replica: Replica) -> Replica:
    """One that has joined, has all rows, and lets the bytes wait."""
    deed(replica, "limit", "--window", elsewhen())
    assert replica.join().returncode == 0
    assert replica.follow().returncode == 1, "bytes are missing"
    return replica


def secret_of(replica: Replica) -> Path:
    return replica.data.data / "secret"


def manage(environment: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "replication", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def export(primary: TpiServer, disk: Path, *words: str | Path) -> dict[str, Any]:
    done = manage(primary.environment, "export-seed", disk, *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def seed(replica: Replica, folder: Path, *words: str | Path, code: int = 0) -> dict[str, Any]:
    done = manage(replica.data.environment, "seed", folder, *words, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def fetched(bent: BentSite) -> list[str]:
    """What was asked of the primary of contents."""
    return [path for path, _given in bent.paths if "/blobs/" in path]


def objects(disk: Path) -> list[Path]:
    return sorted(
        (path for path in (disk / "blobs").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )


def require_whole(replica: Replica, kept: dict[str, str], bent: BentSite) -> None:
    """All is here, sealed anew and nothing besides, and no byte of it came over the network."""
    assert replica.data.ask("SELECT count(*) FROM indexapp_wantedblob") == [(0,)]
    assert replica.inside("kept") == kept
    names = {name for (name,) in replica.data.ask("SELECT object_name FROM indexapp_blob")}
    store = Path(replica.data.settings.get("TPI_STORAGE_URL", f"file://{replica.data.data}/files")[7:])
    assert {path.relative_to(store / "blobs").as_posix() for path in (store / "blobs").glob("*/*")} == names
    assert fetched(bent) == []


def test_bytes_come_on_a_disk_that_is_sealed_for_the_replica_and_none_over_the_network(
    replica: Replica, bent: BentSite, disk: Path, kept: dict[str, str]
) -> None:
    header = json.loads((disk / "seed.json").read_text())
    assert (header["complete"], header["contents"]) == (True, replica.status()["missing_blobs"])
    checked = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=disk, check=False)
    assert checked.returncode == 0
    came = seed(replica, disk)
    assert (came["taken"], came["missing"], came["not_needed"]) == (header["contents"], 0, 0)
    require_whole(replica, kept, bent)
    again = seed(replica, disk)
    assert (again["taken"], again["not_needed"]) == (0, header["contents"])
    verified = replica.data.manage("replication", "verify", "--deep")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_site_that_runs_is_seeded_and_read_from_while_the_primary_is_away(primary: TpiServer, tmp_path: Path) -> None:
    passphrase, disk = tmp_path / "passphrase", tmp_path / "disk"
    passphrase.write_text("what somebody made up for this disk\n")
    export(primary, disk, "--secret", passphrase)
    with TpiServer(settings=ALIKE) as site:
        limited = manage(site.environment, "limit", "--window", elsewhen())
        assert limited.returncode == 0, limited.stderr

        def has_rows() -> bool:
            found = manage(site.environment, "seed", disk, "--secret", passphrase)
            return "(rows-not-here)" not in found.stderr and "serials behind" not in found.stdout

        with BentSite(primary.url) as bent:
            site.inside(inside.join, url=bent.url, secret=primary.inside(inside.invite, name=f"r{uuid4().hex}"))
            wait_until(has_rows, _PATIENCE, lambda: site.log[-3000:])
            assert site.inside(inside.replication_status)["missing_blobs"] == 0
            assert fetched(bent) == []
        with Session(site.url, basic(primary.password, "admin")) as session:
            for name in ("kept-1", "large-1"):
                [file] = session.page(name)["files"]
                assert session.download(file["url"]).status == 200


def test_what_is_damaged_on_the_disk_is_not_taken_and_comes_from_the_primary(
    replica: Replica, bent: BentSite, disk: Path
) -> None:
    paths = objects(disk)
    for path in (paths[0], paths[-1]):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0x10
        path.write_bytes(content)
    checked = subprocess.run(["sha256sum", "--check", "--status", "SHA256SUMS"], cwd=disk, check=False)
    assert checked.returncode == 1
    came = seed(replica, disk, code=1)
    assert (came["taken"], came["damaged"], came["missing"]) == (len(paths) - 2, 2, 2)
    assert replica.data.ask("SELECT count(*) FROM indexapp_blob") == [(len(paths) - 2,)]
    deed(replica, "limit", "--clear")
    replica.require_equal()
    assert fetched(bent)


def test_another_secret_opens_nothing(replica: Replica, tmp_path: Path, disk: Path) -> None:
    other = tmp_path / "other"
    other.write_text("some other passphrase")
    done = manage(replica.data.environment, "seed", disk, "--secret", other)
    assert done.returncode == 1
    assert "(secret-wrong)" in done.stderr
    assert replica.data.ask("SELECT count(*) FROM indexapp_blob") == [(0,)]
    assert not list((replica.data.data / "files" / "blobs").glob("*/*"))


@pytest.mark.parametrize(
    ("place", "number"),
    [
        (f"{_MODULES}.together:give", 1),
        (f"{_MODULES}.fetching:keep", 1),
        (f"{_MODULES}.fetching:keep", 2),
        (f"{_MODULES}.seeding:_tell", 1),
    ],
)
def test_a_killed_seeding_is_gone_on_with(
    replica: Replica, bent: BentSite, disk: Path, kept: dict[str, str], place: str, number: int
) -> None:
    dying.killed(replica.data.environment, place, str(number), "replication", "seed", str(disk))
    came = seed(replica, disk)
    assert (came["damaged"], came["missing"]) == (0, 0)
    assert came["taken"] + came["not_needed"] == len(objects(disk))
    require_whole(replica, kept, bent)


@pytest.mark.parametrize(
    ("place", "number"),
    [
        (f"{_MODULES}.seed_export:_copied", 3),
        (f"{_MODULES}.seed_export:sync", 3),
        (f"{_MODULES}.seed_export:_end", 1),
    ],
)
def test_a_killed_export_is_gone_on_with(
    primary: TpiServer, replica: Replica, bent: BentSite, tmp_path: Path, kept: dict[str, str], place: str, number: int
) -> None:
    disk, words = tmp_path / "new", ["--secret", str(secret_of(replica))]
    dying.killed(primary.environment, place, str(number), "replication", "export-seed", str(disk), *words)
    assert not json.loads((disk / "seed.json").read_text())["complete"]
    partly = seed(replica, disk)
    assert not partly["complete"]
    done = export(primary, disk, *words)
    assert done["written"] + done["there"] == done["contents"]
    came = seed(replica, disk)
    assert came["complete"]
    assert (partly["taken"] + came["taken"], came["missing"]) == (done["contents"], 0)
    require_whole(replica, kept, bent)


def test_a_full_disk_ends_an_export_with_a_sentence_and_it_goes_on_when_there_is_room(
    primary: TpiServer, replica: Replica, bent: BentSite, tmp_path: Path, kept: dict[str, str]
) -> None:
    secret = secret_of(replica)
    with small_disk(tmp_path / "small", 16) as small:
        ballast = fill(small, leaving=2 * 2**20)
        done = manage(primary.environment, "export-seed", small / "seed", "--secret", secret)
        assert done.returncode == 1
        assert "(seed-disk-full)" in done.stderr
        assert not seed(replica, small / "seed")["complete"]
        ballast.unlink()
        export(primary, small / "seed", "--secret", secret)
        assert seed(replica, small / "seed")["missing"] == 0
    require_whole(replica, kept, bent)


def test_a_replica_without_room_says_so_and_goes_on_when_there_is_some(
    replica: Replica, bent: BentSite, tmp_path: Path, disk: Path, kept: dict[str, str]
) -> None:
    with small_disk(tmp_path / "small", 64) as small:
        replica.data.settings = replica.data.settings | {"TPI_STORAGE_URL": f"file://{small}", "TPI_MIN_FREE_MB": "4"}
        ballast = fill(small, leaving=5 * 2**20)
        done = manage(replica.data.environment, "seed", disk)
        assert done.returncode == 1
        assert "(disk-full)" in done.stderr
        ballast.unlink()
        assert seed(replica, disk)["missing"] == 0
        require_whole(replica, kept, bent)


def test_a_static_export_is_a_seed_like_any_tree(
    primary: TpiServer, replica: Replica, bent: BentSite, tmp_path: Path, kept: dict[str, str]
) -> None:
    tree = tmp_path / "tree"
    done = subprocess.run(
        [sys.executable, "manage.py", "export_static", "main", str(tree)],
        cwd=ROOT,
        env=primary.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = [path for path in (tree / "simple").rglob("*") if path.is_file()]
    came = seed(replica, tree)
    assert came["missing"] == 0
    assert came["not_needed"] >= len(pages) > 0
    require_whole(replica, kept, bent)


def test_folders_of_bandersnatch_and_devpi_are_seeds_and_metadata_comes_from_the_primary(
    primary: TpiServer, replica: Replica, bent: BentSite, tmp_path: Path, kept: dict[str, str]
) -> None:
    with DevpiServer(LARGE) as devpi:
        assert seed(replica, devpi.folder / "server")["taken"] == len(LARGE)
    mirror = Bandersnatch(tmp_path, f"{primary.url}/main", {"__token__": primary.token})
    mirror.run()
    came = seed(replica, tmp_path / "mirror")
    assert came["taken"] == len(kept) - len(LARGE)
    assert came["missing"] == len(kept), "the metadata beside the wheels"
    assert came["missing_bytes"] < 1000 * len(kept)
    deed(replica, "limit", "--clear")
    replica.require_equal()
    assert fetched(bent) == ["/api/v1/replication/blobs/"], "in one request, since they are small"


def test_a_plain_seed_has_to_be_asked_for(
    primary: TpiServer, replica: Replica, bent: BentSite, tmp_path: Path, kept: dict[str, str]
) -> None:
    disk = tmp_path / "new"
    done = manage(primary.environment, "export-seed", disk)
    assert done.returncode != 0
    assert "--plain" in done.stderr
    assert not disk.exists()
    assert export(primary, disk, "--plain")["sealed"] is False
    assert seed(replica, disk)["missing"] == 0
    require_whole(replica, kept, bent)
