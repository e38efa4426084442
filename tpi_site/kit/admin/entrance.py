"""Who may enter the console: who plays a part for the instance, and whoever looks after something in one of the apps.

Each app registers a probe for its area in ``AppConfig.ready()``; the kit knows neither teams nor indexes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

Probe = Callable[[Any], bool]
"""Whether an actor looks after something in an area; at most one or two indexed queries."""

_probes: dict[str, Probe] = {}
_REMEMBERED = "_console_areas"


def register(area: str, probe: Probe) -> None:
    """Let those whom ``probe`` knows into the console, to the screens of ``area``."""
    _probes[area] = probe


def actor_of(request: HttpRequest) -> Any:
    """The request's actor (:class:`accounts.domain.actors.Actor`, which the kit cannot name).

    The value itself, not the lazy object that stands for it: services treat it as the dataclass that it is.
    """
    actor: Any = request.actor  # type: ignore[attr-defined]  # set by the actor middleware
    return actor.at(address=actor.address, request_id=actor.request_id)


def areas_of(request: HttpRequest) -> frozenset[str]:
    """The areas that the actor may enter, asked once per request."""
    known: frozenset[str] | None = getattr(request, _REMEMBERED, None)
    if known is None:
        known = _ask(actor_of(request))
        setattr(request, _REMEMBERED, known)
    return known


def _ask(actor: Any) -> frozenset[str]:
    if actor.reads_everything:
        return frozenset(_probes)
    return frozenset(area for area, probe in _probes.items() if probe(actor))


def may_enter(request: HttpRequest) -> bool:
    """Whether this browser session opens the console.

    Credentials in a header do not: they could name another actor than the session whose cookie the CSRF check trusts.
    """
    user = request.user
    if not (user.is_authenticated and user.is_active):
        return False
    actor = actor_of(request)
    if actor.user_id != user.pk or actor.token is not None:
        return False
    return bool(actor.sees_operation or areas_of(request))
