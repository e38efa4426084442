"""Waiting for an upstream that is asked for a name of which nothing is known, without the threads that answer requests.

Questions are asked by a few threads of each mirror, so that a slow upstream keeps nobody but those who want something of it.
A read of an installer is answered when its question is (:class:`MustWait`), and holds no thread until then; of the threads
that make pages for browsers a few may wait; a job waits in its own.  An upstream that gives no answer is left alone for a
while, then asked by one for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum, auto
from threading import BoundedSemaphore, Lock
from typing import TypeVar

from django.conf import settings
from django.db import connection, connections

from indexapp.models import MirroredProject
from tpi_site.kit.errors import Unavailable

PATIENCE = 14.0
"""Seconds until who waits is told to come again; clients wait 15.  The question goes on, for the next one who asks."""
PAUSE_SECONDS = 10.0
"""For how long an upstream that failed is not asked."""
_ASKERS = 4
_ANSWERERS = 2
_MOST_ASKED = 200
"""Questions to one upstream that are asked or wait for their turn; who comes then would have no answer in time."""
_TURN = 0.5  # seconds
Key = tuple[int, str]
Question = Future[MirroredProject]
T = TypeVar("T")


class _Mode(Enum):
    HERE = auto()
    PAGE = auto()
    ELSEWHERE = auto()


class MustWait(Exception):
    """The reply can be made when the question is answered; make it inside :func:`elsewhere` with what was told."""

    def __init__(self, key: Key, question: Question) -> None:
        super().__init__(key)
        self.key, self.question = key, question


_mode: ContextVar[_Mode] = ContextVar("who may wait", default=_Mode.HERE)
_told: ContextVar[dict[Key, Question] | None] = ContextVar("questions that were waited for", default=None)
_questions: dict[Key, Question] = {}
_failing: dict[int, float] = {}
_askers: dict[int, ThreadPoolExecutor] = {}  # made when first needed, after the server forked
_answerers: list[ThreadPoolExecutor] = []
_lock = Lock()
_page_turns = BoundedSemaphore(max(1, settings.TPI_THREADS // 4))
_mirror_turns: dict[int, BoundedSemaphore] = {}


@contextmanager
def elsewhere(told: dict[Key, Question] | None = None) -> Iterator[None]:
    """Inside, nobody waits, but :class:`MustWait` is raised; ``told`` are the questions that were waited for already."""
    mode, before = _mode.set(_Mode.ELSEWHERE), _told.set(told)
    try:
        yield
    finally:
        _told.reset(before)
        _mode.reset(mode)


@contextmanager
def as_page() -> Iterator[None]:
    """Inside, a thread that answers requests waits, but not too many of them."""
    mode = _mode.set(_Mode.PAGE)
    try:
        yield
    finally:
        _mode.reset(mode)


def answer(key: Key, ask: Callable[[], MirroredProject]) -> MirroredProject:
    """What ``ask`` returns for a mirror's id and a name; may raise :class:`Unavailable` or :class:`MustWait`."""
    if (question := (_told.get() or {}).get(key)) is not None:
        return question.result()
    mode = _mode.get()
    if mode is _Mode.HERE:  # a job counts how often it was refused
        return ask()
    _require_answers(key)
    if connection.in_atomic_block:  # another thread would not see what was written there
        return ask()
    question = _asked(key, ask)
    if mode is _Mode.ELSEWHERE:
        raise MustWait(key, question)
    return _waited(key[0], question)


def make_later(make: Callable[[], None]) -> None:
    """Make an answer in a thread for it; ``make`` raises nothing."""
    with _lock:
        if not _answerers:
            _answerers.append(ThreadPoolExecutor(_ANSWERERS, thread_name_prefix="mirror-answer"))
        _answerers[0].submit(_alone, make)


def note(mirror: int, *, is_failing: bool) -> None:
    """Remember whether the upstream answers at all."""
    with _lock:
        if is_failing:
            _failing[mirror] = time.monotonic() + PAUSE_SECONDS
        else:
            _failing.pop(mirror, None)


def too_slow(retry_after: int = 5) -> Unavailable:
    """The refusal of who waited long enough."""
    return Unavailable(
        "The upstream takes too long; it is being asked, so ask again.",
        retry_after=retry_after,
        code="upstream-unavailable",
    )


def _require_answers(key: Key) -> None:
    """Refuse at once while the upstream is left alone; who comes after the pause asks, and the others wait for the next."""
    mirror, _ = key
    with _lock:
        until = _failing.get(mirror)
        if until is None or key in _questions:
            return
        now = time.monotonic()
        if until < now:
            _failing[mirror] = now + PAUSE_SECONDS
            return
    raise Unavailable(
        "The mirror's upstream does not answer at the moment, and nothing is known of this name; try again later.",
        retry_after=int(PAUSE_SECONDS),
        code="upstream-unavailable",
    )


def _asked(key: Key, ask: Callable[[], MirroredProject]) -> Question:
    """The question, or the one that is being asked already."""
    mirror, _ = key
    with _lock:
        question = _questions.get(key)
        if question is not None:
            return question
        if sum(of == mirror for of, _ in _questions) >= _MOST_ASKED:
            raise too_slow()
        if mirror not in _askers:
            _askers[mirror] = ThreadPoolExecutor(_ASKERS, thread_name_prefix="mirror-ask")
        question = _questions[key] = _askers[mirror].submit(_alone, ask)
    question.add_done_callback(lambda _: _forget(key))  # outside of the lock: it may be over by now
    return question


def _alone(work: Callable[[], T]) -> T:
    try:
        return work()
    finally:
        connections.close_all()  # as many as threads would stay open else


def _forget(key: Key) -> None:
    with _lock:
        _questions.pop(key, None)


def _waited(mirror: int, question: Question) -> MirroredProject:
    with _lock:
        of_mirror = _mirror_turns.setdefault(mirror, BoundedSemaphore(max(1, settings.TPI_THREADS // 8)))
    with _turn(of_mirror), _turn(_page_turns):
        try:
            return question.result(PATIENCE)
        except TimeoutError:
            raise too_slow() from None


@contextmanager
def _turn(turns: BoundedSemaphore) -> Iterator[None]:
    if not turns.acquire(timeout=_TURN):
        raise too_slow()
    try:
        yield
    finally:
        turns.release()


def forget_all() -> None:
    """Empty this process's memory of upstreams that fail."""
    with _lock:
        _failing.clear()
