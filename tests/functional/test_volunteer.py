"""A public mirror by one file and one command: what it copies, what it asks for, and who installs from it."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders.wheels import build_wheel
from tests.exported_tree import manifest_of, names_in, page_of, require_whole
from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Pip
from tests.functional.installers import Uv as UvInstaller
from tests.functional.publishers import Uv
from tests.functional.volunteers import Volunteer, asked, sdist
from tests.servers import inside
from tests.servers.nginx_static import NginxStatic
from tests.servers.static_index import Project, StaticFile, StaticIndex
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("volunteer")]


@pytest.fixture(autouse=True)
def _networks(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def upstream() -> Iterator[StaticIndex]:
    """Three projects; one wheel has metadata and provenance."""
    wheel = build_wheel("acme-tool", "1.0")
    proof = b'{"attestation_bundles": [], "version": 1}'
    files = [StaticFile(*wheel, provenance=proof, yanked="broken", requires_python=">=3.8"), sdist("beta", "1.0")]
    with StaticIndex([*files, sdist("gamma", "2.0")]) as found:
        yield found


def test_a_tpi_is_mirrored_and_installed_from(tmp_path: Path, home: Home) -> None:
    library = build(tmp_path, fresh_name("library"))
    application = build(tmp_path, fresh_name("application"), requires=[library.name], padding=os.urandom(300_000))
    with TpiServer() as server:
        token = server.inside(inside.token)
        server.inside(inside.index, name="second")
        owner = Credentials(password=token)
        Uv().publish(home, library, f"{server.url}/second/legacy/", owner).require_success()
        (tmp_path / "token").write_text(f"{token}\n")
        mirror = Volunteer(tmp_path / "mirror", f"{server.url}/second/simple/")
        mirror.upstream = f'username = "__token__"\npassword_file = "{tmp_path / "token"}"'
        mirror.run()
        assert mirror.status()["projects"] == 1
        mirror.run()
        assert mirror.status()["requests"] == 1, "the list, and nothing else"
        Uv().publish(home, application, f"{server.url}/second/legacy/", owner).require_success()
        said = mirror.run()
        assert token not in said
        assert mirror.status()["requests"] == 2 + 4, "the list, a page, and two files with their metadata"
        serial = mirror.status()["serial"]
        with Session(server.url, basic(token)) as session:
            assert session.get("/second/simple/").headers["X-PyPI-Last-Serial"] == str(serial)
    manifest = require_whole(mirror.tree, is_exact=False)
    assert sum(not path.endswith(".metadata") for path in manifest["files"]) == 4
    mirror.tree.chmod(0o755)
    with NginxStatic(mirror.tree) as site:
        for installer in (Pip(), UvInstaller()):
            outcome, found = installer.install(home, [application.name], f"{site.url}/simple/", None)
            outcome.require_success()
            assert found == {application.name: "1.0", library.name: "1.0"}
        with Session(site.url) as session:
            mark = session.get("/.tpi/tree.json").json()
            assert (mark["serial"], mark["projects"], mark["is_whole"]) == (serial, 2, True)
            assert session.get("/.partial/x").status == 404
            assert session.get("/.tpi/other").status == 404


def test_the_tree_has_all_that_the_upstream_tells(upstream: StaticIndex, tmp_path: Path) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url)
    mirror.run_here()
    manifest = require_whole(mirror.tree, is_exact=False)
    assert [path.rpartition(".")[2] for path in sorted(manifest["files"]) if "acme_tool" in path] == [
        "whl",
        "metadata",
        "provenance",
    ]
    (file,) = page_of(mirror.tree, "acme-tool")["files"]
    (theirs,) = (said for said in upstream.files.values() if said.project == "acme-tool")
    assert (file["yanked"], file["requires-python"], file["upload-time"]) == ("broken", ">=3.8", theirs.upload_time)
    assert names_in(mirror.tree) == ["acme-tool", "beta", "gamma"]
    agents = {request.headers["user-agent"] for request in upstream.requests}
    assert len(agents) == 1
    assert agents.pop().endswith("(mirror@volunteer.example)")


def test_only_what_changed_is_asked_for(upstream: StaticIndex, tmp_path: Path) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url)
    mirror.run_here()
    asked(upstream)
    mirror.run_here()
    assert asked(upstream) == ["/simple/"]
    upstream.publish(sdist("beta", "1.1"))
    mirror.run_here()
    assert sorted(asked(upstream)) == ["/files/beta-1.1.tar.gz", "/simple/", "/simple/beta/"]
    assert mirror.shown("beta") == {"beta-1.0.tar.gz", "beta-1.1.tar.gz"}
    upstream.mark("gamma", "archived", "no more")
    mirror.run_here()
    assert sorted(asked(upstream)) == ["/simple/", "/simple/gamma/"]
    assert page_of(mirror.tree, "gamma")["project-status"] == {"status": "archived", "reason": "no more"}


def test_names_need_no_list(upstream: StaticIndex, tmp_path: Path) -> None:
    upstream.behaviour = type(upstream.behaviour)(has_list=False)
    mirror = Volunteer(tmp_path / "mirror", upstream.url, projects='names = ["Beta", "nosuch"]')
    said = mirror.run(code=1)
    assert "nosuch: The upstream has no such project." in said
    assert sorted(asked(upstream)) == ["/files/beta-1.0.tar.gz", "/simple/beta/", "/simple/nosuch/"]
    assert names_in(mirror.tree) == ["beta"]
    mirror.projects = "all = true"
    assert "has no list of projects; write projects.names" in mirror.run(code=2)
    assert names_in(mirror.tree) == ["beta"]


def test_which_projects_and_files(tmp_path: Path) -> None:
    files = [sdist("acme-one", f"1.{minor}", 1000 * (minor + 1)) for minor in range(4)]
    files += [sdist("acme-two", "1.0"), sdist("other", "1.0"), sdist("late", "1.0")]
    tags = ("py3-none-any", "cp312-cp312-win_amd64", "cp312-cp312-manylinux_2_17_x86_64")
    files += [StaticFile(f"wheels-1.0-{tag}.whl", tag.encode(), metadata=b"") for tag in tags]
    with StaticIndex(files) as upstream:
        mirror = Volunteer(tmp_path / "mirror", upstream.url, projects='include = ["acme_*"]\nexclude = ["*-two"]')
        mirror.extra = '[files]\nnewest_releases = 2\nmax_size = "3 kB"'
        mirror.run_here()
        assert mirror.stored() == {"acme-one-1.1.tar.gz", "acme-one-1.2.tar.gz"}
        mirror.projects = 'names = ["wheels", "other"]'
        mirror.extra = (
            '[files]\nsdists = false\nplatforms = ["linux-x86_64"]\npythons = ["3.12"]\n[changes]\ngrace_hours = 0'
        )
        mirror.run_here()
        assert mirror.stored() == {"wheels-1.0-py3-none-any.whl", "wheels-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"}
        assert names_in(mirror.tree) == ["wheels"]
        require_whole(mirror.tree, is_exact=False)
        upstream.publish(sdist("acme-two", "1.1"))
        mirror.projects, mirror.extra = "newest = 2", "[changes]\ngrace_hours = 0"
        mirror.run_here()
        assert names_in(mirror.tree) == ["acme-two", "wheels"]
        (tmp_path / "requirements.txt").write_text("acme-one==1.1\nacme-two>=1.1\n")
        mirror.projects = f'requirements = "{tmp_path / "requirements.txt"}"\nversions = "required"'
        mirror.run_here()
        assert mirror.stored() == {"acme-one-1.1.tar.gz", "acme-two-1.1.tar.gz"}


def test_the_budget_holds_the_newest_of_each(tmp_path: Path) -> None:
    """The same files stay whoever comes first, and older releases give way to newer ones."""
    versions = [(name, f"{number}.0") for number in (1, 2, 3) for name in ("alpha", "beta", "gamma")]
    for order in (versions, versions[::-1]):
        with StaticIndex([sdist(*each, 10_000) for each in order]) as upstream:
            mirror = Volunteer(tmp_path / order[0][1], upstream.url, extra='[room]\nbudget = "45 kB"')
            mirror.run_here()
            newest = {f"{name}-3.0.tar.gz" for name in ("alpha", "beta", "gamma")}
            assert len(mirror.stored()) == 4
            assert mirror.stored() > newest
            (fourth,) = mirror.stored() - newest
            assert fourth.endswith("-2.0.tar.gz")
            assert mirror.status()["over_budget_files"] == 5
            upstream.publish(sdist("delta", "1.0", 15_000))
            upstream.publish(sdist("huge", "1.0", 46_000))
            mirror.run_here()
            assert mirror.stored() == {*newest, "delta-1.0.tar.gz"}, "what has no room at all keeps nothing else out"
            assert names_in(mirror.tree) == ["alpha", "beta", "delta", "gamma"]
            require_whole(mirror.tree, is_exact=False)
            asked(upstream)
            mirror.run_here()
            assert asked(upstream) == ["/simple/"]
            mirror.extra = ""
            mirror.run_here()
            assert len(mirror.stored()) == 11


def test_what_is_gone_leaves_the_pages_at_once_and_the_disk_later(tmp_path: Path) -> None:
    files = [sdist(name, version) for name in ("alpha", "beta", "gamma") for version in ("1.0", "2.0")]
    with StaticIndex(files) as upstream:
        mirror = Volunteer(tmp_path / "mirror", upstream.url)
        mirror.run_here()
        upstream.remove("alpha-1.0.tar.gz")
        upstream.publish(sdist("beta", "2.0", yanked=True))
        del upstream.projects["gamma"]
        mirror.run_here()
        assert mirror.shown("alpha") == {"alpha-2.0.tar.gz"}
        assert [file["yanked"] for file in page_of(mirror.tree, "beta")["files"]] == [False, True]
        assert names_in(mirror.tree) == ["alpha", "beta"]
        assert not (mirror.tree / "simple/gamma").exists()
        assert len(mirror.stored()) == 6, "for clients that have read a page before"
        mirror.extra = "[changes]\ngrace_hours = 0"
        mirror.run_here()
        assert mirror.stored() == {"alpha-2.0.tar.gz", "beta-1.0.tar.gz", "beta-2.0.tar.gz"}
        assert not [path for path in (mirror.tree / "files").rglob("*") if path.is_dir() and not any(path.iterdir())]
        mirror.extra = '[changes]\ngrace_hours = 0\nyanked = "skip"\ndeleted = "keep"'
        upstream.remove("alpha-2.0.tar.gz")
        mirror.run_here()
        assert mirror.stored() == {"alpha-2.0.tar.gz", "beta-1.0.tar.gz"}
        require_whole(mirror.tree, is_exact=False)


def test_too_much_gone_wants_a_person(tmp_path: Path) -> None:
    with StaticIndex([sdist(f"p{number}", "1.0") for number in range(20)]) as upstream:
        mirror = Volunteer(tmp_path / "mirror", upstream.url)
        mirror.run_here()
        kept = dict(upstream.projects)
        upstream.projects.clear()
        upstream.serial += 1
        assert "20 of 20 projects are gone" in mirror.run_here(code=1)
        assert len(names_in(mirror.tree)) == 20
        upstream.projects.update({name: kept[name] for name in list(kept)[:14]})
        assert "6 of 20 projects are gone" in mirror.run_here(code=1)
        mirror.run_here("--accept-deletions")
        assert len(names_in(mirror.tree)) == 14


def _peak(mirror: Volunteer) -> int:
    """KiB of memory that a run took at most; of itself, because what wait4 tells counts this process's before it began."""
    peak = 0
    with mirror.begun("--once") as process:
        while process.poll() is None:
            said = Path(f"/proc/{process.pid}/status").read_text()
            peak = max([peak, *(int(line.split()[1]) for line in said.splitlines() if line.startswith("VmHWM"))])
            time.sleep(0.005)
    assert process.returncode == 0
    return peak


def test_memory_stays_flat_with_the_list(tmp_path: Path) -> None:
    peaks = []
    for number in (100, 200_000):
        with StaticIndex([sdist("beta", "1.0")]) as upstream:
            upstream.projects.update({f"project-{each}": Project(serial=0) for each in range(number)})
            mirror = Volunteer(tmp_path / str(number), upstream.url, projects="newest = 1")
            peaks.append(_peak(mirror))
            assert names_in(mirror.tree) == ["beta"]
    assert peaks[1] < peaks[0] + 24 * 2**10, f"{peaks[0]} KiB for a short list, {peaks[1]} for a long one"


def test_it_is_told_to_stop_and_who_comes_second_is_refused(upstream: StaticIndex, tmp_path: Path) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url)
    with mirror.begun() as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert "3 projects, 3 files" in lines[0]
        assert "The next run begins in 600 seconds." in lines[1]
        assert "Another export writes into" in mirror.run(code=2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    mirror.run()


def test_it_tells_how_it_stands(upstream: StaticIndex, tmp_path: Path) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url)
    mirror.run_here()
    status = mirror.status()
    assert (status["state"], status["serial"], status["projects"], status["files"]) == ("idle", upstream.serial, 3, 3)
    assert status["bytes"] == sum(len(file.content) for file in upstream.files.values())
    assert status["last_success_at"] >= status["started_at"]
    metrics = mirror.state / "metrics.prom"
    assert f'tpi_volunteer_serial{{upstream="{upstream.url}"}} {upstream.serial}\n' in metrics.read_text()
    assert stat.S_IMODE(metrics.stat().st_mode) == 0o644
    assert manifest_of(mirror.tree)["serial"] == upstream.serial
    assert json.loads((mirror.tree / ".tpi/tree.json").read_text())["upstream"] == upstream.url


def test_it_makes_no_installation(upstream: StaticIndex, tmp_path: Path) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url)
    mirror.environment["TPI_DATA_DIR"] = str(tmp_path / "none")
    assert "It answers in JSON" in mirror.run("--check")
    assert not mirror.tree.exists()
    mirror.run()
    assert not (tmp_path / "none").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"mirror"}


def test_a_folder_of_somebody_else_is_left_alone(upstream: StaticIndex, tmp_path: Path) -> None:
    mirror = Volunteer(tmp_path / "mirror", upstream.url)
    mirror.tree.mkdir(parents=True)
    (mirror.tree / "letter.txt").write_text("mine")
    assert "name an empty folder" in mirror.run(code=2)
    (mirror.tree / "letter.txt").unlink()
    mirror.run()
    with StaticIndex([sdist("beta", "9.0")]) as other:
        mirror.url = other.url
        assert f"has a tree of '{upstream.url}'" in mirror.run(code=2)
    assert mirror.shown("beta") == {"beta-1.0.tar.gz"}
