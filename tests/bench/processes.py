"""Starting servers, watching what they use, and stopping them by process id."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 120.0
_REST = 0.03  # seconds of CPU in half a second


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def descendants(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for parent in found:
        try:
            text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except OSError:
            continue
        found += [int(child) for child in text.split()]
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """User and system time that the processes have used so far."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def memory(pid: int) -> dict[str, float]:
    """Resident, proportional and unshared memory of a process in MiB (``rss``, ``pss``, ``uss``)."""
    sums = dict.fromkeys(("Rss", "Pss", "Private_Clean", "Private_Dirty"), 0)
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in sums:
            sums[key] = int(value.split()[0])
    private = sums["Private_Clean"] + sums["Private_Dirty"]
    return {"rss": sums["Rss"] / 1024, "pss": sums["Pss"] / 1024, "uss": private / 1024}


def forget_peak(pid: int) -> None:
    """Let the peak of resident memory begin anew at what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid: int) -> float:
    """The highest resident memory since :func:`forget_peak`, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"Process {pid} tells no peak of its memory.")


class Server:
    """One server on a port of the loopback interface; a context manager that stops what it started."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        port: int,
        log: Path,
        environment: Mapping[str, str],
        cpus: frozenset[int] = frozenset(),
        ready_path: str = "/",
    ) -> None:
        self.name = name
        self.port = port
        self.log = log
        self._command = list(command)
        self._environment = dict(environment)
        self._cpus = cpus
        self._ready_path = ready_path
        self._process: subprocess.Popen[bytes] | None = None
        self.started_within = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.stop()

    def start(self) -> float:
        """Start it and wait for its first answer, whatever that is; returns (and keeps) the seconds until then."""
        before = os.sched_getaffinity(0)
        started = time.perf_counter()
        with self.log.open("ab") as log:
            os.sched_setaffinity(0, self._cpus or before)  # children inherit it
            try:
                self._process = subprocess.Popen(
                    self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
                )
            finally:
                os.sched_setaffinity(0, before)
        self._wait(started)
        self.started_within = time.perf_counter() - started
        return self.started_within

    def _wait(self, started: float) -> None:
        while time.perf_counter() - started < _PATIENCE:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
                connection.request("GET", self._ready_path)
                connection.getresponse().read()
                connection.close()
            except OSError:
                time.sleep(0.005)
            else:
                return
        tail = self.log.read_text(errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"{self.name} did not answer; its last words:\n{tail}")

    def stop(self) -> None:
        """SIGTERM, then SIGKILL for what does not end."""
        process, self._process = self._process, None
        if process is None:
            return
        family = descendants(process.pid)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            for pid in family:
                _kill(pid)
            process.wait()

    @property
    def pids(self) -> list[int]:
        """Every process of the server."""
        return descendants(self._process.pid) if self._process else []

    @property
    def workers(self) -> list[int]:
        """The processes that answer requests: forks of a web server, which bear their parent's command line."""
        return [pid for pid in self.pids if _is_worker(pid)]

    def settle(self) -> None:
        """Wait until everything that starts beside the workers has come to rest, half a minute at most."""
        for _ in range(60):
            before = cpu_seconds(self.pids)
            time.sleep(0.5)
            if cpu_seconds(self.pids) - before < _REST:
                return


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _is_worker(pid: int) -> bool:
    try:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        own, inherited = (Path(f"/proc/{each}/cmdline").read_bytes() for each in (pid, parent))
    except OSError:
        return False
    return own == inherited and (b"gunicorn" in own or b"tpi_site.web" in own)


def python_environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a measured Python: compiled modules are kept, as an ordinary installation keeps them.

    They are kept in ``folder``, so that nothing is written beside the sources.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TPI_", "DJANGO_", "PYTHON"))}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "compiled"), **more}


PYTHON = sys.executable
