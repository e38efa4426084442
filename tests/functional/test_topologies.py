"""The same short suite over each way of putting TPI on a network."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Home
from tests.functional.installers import INSTALLERS, Installer, Pip
from tests.functional.publishers import PUBLISHERS, Hatch, Publisher, Uv
from tests.functional.topologies import TOPOLOGIES, Topology
from tests.servers.nginx import ACCEL
from tests.servers.wire import Session

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("topologies")]


@pytest.fixture(scope="module", params=TOPOLOGIES)
def topology(request: pytest.FixtureRequest) -> Iterator[Topology]:
    with TOPOLOGIES[request.param]() as found:
        yield found


@pytest.fixture
def owner(topology: Topology) -> Iterator[Session]:
    with Session(topology.url, topology.cast.headers) as session:
        yield session


@pytest.mark.parametrize("publisher", PUBLISHERS, ids=repr)
def test_publishes_and_is_told_what_exists(
    topology: Topology, owner: Session, home: Home, tmp_path: Path, publisher: Publisher
) -> None:
    artefact = build(tmp_path, fresh_name())
    publisher.publish(home, artefact, f"{topology.url}/legacy/", topology.cast.owner).require_success()
    listed = owner.listed(artefact.name)
    assert sorted(listed) == sorted(file.name for file in artefact.files)
    other = build(tmp_path, artefact.name, content=b"ANSWER = 43\n")
    outcome = publisher.publish(home, other, f"{topology.url}/legacy/", topology.cast.owner)
    if isinstance(publisher, Hatch):
        assert "already exists" in outcome.words
    else:
        assert outcome.code != 0
        # nginx passes our reason phrase on, so that tools which show nothing else still show it
        assert ("File already exists" if publisher.shows_sentences else "400 Bad Request") in outcome.words
    assert owner.listed(artefact.name) == listed


@pytest.mark.parametrize("installer", INSTALLERS, ids=repr)
def test_installs(topology: Topology, home: Home, tmp_path: Path, installer: Installer) -> None:
    library = build(tmp_path, fresh_name("library"))
    application = build(tmp_path, fresh_name("application"), requires=[library.name], padding=os.urandom(600_000))
    for artefact in (library, application):
        Uv().publish(home, artefact, f"{topology.url}/second/legacy/", topology.cast.owner).require_success()
    topology.settle()
    index = f"{topology.url}/second/simple/"
    outcome, found = installer.install(home, [application.name], index, topology.cast.reader)
    outcome.require_success()
    assert (found.get(application.name), found.get(library.name)) == ("1.0", "1.0")


def test_files_come_whole_and_in_ranges(topology: Topology, owner: Session, home: Home, tmp_path: Path) -> None:
    artefact = build(tmp_path, fresh_name(), kinds="wheel", padding=os.urandom(600_000))
    Uv().publish(home, artefact, f"{topology.url}/legacy/", topology.cast.owner).require_success()
    topology.settle()
    bytes_ = artefact.files[0].read_bytes()
    (file,) = owner.page(artefact.name)["files"]
    assert file["url"].startswith(f"{topology.prefix}/main/files/")
    whole = owner.download(file["url"])
    assert (whole.status, whole.body) == (200, bytes_)
    assert whole.headers["Cache-Control"].startswith("private")
    assert "X-Accel-Redirect" not in whole.headers
    for asked, start, stop in (("0-99", 0, 100), ("-100", len(bytes_) - 100, len(bytes_)), ("500000-", 500_000, None)):
        reply = owner.download(file["url"], {"Range": f"bytes={asked}"})
        assert (reply.status, reply.body) == (206, bytes_[start:stop])
    metadata = owner.download(file["url"] + ".metadata")
    assert {"sha256": hashlib.sha256(metadata.body).hexdigest()} == file["core-metadata"]
    with Session(topology.url) as nobody:
        assert nobody.download(file["url"]).status == 401
        assert nobody.get(f"{ACCEL}/x").status == 404


def test_redirects_stay_below_the_prefix(topology: Topology, owner: Session, home: Home, tmp_path: Path) -> None:
    artefact = build(tmp_path, fresh_name("Acme"), kinds="wheel")
    Uv().publish(home, artefact, f"{topology.url}/legacy/", topology.cast.owner).require_success()
    reply = owner.get(f"/simple/{artefact.name.upper()}")
    assert (reply.status, reply.headers["Location"]) == (301, f"{topology.prefix}/simple/{artefact.name.lower()}/")
    outcome, found = Pip().install(home, [artefact.name.upper()], f"{topology.url}/simple", topology.cast.reader)
    outcome.require_success()
    assert found == {artefact.name.lower(): "1.0"}
