"""What Django shows when no view answered: pages for browsers, problem documents for programs."""

from __future__ import annotations

import sys

from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults

from tpi_site.kit import edge
from tpi_site.kit.errors import Invalid


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: no address of ours."""
    if edge.wants_page(request):
        return defaults.page_not_found(request, exception)
    refusal = edge.as_refusal(exception) or edge.as_refusal(Http404())
    return edge.to_response(request, refusal) if refusal else edge.http_response(edge.fault_answer())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a request that Django itself refuses."""
    if edge.wants_page(request):
        return defaults.bad_request(request, exception)
    refusal = edge.as_refusal(exception) or Invalid(
        "The request is malformed and was refused.", code="request-malformed"
    )
    return edge.to_response(request, refusal)


def server_error(request: HttpRequest) -> HttpResponse:
    """What was raised outside the views, as in reading the session, as far as it is no fault of ours; else 500.

    The log has a fault under the request's id.
    """
    error = sys.exception()
    refusal = edge.as_refusal(error) if error else None
    if refusal is not None:
        return edge.to_response(request, refusal)
    if edge.wants_page(request):
        return defaults.server_error(request)
    return edge.http_response(edge.fault_answer(request.headers.get("Accept", "")))
