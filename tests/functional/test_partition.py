"""A primary and a replica on two hosts whose link is cut, or loses all, and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Uv
from tests.functional.publishers import Twine
from tests.functional.replicating import ALIKE, wait_until_equal
from tests.servers import inside
from tests.servers.hosts import Hosts, TpiOnHost
from tests.servers.ports import wait_until
from tests.servers.wire import Session, basic

pytestmark = [
    pytest.mark.functional,
    pytest.mark.xdist_group("cluster"),
    pytest.mark.allow_hosts(["127.0.0.0/8", "10.0.0.0/8"]),
]
_PATIENCE = 90.0


class Sites(NamedTuple):
    """Each on a host of its own."""

    hosts: Hosts
    primary: TpiOnHost
    replica: TpiOnHost


@pytest.fixture
def sites() -> Iterator[Sites]:
    with Hosts() as hosts:
        settings = {**ALIKE, "TPI_OUTBOUND_NETWORKS": hosts.network}
        with (
            TpiOnHost(hosts.first, settings=settings) as primary,
            TpiOnHost(hosts.second, settings=settings) as replica,
        ):
            replica.inside(inside.join, url=primary.near_url, secret=primary.inside(inside.invite, name="far"))
            yield Sites(hosts, primary, replica)


@pytest.mark.parametrize("how", ["cut", "swallow"])
def test_both_sides_go_on_apart_and_are_one_again(sites: Sites, how: str, tmp_path: Path, home: Home) -> None:
    hosts, primary, replica = sites
    token = primary.inside(inside.token)
    name, credentials = fresh_name(), Credentials(password=token)

    def publish(version: str) -> None:
        artefact = build(tmp_path / version, name, version)
        Twine().publish(home, artefact, f"{primary.url}/legacy/", credentials).require_success()

    publish("1.0")
    wait_until_equal(primary, replica)
    getattr(hosts, how)()
    publish("1.1")
    wait_until(
        lambda: bool(replica.inside(inside.replication_status)["failure"]), _PATIENCE, lambda: replica.log[-3000:]
    )
    with Session(replica.url, basic(token)) as session:
        assert sorted({file["filename"].split("-")[1][:3] for file in session.page(name)["files"]}) == ["1.0"]
    done, installed = Uv().install(home, [name], f"{replica.url}/simple/", credentials)
    assert installed == {name: "1.0"}, done.output
    hosts.mend()
    wait_until_equal(primary, replica)
    assert replica.inside(inside.replication_status)["failure"] == ""
    wait_until(
        lambda: not replica.inside(inside.replication_status)["missing_blobs"], _PATIENCE, lambda: replica.log[-3000:]
    )
    done, installed = Uv().install(home, [f"{name}>=1.1"], f"{replica.url}/simple/", credentials)
    assert installed == {name: "1.1"}, done.output
