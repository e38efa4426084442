"""Secrets that were sealed before they were bound to the place that they go to are bound to what their rows say now.

It happens once, before the migration that marks it is applied: done again at any later time it would bind whatever somebody
who may write to the database put there.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from django.db import connection, transaction
from django.db.migrations import Migration

from accounts.domain import sealed_purposes
from accounts.models import AuditSink, Directory
from tpi_site.kit import sealing
from tpi_site.kit.key_ring import WrapBroken, key_ring

_MARK = ("accounts", "0015_bound_secrets")


def bind_before(plan: Iterable[tuple[Migration, bool]]) -> None:
    """Bind them if the plan applies the mark; raises KeySourceAway and KeyRingBroken where there are any to open."""
    is_due = any((step.app_label, step.name) == _MARK and not is_back for step, is_back in plan)
    if is_due and AuditSink._meta.db_table in connection.introspection.table_names():
        bind_all()


def bind_all() -> None:
    """What does not open stays, and is told as a secret that must be entered anew; so a second call changes nothing."""
    with transaction.atomic():
        directories = Directory.objects.exclude(bind_password="").values_list(
            "pk", "bind_password", *sealed_purposes.DIRECTORY
        )
        for pk, text, name, *where in directories:
            if bound := _bound(text, f"directory:{name}", sealed_purposes.of_directory(name, *where)):
                Directory.objects.filter(pk=pk, bind_password=text).update(bind_password=bound)
        for pk, text, address in AuditSink.objects.exclude(secret="").values_list("pk", "secret", "address"):
            if bound := _bound(text, "audit-sink", sealed_purposes.of_sink(pk, address)):
                AuditSink.objects.filter(pk=pk, secret=text).update(secret=bound)


def _bound(text: str, before: str, after: str) -> str:
    with suppress(WrapBroken):
        return sealing.seal(key_ring().unwrap(text, before).decode(), after)
    return ""
