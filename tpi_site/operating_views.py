"""The console's pages for who runs the installation: its examination, and the bundle for who helps from outside."""

from __future__ import annotations

import tempfile

from django.conf import settings
from django.contrib import admin
from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from accounts import permissions
from tpi_site.kit.admin import actor_of, freshness
from tpi_site.services.doctor.examining import examine
from tpi_site.services.support import bundles


@admin.site.admin_view
@require_http_methods(["GET", "HEAD", "POST"])
def doctor(request: HttpRequest) -> HttpResponseBase:
    """The findings, when asked for by a POST, because parts are tried out."""
    actor = actor_of(request)
    permissions.require_operator(actor, "examine the installation")
    found = examine(actor=actor) if request.method == "POST" else None
    context = {**admin.site.each_context(request), "title": "Doctor", "found": found}
    return TemplateResponse(request, "admin/doctor.html", context)


@admin.site.admin_view
@require_http_methods(["GET", "HEAD", "POST"])
def support_bundle(request: HttpRequest) -> HttpResponseBase:
    """The bundle as a download, for somebody who has just shown again that it is them."""
    actor = actor_of(request)
    permissions.require_operator(actor, "make a support bundle")
    if (interruption := freshness.interruption(request)) is not None:
        return interruption
    if request.method != "POST":
        context = {"title": "Support bundle", "may_name": actor.may_administer_instance}
        return TemplateResponse(request, "admin/support_bundle.html", {**admin.site.each_context(request), **context})
    made = tempfile.TemporaryFile(dir=settings.TPI_DATA_DIR)  # noqa: SIM115  the response closes it
    bundles.make(actor=actor, target=made, with_names=request.POST.get("with_names") == "on")
    made.seek(0)
    return FileResponse(made, as_attachment=True, filename="tpi-support-bundle.zip", content_type="application/zip")
