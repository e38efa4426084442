"""Sites that follow one another, for tests of several kinds: what they have alike, and waiting until they are equal."""

from __future__ import annotations

from tests.servers import inside, processes
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer

ALIKE = {"TPI_TOKEN_PEPPER": "aZ3k9Qw7Lm2Rt8Xv5Bn1Yc6Hd4Jf0GsPq", "TPI_OUTBOUND_NETWORKS": "127.0.0.0/8"}
"""Settings that a replica shares with its primary."""
_PATIENCE = 60.0


def wait_until_equal(primary: TpiServer, replica: TpiServer) -> None:
    """Return when all that is replicated is the same on both; fail with what differs."""

    def is_equal() -> bool:
        return bool(primary.inside(inside.replicated) == replica.inside(inside.replicated))

    def what_differs() -> str:
        ours, theirs = primary.inside(inside.replicated), replica.inside(inside.replicated)
        differing = {label: (ours[label], theirs[label]) for label in ours if ours[label] != theirs[label]}
        return f"{differing}\n{replica.inside(inside.replication_status)}\n{replica.log[-3000:]}"

    wait_until(is_equal, _PATIENCE, what_differs)


def followers(site: TpiServer) -> list[int]:
    """The two processes that follow: children of the job cluster's first one that have none and are no part of the cluster."""
    found: list[int] = []

    def are_there() -> bool:
        jobs = [member.pid for member in site.members() if member.role == "jobs"]
        below = [pid for parent in jobs for pid in processes.children(parent)]
        found[:] = sorted(pid for pid in below if not processes.children(pid))
        return len(below) > len(found) == 2

    wait_until(are_there, 90, lambda: f"Nobody follows:\n{site.log[-3000:]}")
    return found
