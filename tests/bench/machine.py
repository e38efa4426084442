"""What this machine is, so that a table can be compared with another one; and how its processors are shared out."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from pathlib import Path


def describe(folder: Path) -> list[str]:
    """Lines about processors, memory, disk, versions and the present load."""
    processor = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    total = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    name = processor[1] if processor else platform.machine()
    memory = int(total[1]) / 2**20 if total else 0
    return [
        f"{len(cpus())} processors ({name}), {memory:.0f} GiB memory, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, data on {_file_system(folder)}",
        f"load average {load()} (others may be using this machine: trust ratios more than rates)",
        f"server on processors {sorted(server_cpus())}, load generator on {sorted(client_cpus())}",
    ]


def load() -> str:
    """The load averages of the last 1, 5 and 15 minutes."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


def _file_system(folder: Path) -> str:
    found = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "an unknown file system"


def cpus() -> frozenset[int]:
    """The processors that this process may use."""
    return frozenset(os.sched_getaffinity(0))


def client_cpus() -> frozenset[int]:
    """The last processor is the load generator's, so that it does not compete with the server."""
    return frozenset({max(cpus())})


def server_cpus() -> frozenset[int]:
    """All the others; on a machine with one processor, that one."""
    return cpus() - client_cpus() or client_cpus()
