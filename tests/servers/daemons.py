"""A program that listens on the loopback address, for as long as a ``with`` block lasts."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import processes
from tests.servers.caretaker import Caretaker
from tests.servers.ports import wait_until

_PATIENCE = 30.0  # seconds


def program(name: str) -> str:
    """Where the program is; fails with what to do where it is not."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/usr/local/sbin:/usr/local/bin")
    assert found, f"{name} is missing; run 'make test', which installs it"
    return found


class Daemon:
    """Its folder, its log and its life; subclasses say ``command`` and when it ``answers``.

    A caretaker ends it and removes its folder, however this process ends.
    """

    name = "daemon"
    end_signal: int = signal.SIGTERM

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"tpi-{self.name}-"))
        self.log_path = self.folder / f"{self.name}.log"
        self._caretaker = Caretaker()
        self._caretaker.folder(self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """What is started."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it can be used now."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start it, and return when it answers."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._caretaker.process(self._process.pid)
        self.wait_for(self.answers)

    @property
    def pids(self) -> list[int]:
        """Its process and all that it has started."""
        return [self._process.pid, *processes.descendants(self._process.pid)] if self._process is not None else []

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Return as soon as ``is_so()``; fails with the log when it takes too long, or when the program has ended."""

        def checked() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, f"{self.name} ended:\n{self.log}"
            return is_so()

        wait_until(checked, _PATIENCE, lambda: f"{self.name} does not come to it:\n{self.log}")

    @property
    def log(self) -> str:
        """The end of what it has printed."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-4000:] if self.log_path.exists() else ""

    def stop(self, number: int | None = None) -> None:
        """End it, or kill it with ``SIGKILL``; it may be started again on the same port."""
        if self._process is None:
            return
        processes.kill(self._process.pid, self.end_signal if number is None else number)
        self._process.wait(_PATIENCE)
        self._caretaker.forget(self._process.pid)
        self._process = None

    def close(self) -> None:
        """End it and remove the folder."""
        try:
            self.stop()
        finally:
            self._caretaker.dismiss()
            shutil.rmtree(self.folder, ignore_errors=True)
