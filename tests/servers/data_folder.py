"""An installation's data folder without a server, where jobs are processes that a test starts and kills."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import dying, templates, warm
from tests.servers.tpi import ROOT


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
        return warm.run(self.environment, warm.MANAGE, *command)

    def inside(self, work: Callable[..., Any], **arguments: Any) -> None:
        """One of the functions of :mod:`tests.servers.inside`."""
        done = warm.run(self.environment, warm.INSIDE, work.__name__, json.dumps(arguments))
        assert done.returncode == 0, done.stderr

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
        """Do the work in a process that dies before the first write that it would make once the statement finds a row."""
        dying.killed(self.environment, "when", statement, work.__name__, json.dumps(arguments))

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.data / "tpi.sqlite3", timeout=30)
