"""From the embedded installation to two nodes, as README says it: nothing changes but settings, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Pip
from tests.functional.publishers import Twine
from tests.servers import inside
from tests.servers.haproxy import HAProxy
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis
from tests.servers.tpi import ROOT, TpiServer

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]


def _manage(node: TpiServer, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=node.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_embedded_installation_becomes_two_nodes(home: Home, tmp_path: Path) -> None:
    before, after = build(tmp_path, fresh_name(), padding=os.urandom(200_000)), build(tmp_path, fresh_name())
    files = f"file://{tmp_path / 'shared'}"
    with (
        TpiServer(settings={"TPI_LEAVE_SECONDS": "1"}) as first,
        closing(TpiServer()) as second,
        Postgres() as database,
        Redis() as redis,
    ):
        owner = Credentials(password=first.inside(inside.token))
        Twine().publish(home, before, f"{first.url}/legacy/", owner).require_success()
        first.wait_until_job_cluster_runs()

        _manage(first, "read_only", "on", "--reason", "The database moves.")
        _manage(first, "move_storage", files)
        told = _manage(first, "move_database", database.url)
        assert "manage.py read_only off" in told
        assert "accounts_node:" not in told, "the old node serves there no more"
        Pip().install(home, [before.name], f"{first.url}/simple/", owner)[0].require_success()
        assert first.stop() == 0

        shared = {
            "TPI_DATABASE_URL": database.url,
            "TPI_STORAGE_URL": files,
            "TPI_CACHE_URL": redis.url,
            "TPI_TRUSTED_PROXIES": "127.0.0.0/8",
            "TPI_SECRET_KEY_FILE": str(first.data / "secret-key"),
            "TPI_TOKEN_PEPPER_FILE": str(first.data / "token-pepper"),
            "TPI_AUDIT_KEY_FILE": str(first.data / "audit-key"),
            "TPI_KEYRING": f"file:{first.data / 'keyring.json'}",
        }
        for node in (first, second):
            node.settings |= shared
            node.start()
        _manage(second, "read_only", "off")
        with HAProxy([first.port, second.port]) as proxy:
            proxy.wait_until(node0="UP", node1="UP")
            Twine().publish(home, after, f"{proxy.url}/legacy/", owner).require_success()
            outcome, found = Pip().install(home, [before.name, after.name], f"{proxy.url}/simple/", owner)
            outcome.require_success()
            assert found == {before.name: "1.0", after.name: "1.0"}
        _manage(second, "verify_audit")
        _manage(second, "fsck", "--deep")
        assert database.ask("SELECT count(*) FROM accounts_node WHERE left_at IS NULL", "tpi") == ["2"]
        refused = subprocess.run(
            [sys.executable, "manage.py", "move_database", database.url],
            cwd=ROOT,
            env=first.environment | {"TPI_DATABASE_URL": f"sqlite:///{first.data / 'tpi.sqlite3'}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 1
        assert "is not empty" in refused.stderr
