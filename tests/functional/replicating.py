"""Sites that follow one another, for tests of several kinds: what they have alike, and waiting until they are equal."""

from __future__ import annotations

from tests.servers import inside
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
