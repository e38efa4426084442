"""A server leaves nothing behind, even when its test process is killed while the server is paused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.servers import processes
from tests.servers.ports import wait_until
from tests.servers.slapd import Slapd

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = """
import os, signal
from tests.servers.slapd import Slapd
server = Slapd().__enter__()
server.pause()
print(server.pid, server.ca_file.parent, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_test_process_takes_its_paused_server_along() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, check=False, capture_output=True, text=True)
    pid, folder = done.stdout.split()
    wait_until(lambda: not Path(folder).exists(), 60, lambda: f"{folder} is left: {done.stderr}")
    assert not processes.is_running(int(pid))


def test_an_orderly_end_leaves_neither_process_nor_folder() -> None:
    with Slapd() as server:
        pid, folder = server.pid, server.ca_file.parent
        assert processes.is_running(pid)
    assert not processes.is_running(pid)
    assert not folder.exists()
