"""Where the ring lies, and what this process remembers of it.

A file that was replaced is read again at once, so that rotation needs no restart.  Where a source outside wraps the keys,
each is asked for once; what was opened serves on for ``TPI_KEY_CACHE_HOURS`` after the source answered last.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Protocol, TypeVar

from django.conf import settings

from tpi_site.kit.errors import Unavailable
from tpi_site.kit.keys import files, text
from tpi_site.kit.keys.ring import Fresh, KeyRing, first_ring
from tpi_site.kit.keys.sources import PLAIN, KeyRingBroken, KeySource, KeySourceAway, Remembering

log = logging.getLogger(__name__)
T = TypeVar("T")
CONFIRM = 60.0
"""Seconds after which the source is asked again whether it still opens the current key."""
RETRY = 5.0
"""Seconds for which a source that failed is not asked again, so that not every request waits for its time-out."""


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
            return Standing("env", is_outside=False, fault=error.detail)
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


class RingFile:
    """A file; made when an installation starts for the first time."""

    is_writable = True

    def __init__(self, path: Path, source: KeySource = PLAIN) -> None:
        self._path = path
        self.source: KeySource = Remembering(source) if source.is_outside else source
        self._asked = source
        self._known: _Read | None = None
        self._failed_at = -RETRY
        self._failure: KeySourceAway | None = None
        self._lock = RLock()

    def ring(self) -> KeyRing:
        """See the protocol."""
        known = self._known
        try:
            state = files.state(self._path)
        except OSError as error:
            return self._without_file(known, error)
        if known is None or known.state != state:
            known = self._read(state, known)
        if self.source.is_outside and self._age(known) > settings.TPI_KEY_CACHE_HOURS * 3600:
            self.confirm()
        return known.ring

    def _without_file(self, known: _Read | None, error: OSError) -> KeyRing:
        if known is not None:  # never another one in place of a ring that was here: what it sealed would be lost
            log.warning("The key ring %s cannot be read again; the keys read before serve on: %s", self._path, error)
            return known.ring
        if not isinstance(error, FileNotFoundError):
            raise KeyRingBroken(f"The key ring {self._path} cannot be read: {error}.") from None
        with self._lock:
            self._require_rested()
            files.make(self._path, self._noting(lambda: text.as_json(first_ring(Fresh()), self.source)))
            return self._read(files.state(self._path), None).ring

    def _read(self, state: files.State, known: _Read | None) -> _Read:
        """The file as it is now; where that cannot be, what was known before."""
        with self._lock:
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
                raise KeyRingBroken(f"The key ring {self._path} cannot be read: {error}.") from None
            return self._known

    def _still_wraps(self, known: _Read) -> bool:
        """Whether the file still has the key that this process would wrap with: else what it wraps would be lost."""
        try:
            return known.ring.current in text.key_ids(self._path.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError, KeyRingBroken):
            return True

    def _opened(self, state: files.State) -> _Read:
        found = self._path.read_text(encoding="ascii")
        return _Read(state, found, text.parsed(found, self.source), time.monotonic())

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

    def confirm(self) -> None:
        """Ask the source to open the current key once more; raises KeySourceAway and KeyRingBroken."""
        with self._lock:
            known = self._known
            if known is None:
                self.ring()
                return
            self._require_rested()
            self._noting(lambda: self._asked.unwrap(*text.wrapped_current(known.text)))
            self._known = replace(known, answered_at=time.monotonic())

    def standing(self) -> Standing:
        """See the protocol."""
        fault = ""
        try:
            self.ring()
            if self.source.is_outside and self._known is not None and self._age(self._known) > CONFIRM:
                self.confirm()
        except Unavailable as error:
            fault = _in_full(error)
        known = self._known
        kind = self.source.kind if self.source.is_outside else "file"
        if not fault and self._failure is not None:
            fault = _in_full(self._failure)
        return Standing(kind, self.source.is_outside, None if known is None else self._age(known), fault)


def _in_full(error: Unavailable) -> str:
    """The sentence with what only those who run the installation are told."""
    return f"{error.detail} {getattr(error, 'why', '')}".strip()
