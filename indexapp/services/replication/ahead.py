"""The next batch is on its way while the last one is written.

What was asked for ahead is held against the cursor as every batch is, so that it is thrown away where it does not follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

from indexapp.clients.primary import Primary
from indexapp.domain.replication.batches import Batch

_LARGE = 50_000
"""Rows of a batch beside which no second one is held in memory."""
_SAME = ("since", "epoch", "generations")
Wish = Mapping[str, Any]


def is_small(batch: Batch) -> bool:
    """Whether another one has room beside it."""
    return len(batch.changes) + sum(map(len, batch.rows.values())) <= _LARGE


class Ahead:
    """Asks a primary for batches, one of them ahead; a context manager that waits for what was asked in vain."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="replication-ahead")
        self._asked: tuple[Wish, Future[Batch]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._threads.shutdown()

    def ask(self, wish: Wish) -> None:
        """Have it come; nobody waits for it now."""
        self._asked = wish, self._threads.submit(self._primary.batch, wish)

    def batch(self, wish: Wish) -> Batch:
        """What was wished for; raises PrimaryFailed.  Digests may be others than were asked ahead."""
        asked, self._asked = self._asked, None
        if asked is not None and all(asked[0][name] == wish[name] for name in _SAME):
            return asked[1].result()
        return self._primary.batch(wish)
