"""Commands and functions inside an installation, each in a process of its own that is forked from one which has Django ready.

A process that begins with nothing takes a second of a processor, and several on a machine that is busy, nearly all of it until
Django is ready.  ``python -m tests.servers.warm`` reads a JSON list of words a line (``manage``, or ``inside``, and what
would follow on the command line), forks, and answers with a line: the code with which the child left, its output, its errors.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent.parent
MANAGE, INSIDE = "manage", "inside"
_PROGRAMS = {MANAGE: ["manage.py"], INSIDE: ["-m", "tests.servers.inside"]}
_MOST = 6
"""Installations for which a process is kept ready."""


class _Warm:
    """A process that forks, for one installation."""

    def __init__(self, environment: Mapping[str, str], way: Sequence[str]) -> None:
        self.lock = threading.Lock()
        self._process = subprocess.Popen(
            [*way, sys.executable, "-m", "tests.servers.warm"],
            cwd=ROOT, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def run(self, words: Sequence[str]) -> tuple[int, str, str] | None:
        """What came of it; None where the process is not there any more."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{json.dumps(words)}\n".encode())
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            return None
        if not line:
            return None
        code, output, errors = json.loads(line)
        return int(code), str(output), str(errors)

    def end(self) -> None:
        """End it, and wait for that."""
        with suppress(OSError):
            self._process.communicate()


_ready: OrderedDict[str, _Warm] = OrderedDict()
_changing = threading.Lock()


def run(
    environment: Mapping[str, str], program: str, *words: str, way: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """``manage.py`` or :mod:`tests.servers.inside` with these words, however it ends, in a process of its own."""
    key = json.dumps([sorted(environment.items()), list(way)])
    with _changing:
        warm = _ready.pop(key, None) or _Warm(environment, way)
        _ready[key] = warm
        is_mine = warm.lock.acquire(blocking=False)
        surplus = [_ready.pop(old) for old in list(_ready)[:-_MOST] if not _ready[old].lock.locked()]
    for each in surplus:
        each.end()
    command = [*way, sys.executable, *_PROGRAMS[program], *words]
    if is_mine:  # else another thread's work is on its way there, which this must not wait for
        try:
            done = warm.run([program, *words])
        finally:
            warm.lock.release()
        if done is not None:
            return subprocess.CompletedProcess(command, *done)
        forget(environment, way=way)
    return subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )  # as slow as ever


def forget(environment: Mapping[str, str], *, way: Sequence[str] = ()) -> None:
    """End the process of an installation that ends, if there is one."""
    with _changing:
        warm = _ready.pop(json.dumps([sorted(environment.items()), list(way)]), None)
    if warm is not None:
        warm.end()


@atexit.register
def _end_all() -> None:
    while _ready:
        _ready.popitem()[1].end()


def _serve() -> None:
    import django

    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    django.setup()
    for line in asked:
        answers.write(json.dumps(_forked(json.loads(line), asked, answers)).encode() + b"\n")
        answers.flush()


def _forked(words: list[str], asked: BinaryIO, answers: BinaryIO) -> tuple[int, str, str]:
    output, errors = os.memfd_create("output"), os.memfd_create("errors")
    pid = os.fork()
    if not pid:
        asked.close()
        answers.close()
        os.dup2(output, 1)
        os.dup2(errors, 2)
        os._exit(_leave(words))
    _, status = os.waitpid(pid, 0)
    told = []
    for each in (output, errors):
        with os.fdopen(each, "rb") as file:
            file.seek(0)
            told.append(file.read().decode("utf-8", "replace"))
    return os.waitstatus_to_exitcode(status), told[0], told[1]


def _leave(words: list[str]) -> int:
    """Do the work; the code with which the interpreter would leave, after what it would do then."""
    code = 0
    try:
        _work(*words)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if isinstance(leaving.code, str):
            sys.stderr.write(f"{leaving.code}\n")
    except BaseException:  # noqa: BLE001  as the interpreter does
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # as at the end of an interpreter: pools are told to end, threads joined
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _work(program: str, *words: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if program == MANAGE:
        from tpi_site import command_line

        sys.argv[:] = ["manage.py", *words]
        command_line.run(sys.argv)
    else:
        from tests.servers import inside

        name, arguments = words
        sys.stdout.write(json.dumps(getattr(inside, name)(**json.loads(arguments))))


if __name__ == "__main__":
    _serve()
