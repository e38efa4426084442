"""``/livez`` and ``/readyz``: whether the process answers, and whether it can do its work."""

from __future__ import annotations

import os
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.services.directories import standing
from indexapp.storage import default_storage
from tpi_site.kit import key_ring, shared_cache
from tpi_site.kit.errors import Unavailable


@csrf_exempt
@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Each part with 'ok' or what is wrong with it; 503 when one fails.

    Directories and the shared cache are told of and fail nothing: nodes that stopped serving because what they all share,
    and can do without, is away would make two outages of one.
    """
    found = parts()
    healthy = all(state == "ok" for name, state in found.items() if name not in _DISPENSABLE)
    status = 200 if healthy else 503
    answer: dict[str, object] = {"status": "ok" if healthy else "failing", "parts": found}
    if healthy and (told := _directories()):
        answer["directories"] = told
    return JsonResponse(answer, status=status)


def _directories() -> dict[str, str]:
    """Each directory's state in a word; what exactly is wrong is for those who may enter the console."""
    try:
        return {name: "ok" if state == "ok" else "failing" for name, state in standing.states().items()}
    except DatabaseError:
        return {}


def parts() -> dict[str, str]:
    """Each part of the installation with 'ok' or a sentence on what is wrong with it."""
    probes = _PROBES | ({"cache": _cache} if settings.TPI_CACHE_URL else {})
    return {name: probe() for name, probe in probes.items()}


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "The database cannot be reached."
    return "ok"


_migrated = False


def _migrations() -> str:
    global _migrated  # noqa: PLW0603  once all are applied, they stay so for the life of the process
    try:
        if not _migrated:
            executor = MigrationExecutor(connection)
            _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "The database cannot be reached."
    return "ok" if _migrated else "Migrations are missing; run 'manage.py migrate'."


def _storage() -> str:
    try:
        with default_storage().spool() as spool:
            spool.file.write(b"probe")
    except OSError as error:
        return f"The storage cannot be written: {os.strerror(error.errno or 0)}."
    return "ok"


def _disk() -> str:
    try:
        state = os.statvfs(settings.TPI_DATA_DIR)
    except OSError as error:
        return f"The data folder cannot be looked at: {os.strerror(error.errno or 0)}."
    free = state.f_bavail * state.f_frsize
    return "ok" if free > 64 * 2**20 else "Less than 64 MiB are free in the data folder."


def _keys() -> str:
    """Whether sealed bytes can be opened; while remembered keys serve, a source that is away is no reason to stop."""
    try:
        key_ring.key_ring()
    except Unavailable as error:
        return error.detail
    return "ok"


def _cache() -> str:
    try:
        cache.get("probe")
    except Exception as error:
        if not shared_cache.is_away(error):
            raise
        return "The shared cache cannot be reached."
    return "ok"


_DISPENSABLE = frozenset({"cache"})
_PROBES: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "storage": _storage,
    "disk": _disk,
    "keys": _keys,
}
