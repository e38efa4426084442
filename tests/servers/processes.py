"""The processes of an installation, as /proc shows them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import wait_until

_PAUSE_SECONDS = 30


@dataclass(frozen=True)
class Member:
    """One process of the installation and the part it plays there."""

    pid: int
    role: str

    def open_files(self) -> list[str]:
        """What the process holds open; files without a name end in ``(deleted)``."""
        found: list[str] = []
        with suppress(OSError):
            for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
                with suppress(OSError):
                    found.append(str(descriptor.readlink()))
        return found


def children(pid: int) -> list[int]:
    """The processes that ``pid`` is the parent of."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (task / "children").read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """All processes below ``pid``, nearest first."""
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for parent in level for child in children(parent)]
        found += level
    return found


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return _state(Path(f"/proc/{pid}")) not in ("Z", "X")
    except OSError:
        return False


def _state(folder: Path) -> str:
    """The state's letter, of a process or of one of its threads; see proc(5)."""
    return (folder / "stat").read_text().rpartition(")")[2].split()[0]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def members(supervisor: int) -> list[Member]:
    """The supervisor, gunicorn's master and workers, the job cluster and its processes, as far as they are there now."""
    found = [Member(supervisor, "supervisor")]
    for part in children(supervisor):
        command = _command(part)
        name = "jobs" if "tpi_site.jobs" in command else "master" if "tpi_site.web" in command else ""
        if not name:
            continue
        found.append(Member(part, name))
        below = "job process" if name == "jobs" else "worker"
        found += [Member(pid, below) for pid in descendants(part)]
    return found


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process of ours that may just have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def pause(pid: int) -> None:
    """SIGSTOP; returns when every thread stands still, for the kernel stops them one by one and after the call."""
    kill(pid, signal.SIGSTOP)
    wait_until(lambda: is_paused(pid), _PAUSE_SECONDS, lambda: f"process {pid} goes on")


def is_paused(pid: int) -> bool:
    """Whether all threads of the process were stopped."""
    try:
        return all(_state(thread) == "T" for thread in Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # a thread has just ended
        return False
