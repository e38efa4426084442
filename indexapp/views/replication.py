"""``POST /api/v1/replication/rows/``: a batch of changes, and what they are about as it is now."""

from __future__ import annotations

import json

from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from indexapp.clients.primary import SITE
from indexapp.domain.replication.transport import Transport
from indexapp.services.replication import credentials, giving
from indexapp.services.replication.giving import Wish
from indexapp.views.machine.replication import secret_of
from tpi_site.kit.errors import Invalid, Unsupported


@csrf_exempt  # a program's address, which takes no cookies
def rows(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with lines of JSON."""
    if request.method != "POST":
        raise Unsupported("Batches are asked for by POST with a JSON body.", code="method-not-allowed")
    secret = secret_of(request.headers.get("Authorization", ""))
    credentials.recognise(secret, request.headers.get(SITE, ""))
    lines = giving.batch(_wish(request), Transport(secret))
    return StreamingHttpResponse(
        iter(lines), content_type="application/x-ndjson", headers={"Cache-Control": "no-store"}
    )


def _wish(request: HttpRequest) -> Wish:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Invalid("The body is no JSON.", code="wish-invalid") from None
    return giving.wish_of(body)
