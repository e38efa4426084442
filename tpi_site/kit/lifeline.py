"""Processes that end with the one that started them, however it ends.

``kill -9`` gives a process no chance to stop its children; the kernel's parent-death signal (prctl(2)) does it instead.
Nothing of ours is imported here, so that the supervisor stays small.
"""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


def end_with(parent: int, number: int) -> None:
    """Have the kernel send signal ``number`` to this process when ``parent``, which just forked it, dies.

    A handler that was inherited would swallow the signal until the process sets its own, so it is taken off first.
    """
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before the kernel was asked
        os.kill(os.getpid(), number)


class Lineage:
    """Ties every process that is forked from now on to its own parent, for libraries that fork on their own."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._parent = os.getpid()

    def begin(self) -> None:
        """Register with the interpreter; there is no way back."""
        os.register_at_fork(before=self._note, after_in_child=self._tie)

    def _note(self) -> None:
        self._parent = os.getpid()

    def _tie(self) -> None:
        end_with(self._parent, self._number)
