"""The counters' folder lives as long as any process that counts in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.servers import processes
from tests.servers.ports import wait_until
from tpi_site import counters

# A supervisor who starts a process that lives until its input ends, and names it.
SUPERVISOR = """
import subprocess, sys
from tpi_site import counters
with counters.folder() as (path, descriptor):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stderr=subprocess.DEVNULL, pass_fds=[descriptor])
    print(path, child.pid, flush=True)
    child.wait()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_a_folder_goes_with_its_supervisor(place: Path) -> None:
    with counters.folder() as (path, _):
        assert path.parent == place
        counters.remove_abandoned()
        assert path.is_dir()
    assert not path.exists()


def test_a_killed_supervisors_folder_stays_until_the_last_of_its_processes_has_ended() -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    with supervisor.stdin, supervisor.stdout:
        folder, child = supervisor.stdout.readline().split()
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait()
        counters.remove_abandoned()
        assert Path(folder).is_dir()
    wait_until(lambda: not processes.is_running(int(child)), 30, lambda: "the child lives on")
    counters.remove_abandoned()
    assert not Path(folder).exists()


def test_what_is_no_folder_of_ours_is_left_alone(place: Path) -> None:
    others = [place / "tpi-metrics-notes", place / f"tpi-metrics-{os.getpid()}-a", place / "tpi-metrics-0-a"]
    for folder in others[:2]:
        folder.mkdir()
    others[2].write_text("a file")
    counters.remove_abandoned()
    assert all(each.exists() for each in others)
