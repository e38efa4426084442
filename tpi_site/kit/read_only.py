"""Read-only mode: what is published can be read, and nothing is changed, on all nodes.

Whether it is on stands in the database and is remembered by each process for a second, so that every node knows within that
time and no page costs a query for it.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from tpi_site.kit.errors import Unavailable

log = logging.getLogger(__name__)
_REMEMBERED = 1.0  # seconds
_BY_SETTING = "TPI_READ_ONLY is on."
_PAUSED = "Paused: the installation is in read-only mode."


class ReadOnly(Unavailable):
    """A change that comes while there are to be none."""

    default_code = "read-only"

    def __init__(self, why: str) -> None:
        told = f" ({why.rstrip('.')})" if why else ""
        super().__init__(
            f"The installation is in read-only mode{told}: packages can be read, and nothing can be changed; try again later.",
            retry_after=60,
        )


_ask: Callable[[], str | None] = lambda: None  # noqa: E731  until somebody knows
_ask_primary: Callable[[], str | None] = lambda: None  # noqa: E731  as above
_ask_fence: Callable[[], tuple[str | None, str | None]] = lambda: (None, None)  # noqa: E731  as above
_ask_fence_now: Callable[[], str | None] = lambda: None  # noqa: E731  as above
_known: str | None = None
_primary: str | None = None
_fence: str | None = None
_doubt: str | None = None
_until = 0.0
_passing: ContextVar[bool] = ContextVar("changes go on in read-only mode", default=False)
_passing_fence: ContextVar[bool] = ContextVar("what is written is no change", default=False)


def register(ask: Callable[[], str | None]) -> None:
    """``ask`` says why the mode is on, perhaps in no words, or None where it is off."""
    global _ask  # noqa: PLW0603  one, set when the apps are ready
    _ask = ask


def register_primary(ask: Callable[[], str | None]) -> None:
    """``ask`` says whose replica this site is, as an address, or None where it is nobody's."""
    global _ask_primary  # noqa: PLW0603  as above
    _ask_primary = ask


def register_fence(ask: Callable[[], tuple[str | None, str | None]], ask_now: Callable[[], str | None]) -> None:
    """``ask`` says why this site must write no more because another took over, and why that is not known yet; each or None.

    ``ask_now`` says the first alone, in a transaction that is about to be committed.
    """
    global _ask_fence, _ask_fence_now
    _ask_fence, _ask_fence_now = ask, ask_now


def why() -> str | None:
    """Why the mode is on, perhaps in no words; None where it is off.  Where the database is away, as far as is known."""
    if settings.TPI_READ_ONLY:
        return _BY_SETTING
    followed = primary()
    if _fence is not None:
        return _fence
    if _known is not None:
        return _known
    return f"It is a replica of {followed}; make changes there." if followed is not None else _doubt


def primary() -> str | None:
    """The address of the site that this one is a replica of; None where it is none."""
    if time.monotonic() >= _until:
        look()
    return _primary


def relays() -> bool:
    """Whether nothing but being a replica keeps changes from being made, so that the primary may be asked to make them."""
    return primary() is not None and _known is None and not settings.TPI_READ_ONLY


def fence() -> str | None:
    """Why this site, which follows nobody, is not to be taken for the primary; None where it is."""
    primary()
    return _fence or _doubt


def look() -> None:
    """Ask anew: the mode has just been switched, or it is time."""
    global _known, _primary, _fence, _doubt, _until  # noqa: PLW0603  what the process remembers
    try:
        _known, _primary = _ask(), _ask_primary()
        _fence, _doubt = _ask_fence()
    except (DatabaseError, InterfaceError):
        log.debug("Nobody can tell now whether read-only mode is on.")
    _until = time.monotonic() + _REMEMBERED


def remember(known: str | None, seconds: float, *, of: str | None = None, fence: str | None = None) -> None:
    """Take this for true for so long; ``of`` is whose replica the site is, ``fence`` why it must write no more."""
    global _known, _primary, _fence, _doubt, _until
    _known, _primary, _fence, _doubt, _until = known, of, fence, None, time.monotonic() + seconds


def wait_until_known() -> None:
    """Return when every process of every node has asked anew: who switched the mode can rely on it from then on."""
    time.sleep(_REMEMBERED)
    look()


def require_off() -> None:
    """Refuse a change while the mode is on, but for what is said to go on; on a replica, and where another took over, all."""
    reason = why()
    if reason is not None and (_primary is not None or _fence is not None or not _passing.get()):
        raise ReadOnly(reason)


def require_unfenced() -> None:
    """Refuse to commit what began before another site took over; one query, after a lock that who sets the fence takes too.

    :func:`require_off` was asked when the change began, which may be long ago: its bytes came meanwhile.
    """
    if not _passing_fence.get() and (reason := _ask_fence_now()) is not None:
        raise ReadOnly(reason)


@contextmanager
def passing_fence() -> Iterator[None]:
    """What is done inside is no change of this site's: a backup, perhaps of a site that was fenced, is put back."""
    token = _passing_fence.set(True)
    try:
        yield
    finally:
        _passing_fence.reset(token)


def followed() -> str:
    """The address of the primary where it is for being its replica alone that nothing is changed here; else nothing."""
    return "" if settings.TPI_READ_ONLY or why() is None or _known is not None else _primary or ""


def banner() -> str:
    """What every page says while the mode is on, else nothing."""
    reason = why()
    return "" if reason is None else f"Read-only mode: nothing can be changed at the moment. {reason}".strip()


@contextmanager
def passing() -> Iterator[None]:
    """What is done inside goes on in read-only mode: a node's start, and signing in through a directory."""
    token = _passing.set(True)
    try:
        yield
    finally:
        _passing.reset(token)


def housekeeping(job: Callable[..., Any]) -> Callable[..., Any]:
    """As :func:`pauses`, for a job that looks after this site alone, and so goes on where it is a replica."""

    @functools.wraps(job)
    def run(*arguments: Any, **more: Any) -> Any:
        if why() is not None and (_known is not None or settings.TPI_READ_ONLY):
            return _PAUSED
        return job(*arguments, **more)

    return run


def pauses(job: Callable[..., Any]) -> Callable[..., Any]:
    """A job that does nothing in read-only mode; it runs by the clock, and finds its work when it runs next."""

    @functools.wraps(job)
    def run(*arguments: Any, **more: Any) -> Any:
        if why() is not None:
            return _PAUSED
        return job(*arguments, **more)

    return run
