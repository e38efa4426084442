"""The REST addresses of what is published, below ``/api/v1/``."""

from __future__ import annotations

from django.urls import URLPattern, path

from indexapp.api.v1.changes import ChangeViewSet
from indexapp.api.v1.files import FileViewSet
from indexapp.api.v1.indexes import IndexViewSet
from indexapp.api.v1.prefixes import PrefixViewSet
from indexapp.api.v1.projects import ProjectViewSet
from indexapp.api.v1.releases import ReleaseViewSet
from indexapp.api.v1.roles import RoleViewSet

_LIST = {"get": "list"}
_ROWS = {"get": "list", "post": "create"}
_ROW = {"get": "retrieve", "delete": "destroy"}
_INDEX = "indexes/<str:index>/"
_PROJECT = f"{_INDEX}projects/<str:project>/"
_RELEASE = f"{_PROJECT}releases/<str:version>/"


def _files(below: str, name: str) -> list[URLPattern]:
    """The addresses of files, which stand below a project and below a release."""
    file = f"{below}files/<str:filename>/"
    return [
        path(f"{below}files/", FileViewSet.as_view(_LIST), name=f"{name}-files"),
        path(file, FileViewSet.as_view(_ROW), name=f"{name}-file"),
        path(f"{file}yank/", FileViewSet.as_view({"post": "yank"}), name=f"{name}-file-yank"),
        path(f"{file}unyank/", FileViewSet.as_view({"post": "unyank"}), name=f"{name}-file-unyank"),
    ]


urlpatterns = [
    path("indexes/", IndexViewSet.as_view(_ROWS), name="indexes"),
    path(_INDEX, IndexViewSet.as_view({**_ROW, "patch": "partial_update"}), name="index"),
    path(f"{_INDEX}make-default/", IndexViewSet.as_view({"post": "make_default"}), name="index-make-default"),
    path(f"{_INDEX}projects/", ProjectViewSet.as_view(_ROWS), name="projects"),
    path(_PROJECT, ProjectViewSet.as_view(_ROW), name="project"),
    *(
        path(f"{_PROJECT}{action}/", ProjectViewSet.as_view({"post": action}), name=f"project-{action}")
        for action in ("archive", "deprecate", "quarantine", "clear")
    ),
    path(f"{_PROJECT}releases/", ReleaseViewSet.as_view(_LIST), name="releases"),
    path(_RELEASE, ReleaseViewSet.as_view(_ROW), name="release"),
    *(
        path(f"{_RELEASE}{action}/", ReleaseViewSet.as_view({"post": action}), name=f"release-{action}")
        for action in ("yank", "unyank")
    ),
    *_files(_PROJECT, "project"),
    *_files(_RELEASE, "release"),
    path("roles/", RoleViewSet.as_view(_ROWS), name="roles"),
    path("roles/<int:id>/", RoleViewSet.as_view(_ROW), name="role"),
    path("prefixes/", PrefixViewSet.as_view(_ROWS), name="prefixes"),
    path("prefixes/<int:id>/", PrefixViewSet.as_view(_ROW), name="prefix"),
    path("changes/", ChangeViewSet.as_view(_LIST), name="changes"),
]
