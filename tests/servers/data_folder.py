"""An installation's data folder without a server, where jobs are processes that a test starts and kills."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import templates
from tests.servers.tpi import ROOT

_PATIENCE = 60.0  # seconds


@dataclass
class DataFolder:
    """``data`` is the folder, ``settings`` are further environment variables; the database is SQLite."""

    data: Path
    settings: dict[str, str]

    @classmethod
    def prepared(cls, data: Path, settings: dict[str, str]) -> DataFolder:
        """A new one, as after a first start."""
        data.mkdir(mode=0o700)
        made = cls(data, settings)
        templates.begin(data, with_database="TPI_DATABASE_URL" not in settings)
        made.run("manage.py", "prepare")
        return made

    @property
    def environment(self) -> dict[str, str]:
        """What its processes see."""
        given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return given | self.settings | {"TPI_DATA_DIR": str(self.data), "TPI_LOG_LEVEL": "ERROR"}

    def run(self, *command: str) -> None:
        """A process, to its end."""
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def manage(self, *command: str) -> subprocess.CompletedProcess[str]:
        """``manage.py``, however it ends."""
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def inside(self, work: Callable[..., Any], **arguments: Any) -> None:
        """One of the functions of :mod:`tests.servers.inside`."""
        self.run(*_command(work, arguments))

    def copy(self, place: Path) -> DataFolder:
        """Another one with the same past."""
        shutil.copytree(self.data, place)
        return DataFolder(place, self.settings)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database says, while others write to it."""
        with closing(self._database()) as database:
            return database.execute(statement).fetchall()

    def change(self, statement: str) -> None:
        """Change something past the product."""
        with closing(self._database()) as database, database:
            database.execute(statement)

    def killed_when(self, statement: str, work: Callable[..., Any], **arguments: Any) -> None:
        """Begin the work in a process, and ``kill -9`` it as soon as the statement finds a row."""
        process = subprocess.Popen(
            [sys.executable, *_command(work, arguments)],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _PATIENCE
        try:
            with closing(self._database()) as database:
                while not database.execute(statement).fetchall():  # without a pause: what is waited for passes quickly
                    assert process.poll() is None, f"it was faster: {statement}"
                    assert time.monotonic() < until, f"never: {statement}"
        finally:
            process.kill()
            process.wait()
        assert process.returncode == -signal.SIGKILL, f"it was faster: {statement}"

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.data / "tpi.sqlite3", timeout=30)


def _command(work: Callable[..., Any], arguments: dict[str, Any]) -> list[str]:
    return ["-m", "tests.servers.inside", work.__name__, json.dumps(arguments)]
