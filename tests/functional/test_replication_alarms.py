"""A primary and a replica that lose each other: both ring, in words and figures, and both are quiet again when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.replicating import ALIKE
from tests.servers import inside
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]
_PATIENCE = 60.0
SILENT = "replica-out-of-contact"


@pytest.fixture
def sites() -> Iterator[tuple[TpiServer, TpiServer]]:
    with TpiServer(settings=ALIKE) as primary, TpiServer(settings=ALIKE) as replica:
        replica.inside(inside.join, url=primary.url, secret=primary.inside(inside.invite, name="far"))
        yield primary, replica


def figures(server: TpiServer) -> dict[str, float]:
    """The figures of ``/metrics`` that are about replication."""
    with Session(server.url) as session:
        lines = session.get("/metrics").body.decode().splitlines()
    told = (line.rpartition(" ") for line in lines if line.startswith("tpi_repli"))
    return {name: float(figure) for name, _, figure in told}


def standing(server: TpiServer, token: str) -> dict[str, Any]:
    """What REST tells, as to an administrator of both."""
    with Session(server.url, basic(token)) as session:
        reply = session.get("/api/v1/replication/standing/")
        assert reply.status == 200, reply.reason
        found: dict[str, Any] = reply.json()
        return found


def test_both_sides_ring_when_they_lose_each_other_and_are_quiet_when_they_meet(
    sites: tuple[TpiServer, TpiServer],
) -> None:
    primary, replica = sites
    token = primary.inside(inside.token, verbs=["administer"])
    primary.inside(inside.publish, numbers=[1, 2, 3])

    def is_in_step() -> bool:
        found = figures(replica)
        lacks = (found["tpi_replication_serials_behind"], found["tpi_replication_missing_contents"])
        return lacks == (0, 0) and replica.inside(inside.published_here) == primary.inside(inside.published_here)

    wait_until(is_in_step, _PATIENCE, lambda: f"{figures(replica)}\n{replica.log[-3000:]}")
    assert (standing(primary, token)["role"], standing(replica, token)["role"]) == ("primary", "replica")

    def is_told_of() -> bool:
        (far,) = standing(primary, token)["replicas"]
        return (far["serials_behind"], far["missing_blobs"]) == (0, 0)

    wait_until(is_told_of, _PATIENCE, lambda: str(standing(primary, token)))
    assert figures(primary)['tpi_replica_serials_behind{replica="far"}'] == 0
    assert (primary.inside(inside.watch_replication), replica.inside(inside.watch_replication)) == ([], [])

    primary.stop()
    wait_until(lambda: figures(replica)["tpi_replication_failing"] == 1, _PATIENCE, lambda: replica.log[-3000:])
    told = standing(replica, token)["replica_of"]
    assert (told["state"], told["failure_code"]) == ("failing", "unreachable")
    assert replica.inside(inside.watch_replication, hours=1) == [[SILENT, ""]]
    assert figures(replica)["tpi_replication_contact_age_seconds"] >= 3600

    replica.stop()
    primary.start()
    assert primary.inside(inside.watch_replication, hours=1) == [[SILENT, "far"]]
    assert figures(primary)['tpi_replica_contact_age_seconds{replica="far"}'] >= 3600

    replica.start()
    wait_until(lambda: replica.inside(inside.watch_replication) == [], _PATIENCE, lambda: replica.log[-3000:])
    wait_until(lambda: primary.inside(inside.watch_replication) == [], _PATIENCE, lambda: primary.log[-3000:])
    assert figures(replica)["tpi_replication_failing"] == 0


def test_what_a_replica_lacks_for_long_rings_on_both_sides(sites: tuple[TpiServer, TpiServer]) -> None:
    """A content that the primary has lost never comes; the alarms of both say so until it is given up."""
    primary, replica = sites
    primary.inside(inside.publish, numbers=[1])

    def has_come() -> bool:
        return bool(replica.inside(inside.published_here) == primary.inside(inside.published_here))

    wait_until(has_come, _PATIENCE, lambda: replica.log[-3000:])
    wait_until(
        lambda: figures(replica)["tpi_replication_missing_contents"] == 0, _PATIENCE, lambda: replica.log[-3000:]
    )
    replica.inside(inside.want, sha256="0" * 64)
    assert replica.inside(inside.watch_replication, hours=2, since="incomplete_since") == [["replica-incomplete", ""]]

    def has_rung() -> bool:
        return ["replica-incomplete", "far"] in primary.inside(inside.watch_replication)

    wait_until(has_rung, _PATIENCE, lambda: str(primary.inside(inside.watch_replication)))
    replica.inside(inside.want_nothing)
    assert replica.inside(inside.watch_replication) == []
    wait_until(lambda: primary.inside(inside.watch_replication) == [], _PATIENCE, lambda: primary.log[-3000:])
