"""Processes of the product that die as by ``kill -9`` at a given step, so that they are neither too fast nor too slow for a test.

A command when it is about to call a function for the n-th time:
``python -m tests.servers.dying <module>:<function> <n> <command> [<argument> ...]``

A function of :mod:`tests.servers.inside` on SQLite, when it is about to write and the committed rows answer a statement:
``python -m tests.servers.dying when <statement> <function> <json arguments>``
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from itertools import count
from typing import Any

import django

from tests.servers.tpi import ROOT
from tpi_site import command_line

_WRITES = ("INSERT", "UPDATE", "DELETE")


def killed(environment: Mapping[str, str], *arguments: str) -> None:
    """Run this module with the arguments; it has to die."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.dying", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def die_at(place: str, number: int) -> None:
    """Let the ``number``-th call of the function, by the name that its own module gives it, be the end of this process."""
    module_name, function_name = place.split(":")
    module = import_module(module_name)
    function, calls = getattr(module, function_name), count(1)

    def call(*arguments: Any, **named: Any) -> Any:
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)

    setattr(module, function_name, call)


def die_when(statement: str) -> None:
    """Let the next write of this process be its end, once the statement finds what was committed before."""
    from django.conf import settings
    from django.db import connection

    committed = sqlite3.connect(settings.DATABASES["default"]["NAME"], timeout=30)

    def execute(go_on: Any, sql: str, *more: Any) -> Any:
        if sql.startswith(_WRITES) and committed.execute(statement).fetchall():
            os.kill(os.getpid(), signal.SIGKILL)
        return go_on(sql, *more)

    connection.execute_wrappers.append(execute)


def main(first: str, second: str, *more: str) -> None:
    """See the module's text."""
    if first == "when":
        from tests.servers import inside

        name, arguments = more
        die_when(second)
        getattr(inside, name)(**json.loads(arguments))
    else:
        die_at(first, int(second))
        command_line.run(["manage.py", *more])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    django.setup()
    main(*sys.argv[1:])
