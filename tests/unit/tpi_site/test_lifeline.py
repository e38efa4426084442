"""Processes that end with the one that started them."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

# Each program starts a child that would live for long, names it and ends when it is told, without stopping it.
TIED_BY_POPEN = """
import os, signal, subprocess, sys
from functools import partial
from tpi_site.kit.lifeline import end_with
signal.signal(signal.SIGTERM, lambda number, frame: None)
tie = partial(end_with, os.getpid(), signal.SIGTERM)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], preexec_fn=tie)
print(child.pid, flush=True)
os.read(0, 1)
os._exit(0)
"""
TIED_BY_FORK = """
import os, signal, time
from tpi_site.kit.lifeline import Lineage
Lineage(signal.SIGKILL).begin()
child = os.fork()
if child == 0:
    grandchild = os.fork()
    if grandchild:
        print(grandchild, flush=True)
    time.sleep(600)
os.read(0, 1)
os._exit(0)
"""


def has_ended(pid: int) -> bool:
    """Wait for a process that is not ours to wait for."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    ended = bool(poll.poll(20_000))
    os.close(descriptor)
    return ended


@pytest.mark.parametrize("program", [TIED_BY_POPEN, TIED_BY_FORK], ids=["Popen", "fork"])
def test_a_child_ends_with_its_parent(program: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin is not None
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.stdin.write("end\n")
    parent.stdin.close()
    parent.stdout.close()
    parent.wait()
    assert has_ended(child)
