"""Pages from a standby that follows, stands still, and dies: they always show what was just published."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.core_metadata import Built
from tests.functional.artefacts import build, fresh_name
from tests.servers import inside
from tests.servers.ports import wait_until
from tests.servers.postgres import Postgres
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]
_SCANS = "SELECT COALESCE(sum(idx_scan + seq_scan), 0) FROM pg_stat_user_tables WHERE relname = 'indexapp_file'"


def test_pages_come_from_a_standby_that_has_them(tmp_path: Path) -> None:
    name, versions = fresh_name(), iter(range(1, 100))

    def publish(session: Session) -> None:
        (path,) = build(tmp_path, name, f"1.{next(versions)}", kinds="wheel").files
        assert session.upload(Built(path.name, path.read_bytes())).status == 200

    with Postgres(migrated=True) as primary, Postgres(of=primary) as standby:
        settings = {"TPI_DATABASE_URL": primary.url, "TPI_DATABASE_REPLICA_URL": standby.url, "TPI_WORKERS": "1"}
        with (
            TpiServer(settings=settings) as node,
            Session(node.url, basic(node.inside(inside.token))) as session,
        ):
            publish(session)
            assert len(session.listed(name)) == 1

            def is_read_there() -> bool:
                publish(session)
                caught_up = standby.ask("SELECT max(serial) FROM indexapp_change", "tpi")
                assert caught_up
                assert session.listed(name)
                return int(standby.ask(_SCANS, "tpi")[0]) > 0

            wait_until(is_read_there, 60, lambda: "the standby is never read")
            count = len(session.listed(name))

            standby.ask("SELECT pg_wal_replay_pause()")
            for more in (1, 2):
                publish(session)
                assert len(session.listed(name)) == count + more, "what the standby lacks comes from the primary"

            standby.crash()
            for more in (3, 4):
                publish(session)
                assert len(session.listed(name)) == count + more
            assert session.get("/simple/").status == 200
            assert session.get("/readyz").status == 200
            assert "The replica is not used" in node.log
