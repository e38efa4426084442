"""One file on its way from the upstream, and those who follow it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from threading import Condition
from typing import ClassVar

from indexapp.clients.upstream import Failure, UpstreamFailed
from indexapp.domain.digests import MultiDigest
from indexapp.services import disk_room
from indexapp.services.mirrors.fetching import keeping, leases, receiving
from indexapp.services.mirrors.fetching.digesting import Mismatch, Proof
from indexapp.services.mirrors.fetching.siblings import Leader, LeaderGone, lead_or_follow
from indexapp.services.mirrors.fetching.wanted import Wanted
from indexapp.storage import Spool, StorageUnavailable, default_storage
from indexapp.storage.following import FollowedSpool
from tpi_site.kit import read_only
from tpi_site.kit.errors import Gone, Refusal, Unavailable

log = logging.getLogger(__name__)
PAUSE = {
    "upstream-unavailable": 10.0,
    "upstream-gone": 60.0,
    "upstream-mismatch": 60.0,
    "file-too-large": 60.0,
    "not-here-yet": 2.0,
    "primary-gone": 10.0,
    "primary-mismatch": 10.0,
    disk_room.FULL: 2.0,
}
"""Seconds for which the upstream is not asked again, by what became of the last question."""
_HELD_BACK = 64 * 1024
_LOOK_EVERY = 4 * 1024 * 1024  # bytes, until the disk is looked at again: others take of it meanwhile
_MANY = 4
"""Followers; see :meth:`.FollowedSpool.expect_many`."""
_LONELY_SECONDS = 15.0
_WORTH_IT = 0.25
"""From this part of a file on it is fetched to its end though nobody waits any more, if it comes within some time."""
_LONELY_MOST = 600.0
_WINDOW = 60.0
_LEAST_RATE = 16 * 1024
"""Bytes a second, on the average of each window; slower ones are given up, as they would keep a place from others."""


class BrokenOff(Exception):
    """The bytes that follow will not come; those that came are not to be taken for the whole."""


class Abandoned(Exception):
    """Nobody waits for it any more."""


class Download:
    """A file that is being fetched, was just fetched, or could not be.

    ``total`` is its size as soon as that is known, ``is_begun`` when there is something to be sent, ``released`` how many
    bytes may be.  ``failure`` is what became of it when it became nothing; ``is_over`` when no more is to come.
    """

    held_back: ClassVar[int] = _HELD_BACK

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.changed = Condition()
        self.total: int | None = wanted.size
        self.released = 0
        self.is_begun = self.is_over = self.is_proved = False
        self.failure: Refusal | None = None
        self.forget_at = float("inf")
        self.followers = 0
        self._lonely_since = time.monotonic()
        self._window = time.monotonic(), 0
        self._renewed_at = 0.0
        self._listeners: set[Callable[[], None]] = set()
        self._spool: FollowedSpool | None = None
        self._proof = Proof(wanted.digests)
        self.leader: Leader | None = None

    # Where it comes from and goes to; another source has others.

    @property
    def key(self) -> int | str:
        """What tells it from others of this installation."""
        return self.wanted.row

    def _ask(self) -> None:
        receiving.receive(self.wanted, self)

    def _ask_store(self) -> None:
        receiving.receive_kept(self.wanted, self)

    def _may_ask(self) -> bool:
        return leases.wait(self.wanted.row)

    def _renew(self) -> None:
        leases.take(self.wanted.row)

    def _give_back(self) -> None:
        leases.give_back(self.wanted.row)

    def _keep(self, spool: Spool) -> None:
        if read_only.why() is None:
            keeping.keep(self.wanted.row, spool, self._proof.ours)

    def _mismatch(self, error: Mismatch) -> Refusal:
        return _mismatch(self.wanted, error)

    def _note_mismatch(self, error: Mismatch) -> None:
        keeping.note_conflict(self.wanted.row, str(error))

    def too_late(self) -> Refusal:
        """What is said to who has waited long enough."""
        return Unavailable(
            "The upstream takes too long; the file is being fetched, so ask again.",
            retry_after=5,
            code="upstream-unavailable",
        )

    # What those who follow it use.

    def listen(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called whenever there is something new; it must not wait."""
        with self.changed:
            self._listeners.add(wake)

    def join(self) -> bool:
        """One more follows it; False when it is too late for that, because its bytes are where they are kept."""
        with self.changed:
            if self.is_over and self.failure is None and not self.followers:
                return False
            self.followers += 1
            if self.followers >= _MANY and self._spool is not None:
                self._spool.expect_many()
            return True

    def leave(self) -> None:
        """One less."""
        with self.changed:
            self.followers -= 1
            self._lonely_since = time.monotonic()
            self._close_if_done()

    def read(self, start: int, stop: int | None = None, *, unproved: bool = False) -> memoryview | None:
        """Some bytes from ``start``; None while there are none yet, nothing at the end.  Raises :class:`BrokenOff`.

        ``unproved`` for another process of this node, which proves them itself.
        """
        with self.changed:
            end = self.size if unproved else self.released
            is_over, failure, spool = self.is_over or self.is_proved, self.failure, self._spool
        stop = end if stop is None else min(stop, end)
        if start < stop and spool is not None:
            return spool.read(start, stop)
        if failure is not None:
            raise BrokenOff(failure.detail)
        return memoryview(b"") if is_over else None

    def wait(self, seconds: float, until: Callable[[], bool]) -> bool:
        """Wait for something; for those who have a thread to spare."""
        with self.changed:
            return self.changed.wait_for(until, seconds)

    def wait_released(self, at: int, seconds: float) -> bool:
        """Wait for more than ``at`` bytes that may be sent."""
        return self.wait(seconds, lambda: self.released > at or self.is_over)

    def wait_behind(self, at: int, seconds: float) -> bool:
        """Wait for more than ``at`` bytes, proved or not."""
        return self.wait(seconds, lambda: self.size > at or self.is_proved or self.is_over)

    # What the receiver uses.

    @property
    def size(self) -> int:
        """Bytes that came."""
        return self._spool.size if self._spool else 0

    @property
    def sha256(self) -> str:
        """The digest of those."""
        return self._proof.ours.sha256

    def begin(self, total: int | None) -> None:
        """See :class:`.receiving.Receiver`."""
        if total is not None and total > self.wanted.most:
            raise UpstreamFailed(f"The file has {total} bytes.", Failure.TOO_LARGE)
        disk_room.require_passing(max(0, (total or 0) - self.size), self.wanted.filename)
        self._window = time.monotonic(), self.size
        with self.changed:
            self.total = total
            self._tell()

    def take(self, piece: bytes) -> None:
        """See :class:`.receiving.Receiver`; raises :class:`Abandoned`."""
        assert self._spool is not None  # noqa: S101  there is one while something is received
        if (self.size + len(piece)) // _LOOK_EVERY > self.size // _LOOK_EVERY:
            disk_room.require_passing(len(piece), self.wanted.filename)
        self._proof.update(piece)
        self._spool.append(piece)
        with self.changed:
            size = self._spool.size
            end = size if self.total is None else self.total
            self.released = max(self.released, min(size, end - self.held_back), 0)
            self.is_begun = self.is_begun or self.released > 0
            self._tell()
        self._look_around()

    def _look_around(self) -> None:
        now = time.monotonic()
        if now - self._renewed_at > leases.RENEW_SECONDS:
            self._renewed_at = now
            if self.leader is not None:
                self._renew()
        lonely = 0.0 if self.followers else now - self._lonely_since
        is_worth_it = self.size >= (self.total or 0) * _WORTH_IT
        if lonely > (_LONELY_MOST if is_worth_it else _LONELY_SECONDS):
            raise Abandoned
        self._require_rate(now)

    def _require_rate(self, now: float) -> None:
        began, size = self._window
        if now - began < _WINDOW:
            return
        if self.size - size < _LEAST_RATE * (now - began):
            raise _too_slow(self.wanted)
        self._window = now, self.size

    # What fetches it.

    def run(self) -> None:
        """Fetch it; whatever becomes of it is told to who follows."""
        try:
            with default_storage().spool() as spool:
                with self.changed:
                    self._spool = FollowedSpool(spool)
                    if self.followers >= _MANY:
                        self._spool.expect_many()
                is_new = self._receive()
                self._proof.require(self.wanted.size)
                self._prove()
                if is_new and self.leader is not None and disk_room.may_keep():
                    self._keep(spool)
        except Mismatch as error:
            self._fail(self._mismatch(error))
            self._note_conflict(error)
        except UpstreamFailed as error:
            log.warning("The upstream of %s failed for %s: %s", self.wanted.index, self.wanted.filename, error)
            self._fail(_refusal(self.wanted, error))
        except Refusal as refusal:
            self._fail(refusal)
        except Abandoned:
            self._fail(Unavailable("Nobody waited for this file any more; ask again.", code="download-abandoned"))
        except (Exception, StorageUnavailable) as error:
            log.exception("%s of the mirror %s could not be fetched.", self.wanted.filename, self.wanted.index)
            self._fail(_trouble(self.wanted, error))
        finally:
            self._end()

    def _receive(self) -> bool:
        """From the process of this node that fetches it already, or from the upstream; as often as the former dies.

        False where it was in the store by then.
        """
        while True:
            found = lead_or_follow(self)
            if isinstance(found, Leader):
                self.leader = found
                if self._may_ask():
                    self._ask()
                    return True
                self._ask_store()
                return False
            try:
                found.receive(self)
            except LeaderGone:
                continue
            return False

    def _prove(self) -> None:
        with self.changed:
            self.released = self.total = self.size
            self.is_begun = self.is_proved = True
            self._tell()

    def _fail(self, refusal: Refusal) -> None:
        with self.changed:
            if not self.is_proved:
                self.failure = refusal
                self.forget_at = time.monotonic() + PAUSE.get(refusal.code, 0.0)

    def give_up(self) -> None:
        """It will not be run."""
        self._end()

    def _note_conflict(self, error: Mismatch) -> None:
        try:
            self._note_mismatch(error)
        except Exception:  # the database is away, or nothing may be written: who waits is told all the same
            log.exception("The conflict at %s could not be noted: %s", self.wanted.filename, error)

    def _end(self) -> None:
        if self.leader is not None:
            try:
                self.leader.close()
                self._give_back()
            except Exception:
                log.exception("The lease of %s could not be given back; it ends by itself.", self.wanted.filename)
        with self.changed:
            self.is_over = True
            if not self.is_proved and self.failure is None:  # else what came would be taken for the whole
                self.failure = _trouble(self.wanted, None)
                self.forget_at = time.monotonic()
            if self.failure is None:
                self.forget_at = 0.0
            self._tell()
            self._close_if_done()

    def _tell(self) -> None:
        self.changed.notify_all()
        for wake in self._listeners:
            wake()

    def _close_if_done(self) -> None:
        if self.is_over and not self.followers and self._spool is not None:
            self._spool.close()

    @property
    def proved(self) -> MultiDigest:
        """The digests of all the bytes."""
        return self._proof.ours


def pieces(download: Download, start: int, stop: int | None, *, patience: float = 60.0) -> Iterator[bytes]:
    """The bytes, waited for; for where no poller is that could do it."""
    try:
        at = start
        while stop is None or at < stop:
            piece = download.read(at, stop)
            if piece is None:
                download.wait_released(at, patience)
                continue
            if not piece:
                break
            at += len(piece)
            yield bytes(piece)
    finally:
        download.leave()


def _mismatch(wanted: Wanted, error: Mismatch) -> Refusal:
    return Unavailable(
        f"The upstream of the index '{wanted.index}' serves other bytes for '{wanted.filename}' than it announced: {error}. "
        "They were thrown away; ask the index's admins.",
        retry_after=60,
        code="upstream-mismatch",
    )


def _refusal(wanted: Wanted, error: UpstreamFailed) -> Refusal:
    if error.kind == Failure.MISSING:
        return Gone(
            f"The upstream of the index '{wanted.index}' does not have '{wanted.filename}' any more, and nobody fetched it "
            "while it had.",
            code="upstream-gone",
        )
    if error.kind == Failure.TOO_LARGE:
        return Unavailable(
            f"'{wanted.filename}' is larger than the {wanted.most} bytes that the index '{wanted.index}' takes; ask its "
            "admins to raise the limit.",
            retry_after=3600,
            code="file-too-large",
        )
    return Unavailable(
        f"The upstream of the index '{wanted.index}' did not give '{wanted.filename}': {error} Try again later.",
        retry_after=error.retry_after or 10,
        code="upstream-unavailable",
    )


def _too_slow(wanted: Wanted) -> Refusal:
    return Unavailable(
        f"The upstream of the index '{wanted.index}' sends '{wanted.filename}' with less than {_LEAST_RATE} bytes a second; "
        "it was given up. Try again later.",
        retry_after=10,
        code="upstream-unavailable",
    )


def _trouble(wanted: Wanted, error: BaseException | None) -> Refusal:
    what = "there is no room for it" if isinstance(error, OSError) else "the storage failed"
    if error is None:
        what = "it was broken off"
    return Unavailable(
        f"'{wanted.filename}' could not be fetched here: {what}; ask the operators.",
        retry_after=10,
        code="upstream-unavailable",
    )
