"""The doctor and the support bundle on an installation that runs."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.servers.ports import wait_until
from tests.servers.tpi import ROOT, TpiServer

pytestmark = pytest.mark.functional


def manage(server: TpiServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=server.environment, capture_output=True, text=True, check=False)


def test_a_new_installation_is_healthy_and_tells_nothing_secret(tmp_path: Path) -> None:
    with TpiServer() as server:
        found: list[subprocess.CompletedProcess[str]] = []

        def is_healthy() -> bool:
            found.append(manage(server, "doctor", "--json"))
            return found[-1].returncode == 0 and "A job ran within" in found[-1].stdout

        wait_until(is_healthy, 120, lambda: found[-1].stdout + found[-1].stderr)
        checks = {check["name"]: check for check in json.loads(found[-1].stdout)["checks"]}
        assert {checks[name]["state"] for name in ("queue", "storage", "writes", "settings", "schedules")} == {"good"}
        assert "A job ran within" in checks["queue"]["sentence"]

        secrets = [server.token, server.password, (server.data / "secret-key").read_text().strip()]
        assert server.token in server.log, "the welcome has it, and the log with it"
        made = manage(server, "support_bundle", str(tmp_path / "out.zip"), "--log", str(server.log_path))
        assert made.returncode == 0, made.stderr
        with zipfile.ZipFile(tmp_path / "out.zip") as bundle:
            files = {name: bundle.read(name).decode() for name in bundle.namelist()}
        assert "Trusted Packaging Index" in files["log.txt"]
        assert [(name, secret) for name, text in files.items() for secret in secrets if secret in text] == []
        assert json.loads(files["doctor.json"])["healthy"] is True
        assert "tpi_jobs_last_success_timestamp_seconds" in files["metrics.txt"]
