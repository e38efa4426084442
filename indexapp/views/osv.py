"""``/osv/v1/…``: what ``pip-audit --osv-url`` and ``uv audit --service-url`` ask.

Advisories are public knowledge, so whoever may read anything here may ask: everybody with credentials, and everybody at all
where an index is read without any.
"""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.permissions import SIGN_IN
from indexapp.services.serving import gate, index_map, watermarks
from indexapp.services.vulnerabilities import queries
from indexapp.views.methods import only_read
from tpi_site.kit import edge
from tpi_site.kit.content_security import MACHINE_POLICY
from tpi_site.kit.errors import Invalid, TooLarge, Unauthenticated, Unsupported
from tpi_site.kit.small_bodies import MOST

_HEADERS = {"Content-Security-Policy": MACHINE_POLICY, "X-Content-Type-Options": "nosniff"}


@csrf_exempt  # programs ask, by credentials in the header alone
def query(request: HttpRequest) -> HttpResponse:
    """Which advisories speak of one version of one project, with all that they say."""
    if request.method != "POST":
        return _refused_method(request)
    _require_reader(request)
    return _answer(queries.answer(queries.question_of(_body(request))))


@csrf_exempt  # as above
def query_batch(request: HttpRequest) -> HttpResponse:
    """The same for many at once, answered with ids."""
    if request.method != "POST":
        return _refused_method(request)
    _require_reader(request)
    return _answer({"results": queries.answer_batch(_body(request))})


@only_read
def advisory(request: HttpRequest, osv_id: str) -> HttpResponse:
    """One advisory."""
    _require_reader(request)
    return _answer(queries.one(osv_id))


def _require_reader(request: HttpRequest) -> None:
    watermark = watermarks.read()
    actor = gate.actor_for(request.META.get("HTTP_AUTHORIZATION", ""), watermark)
    if actor.is_anonymous and not any(one.anonymous_read for one in index_map.read(watermark).by_pk.values()):
        raise Unauthenticated(SIGN_IN)


def _body(request: HttpRequest) -> Any:
    """What came as JSON, whatever type it says to be: pip-audit names none."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST:
        raise TooLarge(f"A query has at most {MOST} bytes; ask in several.", code="osv-query-too-large")
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise Invalid("A query is a JSON object in UTF-8.", code="osv-query-invalid") from None


def _answer(found: dict[str, Any]) -> HttpResponse:
    return HttpResponse(json.dumps(found, separators=(",", ":")), content_type="application/json", headers=_HEADERS)


def _refused_method(request: HttpRequest) -> HttpResponse:
    refusal = Unsupported("Queries are POST requests with a JSON body.", code="method-not-allowed")
    response = edge.http_response(edge.answer_for(refusal, request.headers.get("Accept", "")))
    response.headers["Allow"] = "POST"
    return response
