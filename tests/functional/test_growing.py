"""From the embedded installation to two nodes, with the commands of README: nothing changes but settings, nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from tests.functional.artefacts import build, fresh_name
from tests.functional.client_tools import Credentials, Home
from tests.functional.installers import Pip
from tests.functional.publishers import Twine
from tests.servers import inside
from tests.servers.haproxy import HAProxy
from tests.servers.ports import status_of
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis
from tests.servers.tpi import ROOT, TpiServer

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("cluster")]

_OWN = ("TPI_BIND", "TPI_TRUSTED_PROXIES", "TPI_URL", "TPI_LEAVE_SECONDS")
"""What README sets for machines of its own, and the test for one machine."""


def blocks() -> list[str]:
    """The commands of README's way from one machine to two, block by block."""
    section = (ROOT / "README.md").read_text().partition("## From one machine to two\n")[2].partition("\n## ")[0]
    parts = [part for part in section.split("\n\n") if part.startswith("    ")]
    return [dedent(part) for part in parts]


def run(node: TpiServer, text: str) -> subprocess.CompletedProcess[str]:
    """The commands in a shell on the node's machine, which ends with the first that fails."""
    return subprocess.run(
        ["sh", "-ec", text], cwd=ROOT, env=node.environment, capture_output=True, text=True, check=False
    )


def told(node: TpiServer, text: str) -> str:
    done = run(node, text)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def manage(node: TpiServer, *words: str) -> str:
    return told(node, " ".join([sys.executable, "manage.py", *words]))


def settings_in(path: Path) -> dict[str, str]:
    """What a shell has after it has read the file."""
    done = subprocess.run(["sh", "-ec", f"set -a; . {path}; set +a; env"], env={}, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    found = dict(line.split("=", 1) for line in lines if line.startswith("TPI_"))
    assert set(_OWN) <= set(found)
    return {name: value for name, value in found.items() if name not in _OWN}


def test_an_embedded_installation_becomes_two_nodes(home: Home, tmp_path: Path) -> None:
    before, after = build(tmp_path, fresh_name(), padding=os.urandom(200_000)), build(tmp_path, fresh_name())
    here, there = tmp_path / "node0", tmp_path / "node1"
    moving, settling, starting, ending = blocks()
    with (
        TpiServer(settings={"TPI_LEAVE_SECONDS": "1"}) as first,
        closing(TpiServer()) as second,
        Postgres() as database,
        Redis() as redis,
    ):
        names = {
            ".venv/bin/python": sys.executable,
            "/srv/tpi-files": str(tmp_path / "shared"),
            "postgres://tpi:secret@db.tpi.example/tpi": database.url,
            "redis://cache.tpi.example:6379/0": redis.url,
            " var/": f" {first.data}/",
            "node1.tpi.example:/etc/tpi": str(there),
            "ssh node1.tpi.example install -d -m 700 /etc/tpi": f"install -d -m 700 {there}",
            "scp -p": "cp -p",
            "/etc/tpi": str(here),
        }

        def as_here(text: str) -> str:
            for name, value in names.items():
                text = text.replace(name, value)
            return text

        owner = Credentials(password=first.inside(inside.token))
        Twine().publish(home, before, f"{first.url}/legacy/", owner).require_success()
        first.wait_until_job_cluster_runs()

        refused = run(first, f"{sys.executable} manage.py move_database {database.url}")
        assert "read_only on" in refused.stderr
        assert database.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "tpi") == ["0"]
        said = told(first, as_here(moving))
        assert ("so that this is all" in said, "manage.py read_only off" in said, "accounts_node:" in said) == (
            True,
            True,
            False,
        ), said
        Pip().install(home, [before.name], f"{first.url}/simple/", owner)[0].require_success()
        told(first, as_here(settling))
        assert {path.stat().st_mode & 0o777 for path in (*here.iterdir(), *there.iterdir())} == {0o600}
        assert first.stop() == 0

        astray = run(first, f"{sys.executable} manage.py read_only off")
        assert (astray.returncode, astray.stderr.count("\n")) == (1, 1)
        assert "was moved to postgres://" in astray.stderr
        assert "set -a; . /etc/tpi/tpi.env; set +a\nmake serve" in starting
        own = settings_in(here / "tpi.env")
        first.settings |= own | {"TPI_TRUSTED_PROXIES": "127.0.0.0/8"}
        second.settings |= {name: value.replace(str(here), str(there)) for name, value in first.settings.items()}
        for node in (first, second):
            node.start()
        assert ending.splitlines()[1:] == [
            "set -a; . /etc/tpi/tpi.env; set +a",
            ".venv/bin/python manage.py read_only off",
        ]
        manage(second, "read_only", "off")
        with HAProxy([first.port, second.port]) as proxy:
            proxy.wait_until(node0="UP", node1="UP")
            Twine().publish(home, after, f"{proxy.url}/legacy/", owner).require_success()
            outcome, found = Pip().install(home, [before.name, after.name], f"{proxy.url}/simple/", owner)
            outcome.require_success()
            assert found == {before.name: "1.0", after.name: "1.0"}
        manage(second, "verify_audit")
        manage(second, "fsck", "--deep")
        assert database.ask("SELECT count(*) FROM accounts_node WHERE left_at IS NULL", "tpi") == ["2"]

        behind = run(first, f"{sys.executable} manage.py rotate_keys")
        assert (behind.returncode, "not current yet" in behind.stderr) == (1, True)
        shutil.copy2(here / "keyring.json", there / "keyring.json")
        assert "is current" in manage(first, "rotate_keys")
        for node in (first, second):
            assert status_of(node.port, "/readyz") == 200
            outcome, found = Pip().install(home, [before.name, after.name], f"{node.url}/simple/", owner)
            outcome.require_success()

        (first.data / "database-moved.json").unlink()
        old = f"TPI_DATABASE_URL=sqlite:///{first.data / 'tpi.sqlite3'}"
        again = run(first, f"{old} {sys.executable} manage.py move_database {database.url}")
        assert (again.returncode, "is not empty" in again.stderr) == (1, True)
