"""Where the ring lies, and what this process remembers of it.

A file that was replaced is read again at once, so that rotation needs no restart.  Where a source outside wraps the keys,
each is asked for once; what was opened serves on for ``TPI_KEY_CACHE_HOURS`` after the source answered last.  One thread
asks; the others go on with what is known, or are told what went wrong last, so that a source that is slow holds one request.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Protocol, TypeVar

from django.conf import settings

from tpi_site.kit.errors import Unavailable
from tpi_site.kit.keys import files, text
from tpi_site.kit.keys.ring import Fresh, KeyRing, first_ring
from tpi_site.kit.keys.sources import PLAIN, KeyRingBroken, KeySource, KeySourceAway, Remembering, in_full

log = logging.getLogger(__name__)
T = TypeVar("T")
CONFIRM = 60.0
"""Seconds after which the source is asked again whether it still opens the current key."""
RETRY = 5.0
"""Seconds for which a source that failed is not asked again, so that not every request waits for its time-out."""
_PATIENCE = 1.0
"""Seconds for which a thread that needs the answer waits for another that asks; most answers take milliseconds."""


@dataclass(frozen=True)
class Standing:
    """How the source is, as this process sees it: seconds since it answered last (None: never), and what is wrong."""

    kind: str
    is_outside: bool
    answered_ago: float | None = 0.0
    fault: str = ""


class Place(Protocol):
    """Where a ring lies."""

    is_writable: bool
    source: KeySource

    def ring(self) -> KeyRing:
        """The ring of now; raises KeyRingBroken and KeySourceAway."""

    def write(self, ring: KeyRing) -> None:
        """Put ``ring`` in place of what is there."""

    def is_there(self) -> bool:
        """Whether something is."""

    def standing(self) -> Standing:
        """How the source is; asks it where that is long ago."""


class Variable:
    """A variable of the environment, which only a restart changes."""

    is_writable = False
    source = PLAIN

    def __init__(self, name: str) -> None:
        self._name = name

    def ring(self) -> KeyRing:
        """See the protocol."""
        return _parsed(os.environ.get(self._name, ""))

    def write(self, ring: KeyRing) -> None:
        """Never asked for."""
        raise RuntimeError("A variable cannot be written.")

    def is_there(self) -> bool:
        """See the protocol."""
        return self._name in os.environ

    def standing(self) -> Standing:
        """See the protocol."""
        try:
            self.ring()
        except KeyRingBroken as error:
            return Standing("env", is_outside=False, fault=in_full(error))
        return Standing("env", is_outside=False)


_parsed = lru_cache(maxsize=4)(text.parsed)


def forget() -> None:
    """Empty this process's memory of variables."""
    _parsed.cache_clear()


@dataclass(frozen=True)
class _Read:
    """A ring as it was read, from which state of the file, and when its source answered last."""

    state: files.State
    text: str
    ring: KeyRing
    answered_at: float


_requirements: list[Callable[[], None]] = []


def before_making(require: Callable[[], None]) -> None:
    """Have ``require`` asked before a first ring is made: it raises where the installation must have one already."""
    if require not in _requirements:
        _requirements.append(require)


class RingFile:
    """A file; made when an installation starts for the first time."""

    is_writable = True

    def __init__(self, path: Path, source: KeySource = PLAIN) -> None:
        self._path = path
        self._remembering = Remembering(source) if source.is_outside else None
        self.source: KeySource = self._remembering or source
        self._known: _Read | None = None
        self._failed_at = -RETRY
        self._failure: KeySourceAway | None = None
        self._asking = RLock()

    def ring(self) -> KeyRing:
        """See the protocol."""
        known = self._known
        try:
            state = files.state(self._path)
        except OSError as error:
            return self._without_file(known, error)
        if known is None or known.state != state:
            known = self._read(state, known)
        is_old = self.source.is_outside and self._age(known) > settings.TPI_KEY_CACHE_HOURS * 3600
        if is_old and not self._confirmed(known, self._patience()):
            raise self._away()
        return known.ring

    def _without_file(self, known: _Read | None, error: OSError) -> KeyRing:
        if known is not None:  # never another one in place of a ring that was here: what it sealed would be lost
            log.warning("The key ring %s cannot be read again; the keys read before serve on: %s", self._path, error)
            return known.ring
        if not isinstance(error, FileNotFoundError):
            raise self._unreadable(error)
        with self._alone(self._patience()) as is_alone:
            if not is_alone:
                raise self._away()
            self._require_rested()
            for require in _requirements:
                require()
            files.make(self._path, self._noting(lambda: text.as_json(first_ring(Fresh()), self.source)))
            return self._read(files.state(self._path), None).ring

    def _patience(self) -> float:
        """Seconds to wait for another thread that asks; a file in clear is read at once."""
        if not self.source.is_outside:
            return -1
        return _PATIENCE if self._failure is None else 0

    @contextmanager
    def _alone(self, wait: float) -> Iterator[bool]:
        """Whether this thread is the one that asks, after so many seconds of waiting at most (-1: as long as it takes)."""
        is_alone = self._asking.acquire(timeout=wait)
        try:
            yield is_alone
        finally:
            if is_alone:
                self._asking.release()

    def _read(self, state: files.State, known: _Read | None) -> _Read:
        """The file as it is now; where that cannot be, what was known before."""
        with self._alone(self._patience()) as is_alone:
            if is_alone:
                return self._read_alone(state, known)
        if known is not None and self._still_wraps(known):
            return known
        raise self._away()

    def _read_alone(self, state: files.State, known: _Read | None) -> _Read:
        if self._known is not None and self._known.state == state:  # another thread was first
            return self._known
        if known is not None and self._is_resting() and self._still_wraps(known):
            return known
        try:
            self._require_rested()
            self._known = self._noting(lambda: self._opened(state))
        except (OSError, UnicodeDecodeError, Unavailable) as error:
            if known is not None and (not isinstance(error, KeySourceAway) or self._still_wraps(known)):
                log.warning(
                    "The key ring %s cannot be read again; the keys read before serve on: %s", self._path, error
                )
                return known
            if isinstance(error, Unavailable):
                raise
            raise self._unreadable(error) from None
        return self._known

    def _unreadable(self, error: Exception) -> KeyRingBroken:
        return KeyRingBroken("The key ring cannot be read.", why=f"{self._path}: {error}")

    def _still_wraps(self, known: _Read) -> bool:
        """Whether the file still has the key that this process would wrap with: else what it wraps would be lost."""
        try:
            return known.ring.current in text.key_ids(self._path.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError, KeyRingBroken):
            return True

    def _opened(self, state: files.State) -> _Read:
        """The file with its keys; of a source that was not asked for any of them nothing new is known."""
        known, opened = self._known, self._remembering.opened if self._remembering else 0
        found = self._path.read_text(encoding="ascii")
        ring = text.parsed(found, self.source)
        is_asked = self._remembering is None or self._remembering.opened > opened or known is None
        return _Read(state, found, ring, time.monotonic() if is_asked or known is None else known.answered_at)

    def _is_resting(self) -> bool:
        return time.monotonic() - self._failed_at < RETRY

    def _require_rested(self) -> None:
        if self._is_resting():
            raise self._away()

    def _away(self) -> KeySourceAway:
        """As the source failed last; a new one, as a raised exception holds what it passed through."""
        failure = self._failure
        return KeySourceAway("The source of the keys does not answer.") if failure is None else failure.again()

    def _noting(self, ask: Callable[[], T]) -> T:
        """What ``ask`` gives; its failure is remembered for a moment."""
        try:
            found = ask()
        except KeySourceAway as away:
            log.warning("The source of the keys: %s %s", away.detail, away.why)
            self._failed_at, self._failure = time.monotonic(), away
            raise
        except KeyRingBroken as broken:
            log.warning("The key ring: %s %s", broken.detail, broken.why)
            raise
        self._failure = None
        return found

    def write(self, ring: KeyRing) -> None:
        """See the protocol."""
        files.put_in_place(self._path, text.as_json(ring, self.source))

    def is_there(self) -> bool:
        """See the protocol."""
        return self._path.exists()

    @staticmethod
    def _age(known: _Read) -> float:
        return time.monotonic() - known.answered_at

    def _confirmed(self, seen: _Read, wait: float) -> bool:
        """Have the source open the current key once more, and as the one that is known; raises KeySourceAway.

        False where another thread asks, and has not been answered after so many seconds.
        """
        with self._alone(wait) as is_alone:
            known, remembering = self._known, self._remembering
            if known is None or remembering is None or known.answered_at > seen.answered_at:
                return True
            if is_alone:
                self._require_rested()
                wrapped, purpose = text.wrapped_current(known.text)
                key = known.ring.keys[known.ring.current]
                self._noting(lambda: remembering.require_opens(wrapped, key, purpose))
                self._known = replace(known, answered_at=time.monotonic())
            return is_alone

    def standing(self) -> Standing:
        """See the protocol."""
        fault = ""
        try:
            if self._known is None and not self.is_there():  # a look must not make one
                raise self._away() if self._failure else KeyRingBroken("There is no key ring.", why=str(self._path))
            self.ring()
            if self.source.is_outside and self._known is not None and self._age(self._known) > CONFIRM:
                self._confirmed(self._known, 0)
        except Unavailable as error:
            fault = in_full(error)
        known = self._known
        kind = self.source.kind if self.source.is_outside else "file"
        if not fault and self._failure is not None:
            fault = in_full(self._failure)
        return Standing(kind, self.source.is_outside, None if known is None else self._age(known), fault)
