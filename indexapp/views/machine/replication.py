"""What replicas ask: who this is, what is new (waited for without a thread), and bytes by their digest."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from indexapp.domain import byte_ranges
from indexapp.domain.byte_ranges import Span, UnsatisfiableRange
from indexapp.domain.replication.transport import Transport
from indexapp.models import Blob
from indexapp.services.integrity import suspicions
from indexapp.services.replication import (
    credentials,
    epochs,
    giving,
    heirs,
    joining,
    news,
    on_demand,
    primary_log,
    showing,
)
from indexapp.services.replication.news import News
from indexapp.storage import default_storage, refusals
from indexapp.views.machine.messages import Later, Question, Reply
from indexapp.views.machine.mirror_files import Awaited
from tpi_site.kit.errors import Invalid, Unavailable

_TYPE = "application/octet-stream"
LONGEST = 25.0
"""Seconds for which news is waited for."""
_SMALL = 256 * 1024
_MOST = 2**63
_YEAR = 366 * 24 * 3600


def secret_of(authorization: str) -> str:
    """The secret that a request carries, as the password of Basic or as Bearer; empty without."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def answer(question: Question, what: str) -> Reply | Later:
    """The reply about ``hello``, ``feed``, ``tree`` or ``blobs/<sha256>``."""
    secret = secret_of(question.authorization)
    replica = credentials.recognise(secret, question.site)
    if what == "hello":
        return _json(question, joining.hello(secret) | heirs.told_to(replica))
    if what == "feed":
        asked = _Asked(question.query)
        credentials.note_state(
            replica,
            serial=asked.since,
            missing_blobs=asked.missing_blobs,
            missing_bytes=asked.missing_bytes,
            incomplete_for=asked.incomplete_for,
        )
        epochs.require_known(asked.epoch, asked.since)
        now = news.read()
        besides = heirs.told_to(replica) | joining.pepper_mark(secret) | primary_log.newest()
        if asked.wait <= 0 or question.is_head or asked.is_news(now):
            return _json(question, _told(now) | besides)
        return AwaitedNews(question, asked, besides)
    if what == "tree":
        asked_for = {name: values[-1] for name, values in parse_qs(question.query, keep_blank_values=True).items()}
        return _json(question, showing.show(asked_for, Transport(secret)))
    return _blob(question, what.partition("/")[2])


def _number(text: str) -> int:
    """One that a row can hold; raises ValueError."""
    number = int(text)
    if not 0 <= number < _MOST:
        raise ValueError(text)
    return number


class _Asked:
    """What the follower has, and for how long it waits for more."""

    def __init__(self, query: str) -> None:
        given = {name: values[-1] for name, values in parse_qs(query).items()}
        try:
            self.since, self.epoch = _number(given["since"]), UUID(given["epoch"])
            self.generations = {name: int(given.get(name, -1)) for name in giving.GENERATIONS}
            self.missing_blobs = _number(given.get("missing_blobs", "0"))
            self.missing_bytes = _number(given.get("missing_bytes", "0"))
            told = given.get("incomplete_for", "")
            self.incomplete_for = min(max(0, int(told)), _YEAR) if told else None
            self.wait = min(float(given.get("wait", 0)), LONGEST)
        except (KeyError, ValueError):
            raise Invalid(
                "Say since which serial of which epoch: ?since=<serial>&epoch=<uuid>.", code="wish-invalid"
            ) from None

    def is_news(self, now: News) -> bool:
        """Whether there is something that the follower has not."""
        return now.newest > self.since or now.generations != self.generations


def _told(now: News) -> dict[str, Any]:
    return {"newest": now.newest, "generations": now.generations}


def _json(question: Question, found: dict[str, Any]) -> Reply:
    body = json.dumps(found).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    return Reply(200, headers, b"" if question.is_head else body)


class AwaitedNews:
    """The answer as soon as there is news, or when it was waited for long enough; it costs no query to take it."""

    def __init__(self, question: Question, asked: _Asked, besides: dict[str, Any]) -> None:
        self._question, self._asked, self._besides = question, asked, besides
        self._until = time.monotonic() + asked.wait
        self._wake: Callable[[], None] = lambda: None
        self._come = Event()
        self._last = News(asked.since, asked.generations)
        self._forget = news.listen(self._hear)

    def _hear(self, now: News) -> None:
        self._last = now
        if self._asked.is_news(now):
            self._come.set()
            self._wake()

    def listen(self, wake: Callable[[], None]) -> None:
        """See the protocol."""
        self._wake = wake
        if self._come.is_set():
            wake()

    def close(self) -> None:
        """See the protocol."""
        self._forget()

    def wait(self) -> Reply:
        """See the protocol."""
        while (reply := self.reply()) is None:
            self._come.wait(max(0.0, self._until - time.monotonic()))
        self.close()
        return reply

    def reply(self) -> Reply | None:
        """See the protocol."""
        if not self._come.is_set() and time.monotonic() < self._until:
            return None
        return _json(self._question, _told(self._last) | self._besides)


def _blob(question: Question, sha256: str) -> Reply | Later:
    blob = Blob.objects.filter(sha256=sha256).first()
    if blob is None:
        return Awaited(question, on_demand.pass_on(sha256), [("Cache-Control", "no-store")], lambda _: None)
    if blob.damaged_at is not None:
        raise refusals.damaged()
    headers = [("Content-Type", _TYPE), ("Cache-Control", "no-store"), ("Accept-Ranges", "bytes")]
    try:
        spans = byte_ranges.parse_range(question.byte_range, blob.size)
    except UnsatisfiableRange as error:
        return Reply(416, [("Content-Range", error.content_range), ("Content-Length", "0")])
    span, status = Span(0, blob.size), 200
    if spans and len(spans) == 1:
        span, status = spans[0], 206
        headers.append(("Content-Range", byte_ranges.content_range(span, blob.size)))
    headers.append(("Content-Length", str(span.length)))
    return Reply(status, headers, b"" if question.is_head else _body(blob, span))


def _body(blob: Blob, span: Span) -> bytes | Iterator[bytes]:
    try:
        pieces = default_storage().read(blob.place, span.start, span.length)
        return b"".join(pieces) if span.length <= _SMALL else suspicions.watching(pieces, blob.sha256)
    except FileNotFoundError:
        suspicions.note(blob.sha256)
        raise Unavailable("The bytes of this content are missing from the storage.", code="blob-missing") from None
