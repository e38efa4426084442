"""A process that clears up after this one, also after ``kill -9``.

Run as a program it reads lines from its standard input: ``process <pid>`` and ``folder <path>`` to look after, ``forget
<pid>`` when a process has ended.  At the end of the input (whoever wrote is gone) it ends the processes and removes the
folders.  Processes are held by pidfd, so a number that was given to somebody else is never signalled.
"""

from __future__ import annotations

import atexit
import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_GRACE_MS = 15_000


class Caretaker:
    """The client's side: one per server."""

    def __init__(self) -> None:
        command = [sys.executable, "-S", __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        atexit.register(self.dismiss)

    def folder(self, path: Path) -> None:
        """Remove the folder at the end."""
        self._say(f"folder {path}")

    def process(self, pid: int) -> None:
        """End the process (SIGTERM, then SIGKILL) at the end."""
        self._say(f"process {pid}")

    def forget(self, pid: int) -> None:
        """The process has ended already."""
        self._say(f"forget {pid}")

    def dismiss(self) -> None:
        """Clear up now; a second call does nothing."""
        if self._process.poll() is None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
        atexit.unregister(self.dismiss)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()


def main() -> None:
    """Listen until the end of the input, then clear up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    held: dict[int, int] = {}
    folders: list[str] = []
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "folder":
            folders.append(rest)
        elif word == "process":
            with suppress(ProcessLookupError):
                held[int(rest)] = os.pidfd_open(int(rest))
        elif word == "forget" and int(rest) in held:
            os.close(held.pop(int(rest)))
    for descriptor in held.values():
        _end(descriptor)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _end(descriptor: int) -> None:
    """SIGTERM, and SIGKILL when that does not help in time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)
            signal.pidfd_send_signal(descriptor, signal.SIGCONT)  # one that a test has paused would not hear of it
        if poll.poll(_GRACE_MS):
            return


if __name__ == "__main__":
    main()
