"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from tpi_site import health, metrics, operating_views

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("admin/doctor/", operating_views.doctor, name="doctor"),
    path("admin/support-bundle/", operating_views.support_bundle, name="support-bundle"),
    path("admin/", admin.site.urls),
    path("api/v1/replication/", include("indexapp.replication_urls")),
    path("api/v1/", include("tpi_site.api_urls")),
    path("account/", include("accounts.urls")),
    path("", include("indexapp.urls")),
    path("", include("indexapp.browse_urls")),
]

handler400 = "tpi_site.error_views.bad_request"
handler404 = "tpi_site.error_views.not_found"
handler500 = "tpi_site.error_views.server_error"
