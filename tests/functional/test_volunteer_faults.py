"""A volunteer's mirror whose upstream, disk or process fails: the tree stays whole, and the next run goes on there."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from indexapp.domain.file_paths import file_path
from indexapp.domain.volunteer import configuration
from indexapp.services.volunteer import keeping
from indexapp.services.volunteer.fetching import part_name
from indexapp.services.volunteer.keeping import Wishes
from tests.builders.wheels import build_wheel
from tests.exported_tree import manifest_of, names_in, page_of, require_whole
from tests.functional.volunteers import Volunteer, asked, sdist
from tests.servers import static_index_requests
from tests.servers.small_disk import fill, small_disk
from tests.servers.static_index import Behaviour, Project, StaticFile, StaticIndex

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("volunteer")]


@pytest.fixture(autouse=True)
def _networks(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def upstream() -> Iterator[StaticIndex]:
    with StaticIndex([StaticFile(*build_wheel("acme-tool", "1.0")), sdist("beta", "1.0")]) as found:
        yield found


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (Behaviour(status=500, on="list"), 2),
        (Behaviour(fault="truncate", on="list"), 2),
        (Behaviour(fault="wrong-type", on="list"), 2),
        (Behaviour(fault="garbage", on="list"), 2),
        (Behaviour(status=429, retry_after="1000", on="page"), 2),
        (Behaviour(status=503, on="page"), 1),
        (Behaviour(status=404, on="page"), 1),
        (Behaviour(status=410, on="page"), 1),
        (Behaviour(fault="truncate", on="page"), 1),
        (Behaviour(fault="injection", on="page"), 1),
        (Behaviour(fault="broken-gzip", on="page"), 1),
        (Behaviour(status=500, on="file"), 1),
        (Behaviour(status=404, on="file"), 1),
        (Behaviour(fault="truncate", on="file"), 1),
        (Behaviour(fault="long-length", on="file"), 1),
        (Behaviour(fault="endless", on="file"), 1),
        (Behaviour(fault="reset", on="file"), 1),
        (Behaviour(hashes="wrong"), 1),
    ],
    ids=lambda value: f"{value.on}-{value.status or value.fault or 'bytes'}" if isinstance(value, Behaviour) else "",
)
def test_a_bent_upstream_harms_nothing(upstream: StaticIndex, tmp_path: Path, behaviour: Behaviour, code: int) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url)
    mirror.run_here()
    upstream.publish(sdist("beta", "1.1"))
    upstream.publish(sdist("gamma", "1.0"))
    upstream.behaviour = behaviour
    mirror.run_here(code=code)
    status = mirror.status()
    assert status["failure"] if code == 2 else status["failing"]
    assert status["last_success_at"]
    require_whole(mirror.tree, is_exact=False)
    assert mirror.shown("acme-tool") == {"acme_tool-1.0-py3-none-any.whl"}
    if behaviour.hashes == "right":
        assert mirror.shown("beta") == {"beta-1.0.tar.gz"}
    upstream.behaviour = Behaviour()
    if behaviour.hashes == "wrong":  # which the serial of the page did not tell
        upstream.mark("beta", "active")
        upstream.mark("gamma", "active")
    mirror.run_here()
    require_whole(mirror.tree, is_exact=False)
    assert names_in(mirror.tree) == ["acme-tool", "beta", "gamma"]
    assert mirror.shown("beta") == {"beta-1.0.tar.gz", "beta-1.1.tar.gz"}
    assert (mirror.status()["failing"], mirror.status()["failure"]) == (0, "")


def test_metadata_and_provenance_that_do_not_come_are_not_named(tmp_path: Path) -> None:
    wheel = StaticFile(*build_wheel("acme-tool", "1.0"), provenance=b'{"attestation_bundles": []}')
    with StaticIndex([wheel]) as upstream:
        upstream.behaviour = Behaviour(status=500, on="metadata")
        mirror = Volunteer(tmp_path / "mirror", upstream.url)
        mirror.run_here(code=1)
        (file,) = page_of(mirror.tree, "acme-tool")["files"]
        assert (file["core-metadata"], "provenance" in file) == (False, True)
        upstream.behaviour = Behaviour()
        asked(upstream)
        mirror.run_here()
        assert sorted(asked(upstream)) == ["/files/acme_tool-1.0-py3-none-any.whl.metadata", "/simple/"]
        (file,) = page_of(mirror.tree, "acme-tool")["files"]
        assert file["core-metadata"]
        require_whole(mirror.tree, is_exact=False)


def test_older_serials_are_not_believed(upstream: StaticIndex, tmp_path: Path) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url)
    mirror.run_here()
    before = upstream.serial
    upstream.serial = before - 1
    assert f"is at the serial {before - 1}, and {before} was seen before" in mirror.run_here(code=2)
    assert [request.headers.get("cache-control", "") for request in upstream.requests][-2:] == ["", "no-cache"]
    upstream.serial = before
    upstream.publish(sdist("beta", "1.1"))
    mirror.run_here()
    assert mirror.shown("beta") == {"beta-1.0.tar.gz", "beta-1.1.tar.gz"}
    upstream.serial = 1
    upstream.projects["beta"] = Project(serial=1)
    upstream.remove("beta-1.1.tar.gz")
    upstream.serial = 1
    mirror.run_here(code=2)
    assert mirror.shown("beta") == {"beta-1.0.tar.gz", "beta-1.1.tar.gz"}
    mirror.run_here("--accept-older")
    assert mirror.shown("beta") == {"beta-1.0.tar.gz"}


def test_an_old_page_behind_a_new_list_is_asked_for_again(tmp_path: Path) -> None:
    """As a cache before the upstream has it: the list is new and the page is not."""

    with StaticIndex([sdist("beta", "1.0")]) as upstream:
        mirror = Volunteer(tmp_path / "mirror", upstream.url)
        mirror.run_here()
        upstream.publish(sdist("beta", "1.1"))
        now, before = static_index_requests._page, upstream.projects["beta"].serial - 1

        def old(index: StaticIndex, path: str, last: str, accept: str) -> static_index_requests.Found | None:
            found = now(index, path, last, accept)
            return found._replace(serial=before) if found is not None and last == "beta" else found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(static_index_requests, "_page", old)
            assert "it is an old copy" in mirror.run_here(code=1)
            assert mirror.shown("beta") == {"beta-1.0.tar.gz"}
            pages = [request for request in upstream.requests if request.path == "/simple/beta/"]
            assert pages[-1].headers["cache-control"] == "no-cache"
        mirror.run_here()
        assert mirror.shown("beta") == {"beta-1.0.tar.gz", "beta-1.1.tar.gz"}


def test_names_and_bytes_that_change_are_followed(upstream: StaticIndex, tmp_path: Path) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url)
    mirror.run_here()
    upstream.publish(StaticFile("beta-1.0.tar.gz", b"others"))
    assert "beta-1.0.tar.gz has other bytes at the upstream than it had" in mirror.run_here()
    (file,) = page_of(mirror.tree, "beta")["files"]
    assert file["hashes"]["sha256"] == hashlib.sha256(b"others").hexdigest()
    require_whole(mirror.tree, is_exact=False)


@pytest.mark.parametrize("at", [1, 2, 3, 5, 8, 11])
def test_what_is_killed_goes_on(tmp_path: Path, at: int) -> None:
    """Killed as something gets its name: the manifest, files, pages, the list."""
    files = [sdist(f"p{number}", "1.0") for number in range(3)]
    with StaticIndex(files) as upstream:
        mirror = Volunteer(tmp_path / "mirror", upstream.url, extra="[files]\nnewest_releases = 5")
        dying = [sys.executable, "-m", "tests.servers.dying", "indexapp.services.static_export.tree:settle", str(at)]
        mirror.run(code=-signal.SIGKILL, command=dying)
        for path in mirror.tree.rglob("index.v1+json"):
            if path.parent.name != "simple":
                for file in page_of(mirror.tree, path.parent.name)["files"]:
                    assert (path.parent / file["url"]).exists(), "no page names what is not there"
        there = mirror.stored() - {".part"}
        asked(upstream)
        mirror.run_here()
        again = {path.rpartition("/")[2] for path in asked(upstream) if path.startswith("/files/")}
        assert not again & there
        require_whole(mirror.tree, is_exact=False)
        assert names_in(mirror.tree) == ["p0", "p1", "p2"]
        calm = Volunteer(tmp_path / "calm", upstream.url, extra=mirror.extra)
        calm.run_here()
        assert manifest_of(calm.tree) == manifest_of(mirror.tree)


def test_a_file_goes_on_at_its_next_byte(tmp_path: Path) -> None:
    big = sdist("big", "1.0", 3_000_000)
    with StaticIndex([big], behaviour=Behaviour(pause_after=1_000_000, on="file")) as upstream:
        mirror = Volunteer(tmp_path / "mirror", upstream.url)
        with mirror.begun("--once") as process:
            path = f"files/{file_path(hashlib.sha256(big.content).hexdigest(), big.filename)}"
            part = mirror.tree / ".partial" / part_name(path)
            while not part.exists() or part.stat().st_size < 500_000:
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        stored = part.stat().st_size
        upstream.behaviour = Behaviour()
        upstream.resume.set()
        asked(upstream)
        mirror.run_here()
        assert not part.exists()
        assert mirror.shown("big") == {"big-1.0.tar.gz"}
        assert mirror.status()["received_bytes"] == 3_000_000 - stored
        assert 0 < stored <= 1_000_000


def test_a_lost_ledger_costs_pages_and_no_file(upstream: StaticIndex, tmp_path: Path) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url)
    mirror.run_here()
    before = manifest_of(mirror.tree)
    stray = mirror.tree / "files/ab/stray.txt"
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("stray")
    shutil.rmtree(mirror.state)
    asked(upstream)
    mirror.run_here()
    assert sorted(path for path in asked(upstream) if not path.endswith(".metadata")) == [
        "/simple/",
        "/simple/acme-tool/",
        "/simple/beta/",
    ]
    assert manifest_of(mirror.tree) == before
    assert not stray.exists()
    ledger = mirror.state / "ledger.sqlite3"
    ledger.write_bytes(os.urandom(8192))
    assert "remove it" in mirror.run_here(code=2)


def test_a_full_disk_harms_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk, StaticIndex([sdist("beta", "1.0")]) as upstream:
        mirror = Volunteer(disk / "mirror", upstream.url, extra='[room]\nkeep_free = "8 MB"')
        mirror.run_here()
        upstream.publish(sdist("huge", "1.0", 20_000_000))
        upstream.publish(sdist("beta", "1.1"))
        assert "are to stay so (room.keep_free)" in mirror.run_here(code=2)
        mirror.extra = "[room]\nkeep_free = 1"
        fill(disk, leaving=5_000_000)
        assert "The disk cannot" not in mirror.run_here(code=2)
        assert mirror.status()["state"] == "failing"
        assert "make room" in mirror.status()["failure"].lower()
        (disk / "ballast").unlink()
        require_whole(mirror.tree, is_exact=False)
        mirror.extra = '[room]\nkeep_free = 1\nbudget = "1 MB"\n[changes]\ngrace_hours = 0'
        mirror.run_here()
        assert mirror.shown("beta") == {"beta-1.0.tar.gz", "beta-1.1.tar.gz"}
        assert mirror.status()["over_budget_files"] == 1
        require_whole(mirror.tree, is_exact=False)


def test_a_name_that_leaves_no_room_for_what_lies_beside_ends_no_run(tmp_path: Path) -> None:
    """A name may have 255 bytes; with ``.metadata`` behind it file systems refuse one of more than 246."""
    long = StaticFile(f"acme_tool-1.0-1{'b' * 218}-py3-none-any.whl", build_wheel("acme-tool", "1.0").content)
    assert len(long.filename) == 250
    with StaticIndex([long, sdist("beta", "1.0")]) as upstream:
        mirror = Volunteer(tmp_path, upstream.url)
        mirror.run_here()
        (file,) = page_of(mirror.tree, "acme-tool")["files"]
        assert (file["filename"], file["core-metadata"]) == (long.filename, False)
        require_whole(mirror.tree, is_exact=False)
        assert names_in(mirror.tree) == ["acme-tool", "beta"]


def test_what_is_in_flight_leaves_the_disk_what_is_to_stay_free(tmp_path: Path) -> None:
    large = [sdist("huge", f"1.{number}", 6_000_000) for number in range(4)]
    with small_disk(tmp_path / "disk", 24) as disk, StaticIndex(large) as upstream:
        mirror = Volunteer(disk / "mirror", upstream.url, extra='[room]\nkeep_free = "8 MB"')
        assert "are to stay so (room.keep_free)" in mirror.run_here(code=2)
        found = os.statvfs(disk)
        assert found.f_bavail * found.f_frsize >= 8_000_000
        mirror.extra = "[room]\nkeep_free = 1\nbudget = '13 MB'"
        mirror.run_here()
        assert len(mirror.shown("huge")) == 2


@pytest.mark.parametrize("how", ["forbidden", "unreachable"])
@pytest.mark.parametrize("is_lost", [False, True], ids=["known", "ledger lost"])
def test_an_upstream_that_gives_no_page_empties_no_mirror(
    upstream: StaticIndex, tmp_path: Path, how: str, is_lost: bool
) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url, projects='names = ["acme-tool", "beta"]')
    mirror.run_here()
    before = {path: path.read_bytes() for path in (mirror.tree / "simple").rglob("*") if path.is_file()}
    if is_lost:
        shutil.rmtree(mirror.state)
    if how == "forbidden":
        upstream.behaviour = Behaviour(status=403)
    else:
        upstream.__exit__(None, None, None)
    assert "No page could be had of" in mirror.run_here(code=2)
    assert mirror.status()["state"] == "failing"
    assert {path: path.read_bytes() for path in (mirror.tree / "simple").rglob("*") if path.is_file()} == before
    require_whole(mirror.tree, is_exact=False)


def test_a_mirror_of_one_project_is_not_emptied_without_a_person(tmp_path: Path) -> None:
    with StaticIndex([sdist("beta", "1.0")]) as upstream:
        mirror = Volunteer(tmp_path / "mirror", upstream.url, projects='names = ["beta"]')
        mirror.run_here()
        upstream.behaviour = Behaviour(status=404)
        assert "1 of 1 projects are gone" in mirror.run_here(code=1)
        assert names_in(mirror.tree) == ["beta"]
        mirror.run_here("--accept-deletions", code=1)  # one that is wanted by name is lacking
        assert names_in(mirror.tree) == []


class Hurried(Event):
    """Nothing is waited for."""

    def wait(self, timeout: float | None = None) -> bool:
        """At once."""
        return self.is_set()


def test_deletions_are_accepted_for_one_run(tmp_path: Path) -> None:
    with StaticIndex([sdist(f"p{number}", "1.0") for number in range(20)]) as upstream:
        mirror, stop, runs = Volunteer(tmp_path / "mirror", upstream.url), Hurried(), []
        mirror.run_here()
        kept = dict(upstream.projects)
        _keep_of(upstream, kept, 13)

        def say(sentence: str) -> None:
            if sentence.startswith("The next run begins"):
                runs.append(len(names_in(mirror.tree)))
                _keep_of(upstream, kept, 0)
                if len(runs) == 2:
                    stop.set()

        found = configuration.read(mirror.file.read_text(), place=mirror.folder, pypi="")
        keeping.keep(found, Wishes(accepts_deletions=True), stop, say)
        assert runs == [13, 13]


def _keep_of(upstream: StaticIndex, kept: dict[str, Project], number: int) -> None:
    upstream.projects.clear()
    upstream.projects.update({name: kept[name] for name in list(kept)[:number]})
    upstream.serial += 1


@pytest.mark.parametrize("flaw", ["colour = 1", 'folder = "/proc/1/x"', "=", "[upstream]\nca_file = 'nosuch'"])
def test_what_is_wrong_with_the_configuration_names_the_file(tmp_path: Path, flaw: str) -> None:
    path = tmp_path / "my-mirror.toml"
    path.write_text(f'contact = "mirror@volunteer.example"\n{flaw}\n')
    with pytest.raises(CommandError, match=re.escape(str(path))) as refused:
        call_command("volunteer_mirror", str(path), "--once")
    assert refused.value.returncode == 2
