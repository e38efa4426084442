"""``/metrics`` for Prometheus: open to the networks that settings name, to others with an operator's token."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from accounts.authentication import actor_of
from tpi_site.kit import gauges
from tpi_site.kit.errors import Forbidden, Unauthenticated
from tpi_site.kit.request_context import is_inside


@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All processes' metrics, and those of the installation as a whole, as one text."""
    if not is_inside(request.META):
        actor = actor_of(request)
        if actor.is_anonymous:
            raise Unauthenticated("Metrics need an administrator's token from this address.")
        if not actor.sees_operation:
            raise Forbidden("Only an operator or an administrator may read the metrics.", code="operator-needed")
    response: HttpResponse = ExportToDjangoView(request)
    response.content += gauges.text()
    return response
