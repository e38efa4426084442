"""What a call leaves behind: rows, blobs, audit entries and changes; and proof that a refused one left nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from accounts.models import AuditEntry
from indexapp.models import Change
from tpi_site.kit.errors import Refusal

_OURS = ("accounts", "indexapp", "webhooks")


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of ours, by table."""
    models = [model for app in _OURS for model in apps.get_app_config(app).get_models()]
    own = [model for model in models if not model._meta.proxy]  # the others show rows of these
    return {model._meta.label: list(model._base_manager.order_by("pk").values_list()) for model in own}


def files() -> dict[str, bytes]:
    """Every file in the storage's folder, by its path."""
    root = Path(unquote(urlsplit(settings.TPI_STORAGE_URL).path))
    paths = [Path(folder, name) for folder, _, names in os.walk(root) for name in names]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def state() -> dict[str, Any]:
    """All that a refused call must leave as it was."""
    return {"rows": rows(), "files": files()}


def publishing() -> dict[str, Any]:
    """As :func:`state` without the accounts: a request notes when a token was last used."""
    published = {table: content for table, content in rows().items() if not table.startswith("accounts.")}
    return {"rows": published, "files": files()}


@contextmanager
def refused(code: str) -> Iterator[None]:
    """The block is refused with ``code``, in one sentence, and changes nothing."""
    before = state()
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.code == code, caught.value.detail
    assert caught.value.detail[-1:] == "."
    after = state()
    assert differences(before, after) == {}


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By table or path, what was there and is there no more, and what is new."""
    found: dict[str, tuple[Any, Any]] = {}
    for table in {*before["rows"], *after["rows"]}:
        old, new = before["rows"].get(table, []), after["rows"].get(table, [])
        if old != new:
            found[table] = ([row for row in old if row not in new], [row for row in new if row not in old])
    for path in {*before["files"], *after["files"]}:
        old, new = before["files"].get(path), after["files"].get(path)
        if old != new:
            found[path] = (old, new)
    return found


@dataclass
class Evidence:
    """What was written since :func:`collecting` began."""

    first_audit: int
    first_change: int

    @property
    def audit(self) -> list[AuditEntry]:
        """New audit entries, in order."""
        return list(AuditEntry.objects.filter(pk__gt=self.first_audit).order_by("pk"))

    @property
    def changes(self) -> list[Change]:
        """New changes, in order."""
        return list(Change.objects.filter(serial__gt=self.first_change).order_by("serial"))

    @property
    def actions(self) -> list[str]:
        """What the new audit entries call the acts."""
        return [entry.action for entry in self.audit]

    @property
    def kinds(self) -> list[str]:
        """The kinds of the new changes."""
        return [change.kind for change in self.changes]


def collecting() -> Evidence:
    """Evidence from here on."""
    audit = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return Evidence(audit, Change.objects.order_by("-serial").values_list("serial", flat=True).first() or 0)


class Sabotage(Exception):
    """The database failed, as far as the code under test can tell."""


@contextmanager
def failing_insert(table: str) -> Iterator[None]:
    """Rows cannot be added to ``table`` meanwhile."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(f'INSERT INTO "{table}"'):
            raise Sabotage(table)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield
