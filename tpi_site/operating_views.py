"""The console's pages for who runs the installation: its examination, and the bundle for who helps from outside."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from accounts import permissions
from tpi_site.kit.admin import actor_of
from tpi_site.services.doctor.examining import examine


@admin.site.admin_view
@require_http_methods(["GET", "HEAD", "POST"])
def doctor(request: HttpRequest) -> HttpResponse:
    """The findings, when asked for by a POST, because parts are tried out."""
    actor = actor_of(request)
    permissions.require_operator(actor, "examine the installation")
    found = examine(actor=actor) if request.method == "POST" else None
    context = {**admin.site.each_context(request), "title": "Doctor", "found": found}
    return TemplateResponse(request, "admin/doctor.html", context)
