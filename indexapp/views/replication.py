"""What replicas ask by POST: ``rows/``, a batch of changes and what they are about, and ``blobs/``, many small contents."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from indexapp.clients.primary import SITE
from indexapp.domain.replication import batches
from indexapp.domain.replication.transport import Transport
from indexapp.services.replication import credentials, giving, giving_bytes
from indexapp.views.machine.replication import secret_of
from tpi_site.kit.errors import Invalid, Unsupported


@csrf_exempt  # a program's address, which takes no cookies
def rows(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with lines of JSON."""
    secret = _secret(request)
    lines = giving.batch(giving.wish_of(_json(request)), Transport(secret))
    return StreamingHttpResponse(
        batches.in_pieces(lines), content_type="application/x-ndjson", headers={"Cache-Control": "no-store"}
    )


@csrf_exempt  # as above
def blobs(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with frames; see :mod:`indexapp.domain.replication.frames`."""
    _secret(request)
    pieces = giving_bytes.give(giving_bytes.asked_of(_json(request)))
    return StreamingHttpResponse(pieces, content_type="application/octet-stream", headers={"Cache-Control": "no-store"})


def _secret(request: HttpRequest) -> str:
    """The secret of the replica that asks; refuses everybody else."""
    if request.method != "POST":
        raise Unsupported("This is asked for by POST with a JSON body.", code="method-not-allowed")
    secret = secret_of(request.headers.get("Authorization", ""))
    credentials.recognise(secret, request.headers.get(SITE, ""))
    return secret


def _json(request: HttpRequest) -> Any:
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise Invalid("The body is no JSON.", code="wish-invalid") from None
