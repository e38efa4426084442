"""What people browse; the machine addresses, in :mod:`indexapp.urls`, come first."""

from __future__ import annotations

from django.urls import path, re_path

from indexapp.models.indexes import SITE_SEGMENTS
from indexapp.views.browse import clients, home, indexes, projects, rights, search

_RESERVED = "|".join(sorted(SITE_SEGMENTS))
_INDEX = rf"(?!(?:{_RESERVED})(?:/|\Z))(?P<index>[a-z0-9][a-z0-9-]{{0,63}})"

app_name = "browse"
urlpatterns = [
    path("", home.home, name="home"),
    path("search/", search.search, name="search"),
    path("help/clients/", clients.clients, name="clients"),
    path("help/rights/", rights.rights, name="rights"),
    path("project/<str:project>/", projects.default_project, name="default-project"),
    re_path(rf"^{_INDEX}/\Z", indexes.index, name="index"),
    re_path(rf"^{_INDEX}/project/(?P<project>[^/]+)/\Z", projects.project, name="project"),
    re_path(rf"^{_INDEX}/project/(?P<project>[^/]+)/(?P<version>[^/]+)/\Z", projects.project, name="release"),
    # The views answer an address without its last slash with a redirect; these stand last, so that names reverse to
    # the patterns above.
    re_path(rf"^{_INDEX}\Z", indexes.index),
    re_path(rf"^{_INDEX}/project/(?P<project>[^/]+)\Z", projects.project),
    re_path(rf"^{_INDEX}/project/(?P<project>[^/]+)/(?P<version>[^/]+)\Z", projects.project),
]
