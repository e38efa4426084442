"""The product itself, started as ``make serve`` starts it, on a free port with a data folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.servers import processes, templates, warm
from tests.servers.caretaker import Caretaker
from tests.servers.ports import LOOPBACK, free_port, status_of, wait_until
from tests.servers.processes import Member

ROOT = Path(__file__).resolve().parent.parent.parent
_START_SECONDS = 90
_STOP_SECONDS = 60


class TpiServer:
    """A context manager; ``settings`` are further environment variables.

    ``from_nothing`` lets the first start migrate and collect all by itself, as at an operator's.  A subclass may run it on
    another host: ``address`` is where it is reached, and ``way`` what a command begins with so that it runs there.
    """

    address = LOOPBACK
    way: tuple[str, ...] = ()

    def __init__(self, *, settings: Mapping[str, str] | None = None, from_nothing: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tpi-functional-"))
        self.data = self.folder / "data"
        self.log_path = self.folder / "log"
        self.port = free_port()
        self.url = f"http://{self.address}:{self.port}"
        self.settings = dict(settings or {})
        self._from_nothing = from_nothing
        self._caretaker = Caretaker()
        self._caretaker.folder(self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs and remove the folder."""
        try:
            if self._process is not None and self._process.poll() is None:
                self.stop()
        finally:
            warm.forget(self.environment, way=self.way)
            self._caretaker.dismiss()
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the installation's processes see: nothing of the machine's own configuration."""
        given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        own = {
            "TPI_DATA_DIR": str(self.data),
            "TPI_BIND": f"{LOOPBACK}:{self.port}",
            "TPI_DRAIN_SECONDS": "10",
            "TPI_LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.folder),
        }
        return given | own | self.settings

    def start(self) -> None:
        """Start the supervisor and wait for the first answer."""
        self.start_without_waiting()
        self.wait_until_alive()

    def start_without_waiting(self) -> None:
        """Start the supervisor."""
        if not self._from_nothing:
            templates.begin(self.data, with_database="TPI_DATABASE_URL" not in self.settings)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.way, sys.executable, "-m", "tpi_site.serve"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._caretaker.process(self._process.pid)

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_supervised(self) -> bool:
        """Whether the supervisor runs."""
        return self._process is not None and self._process.poll() is None

    def wait_until_alive(self) -> None:
        """Return when ``/livez`` answers."""
        wait_until(self._is_alive, _START_SECONDS, lambda: f"TPI does not answer:\n{self.log[-4000:]}")

    def _is_alive(self) -> bool:
        assert self.is_supervised, f"TPI ended:\n{self.log[-4000:]}"
        return status_of(self.port, "/livez", address=self.address) == 200

    def wait_until_whole(self) -> None:
        """Return when the present supervisor's own web server answers and its job cluster runs."""

        def is_whole() -> bool:
            roles = Counter(member.role for member in self.members())
            return roles["worker"] >= 2 and roles["job process"] >= 4 and self._is_alive()

        wait_until(is_whole, _START_SECONDS, lambda: f"TPI does not come up again:\n{self.log[-4000:]}")

    def wait_until_job_cluster_runs(self) -> None:
        """Return when the job cluster has all its processes."""

        def runs() -> bool:
            return sum(member.role == "job process" for member in self.members()) >= 4

        wait_until(runs, _START_SECONDS, lambda: f"The job cluster does not start:\n{self.log[-4000:]}")

    def stop(self) -> int:
        """SIGTERM to the supervisor; returns its exit code."""
        assert self._process is not None
        processes.kill(self._process.pid, signal.SIGTERM)
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"TPI does not end; {self.members()} are left:\n{self.log[-4000:]}") from None
        finally:
            self._caretaker.forget(self._process.pid)

    def members(self) -> list[Member]:
        """The processes of the installation."""
        return processes.members(self.pid)

    def kill(self, role: str) -> Member:
        """``kill -9`` of the first process that plays this part; a killed supervisor is reaped."""
        victim = self.wait_for(role)
        self.kill_member(victim)
        return victim

    def wait_for(self, role: str) -> Member:
        """The first process that plays this part, as soon as there is one."""
        found: list[Member] = []

        def is_there() -> bool:
            found.extend(member for member in self.members() if member.role == role)
            return bool(found)

        wait_until(is_there, _START_SECONDS, lambda: f"There is no {role}:\n{self.log[-4000:]}")
        return found[0]

    def kill_member(self, victim: Member) -> None:
        """``kill -9`` of one process."""
        processes.kill(victim.pid)
        if victim.role == "supervisor" and self._process is not None:
            self._process.wait()
            self._caretaker.forget(victim.pid)

    @property
    def log(self) -> str:
        """All that the installation has printed."""
        with suppress(FileNotFoundError):
            return self.log_path.read_text(encoding="utf-8", errors="replace")
        return ""

    @property
    def token(self) -> str:
        """The first start's token: read and upload on the default index."""
        return (self.data / "initial-token").read_text().strip()

    @property
    def password(self) -> str:
        """The administrator's first password."""
        return (self.data / "initial-admin-password").read_text().strip()

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``manage.py``, however it ends."""
        return warm.run(self.environment, warm.MANAGE, *words, way=self.way)

    def inside(self, work: Callable[..., Any], **arguments: Any) -> Any:
        """Run a function of :mod:`tests.servers.inside` against this installation's data; arguments and result are JSON."""
        done = warm.run(self.environment, warm.INSIDE, work.__name__, json.dumps(arguments), way=self.way)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def blobs(self) -> set[str]:
        """The names of all objects that the storage keeps, without their slash."""
        return {
            path.relative_to(self.data / "files/blobs").as_posix().replace("/", "") for path in self._files("blobs")
        }

    def incoming(self) -> set[str]:
        """Names of half-received files."""
        return {path.name for path in self._files("tmp")}

    def counters(self) -> set[str]:
        """Names of the folders in which processes count."""
        return {path.name for path in self.folder.glob("tpi-metrics-*")}

    def _files(self, folder: str) -> list[Path]:
        return [path for path in (self.data / "files" / folder).rglob("*") if path.is_file()]
