"""What operators see when a replica is not looked after: its service is down, or has a pepper of its own."""

from __future__ import annotations

import json

import pytest

from tests.functional.promotions import PATIENCE, join_as_heir, manage
from tests.functional.replicating import ALIKE, wait_until_equal
from tests.servers import inside
from tests.servers.ports import wait_until
from tests.servers.tpi import TpiServer

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]


def _code(replica: TpiServer) -> str:
    done = replica.manage("replication", "status", "--json")
    return str(json.loads(done.stdout)["replica_of"]["failure_code"])


def test_a_service_with_another_pepper_or_none_at_all_is_told_of() -> None:
    with TpiServer(settings=ALIKE) as primary, TpiServer(settings=ALIKE) as replica:
        join_as_heir(primary, replica)
        primary.inside(inside.publish, numbers=[1])
        wait_until_equal(primary, replica)
        wait_until(
            lambda: "far: in step; at serial" in manage(primary, "status"), PATIENCE, lambda: primary.log[-3000:]
        )
        assert "0 contents of 0 B missing; last contact" in manage(primary, "status")
        assert "No process follows" not in manage(replica, "status")

        assert primary.manage("audit_checkpoint").returncode == 0
        primary.inside(inside.publish, numbers=[3])
        wait_until(
            lambda: "1 checkpoints, of up to" in manage(replica, "checkpoints"), PATIENCE, lambda: replica.log[-3000:]
        )
        kept = replica.folder / "kept"
        manage(replica, "checkpoints", "--out", str(kept))
        (note,) = kept.glob("*.txt")
        held = primary.manage("verify_audit", "--checkpoint", str(note), "--public-key", str(kept / "keys"))
        assert held.returncode == 0, held.stdout

        replica.stop()
        wait_until(
            lambda: replica.manage("replication", "status").returncode == 1, PATIENCE, lambda: "It says nothing."
        )
        assert "No process follows the primary, last contact" in manage(replica, "status", code=1)
        assert "failing  following" in manage(replica, "drill", code=1)

        replica.settings["TPI_TOKEN_PEPPER"] = "pW8kQ2xZ6vB4nM1rT9yL5cD7fG3hJ0sA"
        assert replica.manage("accept_secret", "TPI_TOKEN_PEPPER").returncode == 0
        replica.start()
        wait_until(lambda: _code(replica) == "pepper-differs", PATIENCE, lambda: replica.log[-3000:])
        assert "have another TPI_TOKEN_PEPPER than the primary" in manage(replica, "status", code=1)
        assert replica.inside(inside.watch_replication) == [["replica-pepper-differs", ""]]
        primary.inside(inside.publish, numbers=[2])
        wait_until_equal(primary, replica)

        replica.stop()
        replica.settings["TPI_TOKEN_PEPPER"] = ALIKE["TPI_TOKEN_PEPPER"]
        assert replica.manage("accept_secret", "TPI_TOKEN_PEPPER").returncode == 0
        replica.start()
        wait_until(lambda: _code(replica) == "", PATIENCE, lambda: replica.log[-3000:])
        assert replica.inside(inside.watch_replication) == []
