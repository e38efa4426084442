"""What a support bundle tells, before anything is struck out."""

from __future__ import annotations

import os
import platform
import ssl
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, Max
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success
from prometheus_client import CollectorRegistry, generate_latest, multiprocess

from accounts.models import Alarm, AuditCheckpoint
from tpi_site.kit import gauges
from tpi_site.services.support.secret_values import SECRET_NAME
from tpi_site.settings import env

_LIBRARIES = ("django", "djangorestframework", "django-q2", "gunicorn", "psycopg", "boto3", "cryptography", "redis")
_MOST = 100
"""Alarms and failed jobs."""


def versions() -> dict[str, Any]:
    """What runs here."""
    return {
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "tpi": _version("trusted-packaging-index"),
        "python": sys.version,
        "platform": platform.platform(),
        "openssl": ssl.OPENSSL_VERSION,
        "database": connection.vendor,
        "cpus": os.cpu_count(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def settings() -> list[dict[str, Any]]:
    """Every setting; secret ones only as set or not, and of what nothing reads the name alone."""
    known = [_setting(name, default) for name, default in sorted(env.declared.items())]
    declared = set(env.declared) | {f"{name}_FILE" for name in env.declared}
    strangers = sorted(name for name in os.environ if name.startswith("TPI_") and name not in declared)
    return [*known, *({"setting": name, "is_set": True, "value": "[not a setting]"} for name in strangers)]


def _setting(name: str, default: str) -> dict[str, Any]:
    given, is_from_file = os.environ.get(name), f"{name}_FILE" in os.environ
    value = "[from a file]" if is_from_file else default if given is None else given
    if name == "TPI_KEYRING":
        value = f"{value.partition(':')[0]}:…"
    elif SECRET_NAME.search(name) and not value.isdigit():
        value = "[redacted: setting]" if given else ""
    return {"setting": name, "is_set": given is not None or is_from_file, "value": value}


def migrations() -> list[str]:
    """Those that are applied, in their order."""
    rows = MigrationRecorder(connection).migration_qs.order_by("id").values_list("app", "name", "applied")
    return [f"{app}.{name} {applied:%Y-%m-%d %H:%M}" for app, name, applied in rows]


def counts() -> dict[str, int]:
    """Rows of each table."""
    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}  # noqa: SLF001  all rows


def jobs() -> dict[str, Any]:
    """What waits, what comes by the clock, what failed and when each kind of job last went well; arguments are left out."""
    failed = Failure.objects.order_by("-stopped")[:_MOST]
    return {
        "waiting": OrmQ.objects.count(),
        "taken": OrmQ.objects.filter(lock__gt=timezone.now()).count(),
        "schedules": list(Schedule.objects.order_by("name").values("name", "func", "minutes", "repeats", "next_run")),
        "failed": [
            {"func": row.func, "at": row.stopped, "attempts": row.attempt_count, "result": str(row.result)[:4000]}
            for row in failed
        ],
        "done": list(Success.objects.order_by().values("func").annotate(number=Count("id"), last=Max("stopped"))),
    }


def alarms() -> list[dict[str, Any]]:
    """The last ones, open or not."""
    fields = ("code", "subject", "sentence", "count", "raised_at", "last_at", "ended_at")
    return list(Alarm.objects.order_by("-last_at").values(*fields)[:_MOST])


def checkpoints() -> list[str]:
    """The last signed checkpoints of the audit log: a copy outside shows later whether its end was cut."""
    return list(AuditCheckpoint.objects.order_by("-size").values_list("note", flat=True)[:3])


def metrics() -> Iterator[str]:
    """What ``/metrics`` tells, as far as this process can."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        yield from generate_latest(registry).decode().splitlines()
    yield from gauges.text().decode().splitlines()
