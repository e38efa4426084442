"""``python -m tpi_site.serve``: the web server and the job cluster under one supervisor.

SIGTERM or Ctrl-C drains both and ends; where TPI_LEAVE_SECONDS says so, the web server goes on for that long while ``/readyz``
is red, so that proxies send nobody any more before it refuses the first, and a second signal cuts that short.  A part that
dies is started again, more slowly each time.  Children receive SIGTERM when the supervisor itself is killed, so that nothing
keeps the port.  Django is not imported here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

from tpi_site import counters
from tpi_site.kit import leaving
from tpi_site.kit.lifeline import end_with

_LONGEST_PAUSE = 30.0
_STEADY = 10.0
_TICK = 0.2
_SECONDS = {"DRAIN": 30, "LEAVE": 0}


@dataclass
class Part:
    """One child process with its history of failures; it inherits the descriptor ``held``."""

    name: str
    command: list[str]
    held: int
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    not_before: float = 0.0
    pause: float = field(default=0.5)
    is_misconfigured: bool = False

    def start(self) -> None:
        """Start the child in the supervisor's session, tied to the supervisor's life."""
        tie = partial(end_with, os.getpid(), signal.SIGTERM)
        self.process = subprocess.Popen(
            self.command,
            preexec_fn=tie,  # noqa: PLW1509  one thread
            start_new_session=True,
            pass_fds=[self.held],
        )
        self.started_at = time.monotonic()

    def watch(self) -> None:
        """Start the child when it is due; note its death."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.not_before:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        self.process = None
        self.is_misconfigured = code == os.EX_CONFIG
        self.pause = 0.5 if now - self.started_at > _STEADY else min(self.pause * 2, _LONGEST_PAUSE)
        self.not_before = now + self.pause
        if self.is_misconfigured:
            return
        sys.stderr.write(f"The {self.name} ended with {code}; starting it again in {self.pause:.0f} s.\n")

    def stop(self, number: int) -> None:
        """Send the signal, if the child lives."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, until: float) -> None:
        """Wait for the end; kill what does not come to it."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def parts(held: int) -> list[Part]:
    """The web server first: it migrates before it listens; all hold the descriptor ``held`` for as long as they live."""
    python = sys.executable
    return [
        Part("web server", [python, "-m", "tpi_site.web"], held),
        Part("job cluster", [python, "-m", "tpi_site.jobs"], held),
    ]


class Supervisor:
    """Keeps the parts running until it is told to stop."""

    def __init__(self, children: list[Part], drain_seconds: float, leave_seconds: float = 0.0) -> None:
        self.children = children
        self.drain_seconds = drain_seconds
        self.leave_seconds = leave_seconds
        self.signals = 0

    @property
    def stopping(self) -> bool:
        """Whether it was told to."""
        return self.signals > 0

    def request_stop(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: only note it."""
        self.signals += 1

    def run(self) -> int:
        """Watch until a signal, then drain."""
        signal.signal(signal.SIGTERM, self.request_stop)
        signal.signal(signal.SIGINT, self.request_stop)
        for child in self.children[1:]:
            child.not_before = time.monotonic() + 3.0  # let the first answers not wait for the job cluster's imports
        while not self.stopping:
            for child in self.children:
                child.watch()
                if child.is_misconfigured:  # starting again would not help
                    self.drain()
                    return os.EX_CONFIG
            time.sleep(_TICK)
        self.leave()
        return self.drain()

    def leave(self) -> None:
        """Take no more jobs, be ready no more, and go on answering for as long as proxies need to see it."""
        leaving.begin()
        web, *others = self.children
        for child in others:
            child.stop(signal.SIGTERM)
        until = time.monotonic() + self.leave_seconds
        while self.signals == 1 and time.monotonic() < until:
            web.watch()
            time.sleep(_TICK)

    def drain(self) -> int:
        """SIGTERM to all, then wait for the requests and jobs under way."""
        for child in self.children:
            child.stop(signal.SIGTERM)
        until = time.monotonic() + self.drain_seconds + 5
        for child in self.children:
            child.wait(until)
        return 0


def main() -> int:
    """Set up the environment that the children share and supervise them."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    # glibc gives every thread a heap of its own, and none gives back what a large page once took from it.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    os.umask(0o077)
    with counters.folder() as (path, descriptor):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(path)
        drain, leave = (float(os.environ.get(f"TPI_{name}_SECONDS") or default) for name, default in _SECONDS.items())
        return Supervisor(parts(descriptor), drain, leave).run()


if __name__ == "__main__":
    sys.exit(main())
