"""Writing the audit log."""

from __future__ import annotations

from typing import Any

from django.db import models

from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from tpi_site.kit.inserting import insert
from tpi_site.kit.logs import redact
from tpi_site.kit.request_context import current


def record(
    *,
    actor: Actor,
    action: str,
    subject: models.Model | None = None,
    object_type: str = "",
    object_name: str = "",
    outcome: str = AuditEntry.Outcome.DONE,
    **detail: Any,
) -> None:
    """Write that ``actor`` did ``action``; call it inside the transaction of what it records.

    ``subject`` gives type, id and name of what was acted upon, unless ``object_type`` and ``object_name`` say it.
    ``detail`` must hold nothing secret and be JSON.
    """
    context = current.get()
    entry = AuditEntry(
        actor_id=actor.user_id,
        actor_name=actor.display_name,
        token_key_id=actor.token.key_id if actor.token else "",
        method=actor.method.value,
        address=actor.address or context.address,
        request_id=actor.request_id or context.request_id,
        action=action,
        object_type=object_type or (subject._meta.model_name or "" if subject else ""),
        object_id=subject.pk if subject is not None and isinstance(subject.pk, int) else None,
        object_name=redact(object_name or str(subject or ""))[:400],
        outcome=outcome,
        detail=detail,
    )
    insert(entry)
