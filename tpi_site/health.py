"""``/livez`` and ``/readyz``: whether the process answers, and whether it can do its work."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.services.directories import standing
from accounts.services.keys import installation
from indexapp.services import disk_room
from indexapp.services.mirrors import standing as standing_of_mirrors
from indexapp.storage import default_storage
from tpi_site import store_probe
from tpi_site.kit import leaving, pending_migrations, read_only, shared_cache
from tpi_site.kit.errors import Unavailable
from tpi_site.kit.request_context import is_inside


class Degraded(str):
    """What is wrong with a part without which the most goes on, such as pages: a node keeps serving."""

    __slots__ = ()


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
    and can do without, is away would make two outages of one.  A full disk takes no uploads, a bucket that does not answer
    gives no files, and both leave the rest as it is, so the answer is 200 with the status 'degraded'.  The parts are told to
    who may read the metrics by their address; others get the word.

    With ``?role=primary`` it is 503 too where this site is a replica, gave way to another, or does not know: for a proxy that
    has a primary and its replica behind it.
    """
    found = parts()
    if request.GET.get("role") == "primary":
        found["role"] = _role()
    serious = {name: state for name, state in found.items() if name not in _DISPENSABLE and state != "ok"}
    healthy = all(isinstance(state, Degraded) for state in serious.values())
    word = ("degraded" if serious else "ok") if healthy else "failing"
    status = 200 if healthy else 503
    if not is_inside(request.META):
        return JsonResponse({"status": word}, status=status)
    answer: dict[str, object] = {"status": word, "parts": found}
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
            _migrated = not pending_migrations.pending().required
    except DatabaseError:
        return "The database cannot be reached."
    return "ok" if _migrated else "Migrations are missing; run 'manage.py migrate'."


def _role() -> str:
    """Whether this site is the one that takes changes; read-only mode makes it no other."""
    if (followed := read_only.primary()) is not None:
        return f"It is a replica of {followed}."
    return read_only.fence() or "ok"


def _storage() -> str:
    try:
        with default_storage().spool() as spool:
            spool.file.write(b"probe")
    except OSError as error:
        sentence = f"The storage cannot be written: {os.strerror(error.errno or 0)}."
        return Degraded(sentence) if error.errno in (errno.ENOSPC, errno.EDQUOT) else sentence
    there = store_probe.state()
    return there if there == "ok" else Degraded(there)


def _disk() -> str:
    try:
        return Degraded(disk_room.shortage()) or "ok"
    except OSError as error:
        return f"The data folder cannot be looked at: {os.strerror(error.errno or 0)}."


def _node() -> str:
    return "The node is about to stop." if leaving.has_begun() else "ok"


def _keys() -> str:
    """Whether sealed bytes can be opened; while remembered keys serve, a source that is away is no reason to stop."""
    try:
        return installation.shortfall() or "ok"
    except Unavailable as error:
        return error.detail
    except DatabaseError:  # which is told of itself
        return "ok"


def _cache() -> str:
    try:
        cache.get("probe")
    except Exception as error:
        if not shared_cache.is_away(error):
            raise
        return "The shared cache cannot be reached."
    return "ok"


def _mirrors() -> str:
    """Who is served from what is known needs no upstream, so a node goes on; which one fails is for the console."""
    try:
        failing = standing_of_mirrors.failing()
    except DatabaseError:  # which is told of itself
        return "ok"
    if not failing:
        return "ok"
    names = ", ".join(row.index.name for row in failing[:5])
    return Degraded(f"The upstreams of these mirrors do not answer: {names}.")


_DISPENSABLE = frozenset({"cache"})
_PROBES: dict[str, Callable[[], str]] = {
    "node": _node,
    "database": _database,
    "migrations": _migrations,
    "storage": _storage,
    "disk": _disk,
    "keys": _keys,
    "mirrors": _mirrors,
}
