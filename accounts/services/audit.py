"""Writing the audit log."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import models

from accounts.domain.actors import Actor
from accounts.domain.read_only import goes_on
from accounts.models import AuditEntry
from tpi_site.kit import read_only
from tpi_site.kit.inserting import insert, insert_all
from tpi_site.kit.logs import redact
from tpi_site.kit.request_context import current

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LISTED = 200
"""Names of a list that an entry holds."""
_listeners: list[Callable[[], None]] = []
_together: ContextVar[list[AuditEntry] | None] = ContextVar("audit entries written together", default=None)


def on_entry(listener: Callable[[], None]) -> None:
    """Have ``listener`` called whenever an entry was written, perhaps not committed yet; it must not wait."""
    _listeners.append(listener)


def digested(value: object) -> str:
    """A secret as a keyed digest: two entries show whether it was the same, and neither shows what it was."""
    key = settings.TPI_TOKEN_PEPPER.encode()
    return "hmac-sha256:" + hmac.new(key, f"audit\x1f{value}".encode(), hashlib.sha256).hexdigest()


def record(
    *,
    actor: Actor,
    action: str,
    subject: models.Model | None = None,
    object_type: str = "",
    object_name: str = "",
    outcome: str = AuditEntry.Outcome.DONE,
    code: str = "",
    **detail: Any,
) -> None:
    """Write that ``actor`` did ``action``; call it inside the transaction of what it records.

    ``subject`` gives type, id and name of what was acted upon, unless ``object_type`` and ``object_name`` say it.
    ``code`` is that of a refusal.  ``detail`` must be JSON and hold nothing secret; what was there before and after
    goes in as ``before`` and ``after``, secrets among it through :func:`digested`.  Tokens and passwords that a sender
    put where a name belongs are struck out of all of it.  In read-only mode what was done is refused here, and with it the
    transaction that would have changed something.
    """
    if outcome == AuditEntry.Outcome.DONE and not goes_on(action):
        read_only.require_off()
    context = current.get()
    entry = AuditEntry(
        actor_id=actor.user_id,
        actor_name=cleaned(actor.display_name),
        token_key_id=actor.token.key_id if actor.token else "",
        method=actor.method.value,
        address=cleaned(actor.address or context.address),
        request_id=actor.request_id or context.request_id,
        action=action,
        object_type=object_type or (subject._meta.model_name or "" if subject else ""),
        object_id=subject.pk if subject is not None and isinstance(subject.pk, int) else None,
        object_name=cleaned(object_name or str(subject or ""))[:400],
        outcome=outcome,
        reason=code[:64],
        detail=_cleaned_within(detail),
    )
    waiting = _together.get()
    if waiting is not None:
        waiting.append(entry)
        return
    insert(entry)
    _tell()


def listed(word: str, names: Iterable[str]) -> dict[str, Any]:
    """The first names of a list that may be long, and how many there are, as details called ``word`` and ``number_of_word``."""
    every = list(names)
    return {word: every[:_LISTED], f"number_of_{word}": len(every)}


@contextmanager
def together() -> Iterator[None]:
    """Write the entries recorded inside in one go at its end; open it in the transaction of what they record."""
    entries: list[AuditEntry] = []
    token = _together.set(entries)
    try:
        yield
    finally:
        _together.reset(token)
    if entries:
        insert_all(entries)
        _tell()


def _tell() -> None:
    for listener in _listeners:
        listener()


def cleaned(text: str) -> str:
    """``text`` without tokens, passwords and control characters; the latter could forge lines and part hashed fields."""
    text = redact(text)
    return _CONTROLS.sub(" ", text) if not text.isprintable() else text


def _cleaned_within(value: Any) -> Any:
    """JSON with each of its strings, names of members included, as :func:`cleaned` leaves it."""
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, dict):
        return {_cleaned_within(name): _cleaned_within(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned_within(each) for each in value]
    return value
