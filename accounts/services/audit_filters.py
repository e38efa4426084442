"""What narrows the audit log, under the names that the console and the REST API share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q, QuerySet

from accounts import permissions
from accounts.models import AuditEntry


def _of_types(text: str) -> Q:
    return Q(object_type__in=[word.strip() for word in text.split(",")])


_CONDITIONS: Mapping[str, Callable[[Any], Q]] = {
    "actor": lambda name: Q(actor_name=name),
    "action": lambda word: Q(action=word),
    "action_prefix": lambda beginning: Q(action__startswith=beginning),
    "object_type": _of_types,
    "object_name": lambda name: Q(object_name=name),
    "outcome": lambda word: Q(outcome=word),
    "reason": lambda code: Q(reason=code),
    "address": lambda address: Q(address=address),
    "request_id": lambda text: Q(request_id=text),
    "token": lambda key_id: Q(token_key_id=key_id),
    "after": lambda moment: Q(at__gte=moment),
    "before": lambda moment: Q(at__lt=moment),
    "q": permissions.audit_search,
}


def narrowed(rows: QuerySet[AuditEntry], chosen: Mapping[str, Any]) -> QuerySet[AuditEntry]:
    """The entries of ``rows`` that fit all of ``chosen``: the filter's name and its value, moments being aware times.

    A value that is empty narrows nothing.
    """
    for name, value in chosen.items():
        if value not in ("", None):
            rows = rows.filter(_CONDITIONS[name](value))
    return rows
