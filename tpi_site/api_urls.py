"""Every address of the REST API, version 1."""

from __future__ import annotations

from django.urls import include, path, re_path

from tpi_site import api_views, operating_api

app_name = "api"
urlpatterns = [
    path("", api_views.Root.as_view(), name="root"),
    path("schema/", api_views.Schema.as_view(), name="schema"),
    path("docs/", api_views.Explorer.as_view(), name="docs"),
    path("doctor/", operating_api.Doctor.as_view(), name="doctor"),
    path("support-bundle/", operating_api.SupportBundle.as_view(), name="support-bundle"),
    path("", include("accounts.api.urls")),
    path("", include("indexapp.api.v1.urls")),
    re_path(r"", api_views.nothing_here, name="nothing"),
]
