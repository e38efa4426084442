"""The page of a name of which nothing is known yet: its answer is made when the upstream's is there."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable
from threading import Event

from indexapp.services.mirrors import waiting
from indexapp.services.mirrors.waiting import MustWait
from indexapp.views.machine.messages import Later, Reply

Made = Reply | Later | None


class AwaitedPage:
    """The reply that ``answer`` makes as soon as the upstreams have said what they have; no thread waits for it."""

    def __init__(self, must: MustWait, answer: Callable[[], Made]) -> None:
        self._answer, self._context = answer, contextvars.copy_context()
        self._until = time.monotonic() + waiting.PATIENCE
        self._told: dict[waiting.Key, waiting.Question] = {}
        self._made: Made = None
        self._error: Exception | None = None
        self._is_over, self._is_closed = Event(), False
        self._wake: Callable[[], None] = lambda: None
        self._follow(must)

    def listen(self, wake: Callable[[], None]) -> None:
        """See the protocol."""
        self._wake = wake
        if self._is_over.is_set():
            self._hear()

    def close(self) -> None:
        """See the protocol."""
        self._is_closed = True
        if self._made is not None and not isinstance(self._made, Reply):
            self._made.close()

    def wait(self) -> Reply:
        """See the protocol."""
        while (reply := self.reply()) is None:
            self._is_over.wait(1.0)
            if self._made is not None and not isinstance(self._made, Reply):
                return self._made.wait()
        return reply

    def reply(self) -> Reply | None:
        """See the protocol."""
        if not self._is_over.is_set():
            if time.monotonic() > self._until:
                raise waiting.too_slow()
            return None
        if self._error is not None:
            raise self._error
        return self._made if self._made is None or isinstance(self._made, Reply) else self._made.reply()

    def _follow(self, must: MustWait) -> None:
        self._told[must.key] = must.question
        must.question.add_done_callback(lambda _: None if self._is_closed else waiting.make_later(self._make))

    def _make(self) -> None:
        try:
            self._made = self._context.run(self._made_elsewhere)
        except MustWait as must:  # the next mirror of a group
            self._follow(must)
            return
        except Exception as error:  # noqa: BLE001  it is raised where the reply is asked for
            self._error = error
        self._is_over.set()
        self._hear()

    def _made_elsewhere(self) -> Made:
        with waiting.elsewhere(self._told):
            return self._answer()

    def _hear(self) -> None:
        if self._made is not None and not isinstance(self._made, Reply):
            self._made.listen(self._wake)
        self._wake()
