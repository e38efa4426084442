"""Commands of ``manage.py`` against an installation, one after the other in a process that is there already.

A process of its own for each takes seconds on a machine that is busy, nearly all of them until Django is ready.
``python -m tests.servers.commands`` reads a JSON list of words a line, and answers each with a line: code and output.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from types import TracebackType
from typing import Self

from tests.servers.caretaker import Caretaker


class Commands:
    """``with Commands(environment, folder) as commands: commands.run("mirror_sites", "list")``."""

    def __init__(self, environment: Mapping[str, str], folder: str) -> None:
        self._caretaker = Caretaker()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.commands"],
            cwd=folder, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._caretaker.process(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate()
        self._caretaker.dismiss()

    def run(self, *words: str) -> tuple[int, str]:
        """The code with which the command would leave, and what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(words)}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"The process for commands has ended at {words}."
        code, output = json.loads(line)
        return int(code), str(output)


def _serve() -> None:
    import django
    from django.core.management import call_command
    from django.core.management.base import CommandError
    from django.db import close_old_connections

    django.setup()
    for line in sys.stdin:
        words, printed, code = json.loads(line), io.StringIO(), 0
        with redirect_stdout(printed), redirect_stderr(printed):
            try:
                call_command(*words, stdout=printed, stderr=printed)
            except CommandError as error:
                code = error.returncode
                printed.write(f"CommandError: {error}")
            except SystemExit as leaving:
                code = leaving.code if isinstance(leaving.code, int) else 1
        close_old_connections()
        print(json.dumps([code, printed.getvalue()]), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    _serve()
