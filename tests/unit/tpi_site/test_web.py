"""The web server's process, up to the point where it would listen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.ports import LOOPBACK, free_port
from tpi_site import web
from tpi_site.kit.errors import Conflict, Unavailable
from tpi_site.kit.key_ring import KeyRingBroken, KeySourceAway

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"TPI_ADMIN_PASSWORD": "short"}, "too short"),
        ({"TPI_ADMIN_USER": "no spaces please"}, "username"),
        ({"TPI_CACHE_URL": "memcached://cache"}, "tpi.E012"),
    ],
)
def test_settings_that_nothing_can_be_made_of_end_the_start_with_a_sentence(
    tmp_path: Path, given: dict[str, str], rule: str
) -> None:
    own = {"TPI_DATA_DIR": str(tmp_path), "TPI_BIND": f"{LOOPBACK}:{free_port()}", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "tpi_site.web"]
    done = subprocess.run(command, cwd=ROOT, env=own | given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == os.EX_CONFIG, done.stderr
    assert "Traceback" not in done.stderr
    assert rule in done.stderr
    assert next(iter(given)) in done.stderr


def test_what_may_pass_by_itself_is_tried_again() -> None:
    """systemd is told not to try again after EX_CONFIG."""
    unit = (ROOT / "deploy/systemd/tpi.service").read_text(encoding="utf-8")
    assert f"RestartPreventExitStatus={os.EX_CONFIG}\n" in unit
    assert web.exit_code(Unavailable("Older nodes serve.", code="older-nodes")) == os.EX_TEMPFAIL
    assert web.exit_code(KeySourceAway("It does not answer.")) == os.EX_TEMPFAIL
    assert web.exit_code(Conflict("Another secret.")) == os.EX_CONFIG
    assert web.exit_code(KeyRingBroken("It is no ring.")) == os.EX_CONFIG
