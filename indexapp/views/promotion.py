"""``POST /api/v1/replication/fence/`` and ``promotion/``: that another site took over, and whether this one did."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from indexapp.clients.primary import SITE
from indexapp.domain.replication.takeovers import Claim
from indexapp.services.replication import credentials, fences, takeovers
from indexapp.views.machine.replication import secret_of
from tpi_site.kit.errors import Invalid, Unsupported

_FRESH = {"Cache-Control": "no-store"}
_MOST = 16 * 1024


@csrf_exempt  # a program's address, which takes no cookies
def fence(request: HttpRequest) -> JsonResponse:
    """Take no changes any more, as the replica that took over says; answers with the newest serial."""
    said = _said(request)
    secret = secret_of(request.headers.get("Authorization", ""))
    replica = credentials.recognise(secret, request.headers.get(SITE, ""))
    try:
        claim = Claim.of(said)
    except (KeyError, TypeError, ValueError):
        raise Invalid("The body does not say who took over, in which epoch, and where.", code="claim-invalid") from None
    return JsonResponse({"newest": fences.obey(replica, claim)}, headers=_FRESH)


@csrf_exempt  # as above
def promotion(request: HttpRequest) -> JsonResponse:
    """Whether this site took over from the primary that asks, which proves that it is the one."""
    said = _said(request)
    if tried := secret_of(request.headers.get("Authorization", "")):  # nobody is asked for one here
        raise credentials.wrong(tried)
    return JsonResponse(takeovers.answer(said), headers=_FRESH)


def _said(request: HttpRequest) -> dict[str, Any]:
    if request.method != "POST":
        raise Unsupported("This is asked by POST with a JSON body.", code="method-not-allowed")
    try:
        said = json.loads(request.body[:_MOST])
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Invalid("The body is no JSON object.", code="wish-invalid")
    return said
