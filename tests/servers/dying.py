"""A command of the product that dies as by ``kill -9`` when it is about to call a function for the n-th time.

``python -m tests.servers.dying <module>:<function> <n> <command> [<argument> ...]``
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from itertools import count
from typing import Any

import django

from tpi_site import command_line


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


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    django.setup()
    die_at(sys.argv[1], int(sys.argv[2]))
    command_line.run(["manage.py", *sys.argv[3:]])
