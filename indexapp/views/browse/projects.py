"""The page of a project and of each of its releases."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts.domain.actors import Actor
from accounts.views.people import for_people, reader
from indexapp.domain.client_setup import install_lines
from indexapp.domain.names import normalize_name
from indexapp.models import Project
from indexapp.services.pages import access
from indexapp.services.pages.project import ProjectView, load
from indexapp.views.browse.addresses import addresses_of
from indexapp.views.methods import only_read


@only_read
@for_people
def project(request: HttpRequest, index: str, project: str, version: str | None = None) -> HttpResponse:
    """The latest release of a project, or the named one."""
    normalized = normalize_name(project)
    if project != normalized or not request.path.endswith("/"):
        arguments = [index, normalized] if version is None else [index, normalized, version]
        return HttpResponsePermanentRedirect(reverse("browse:release" if version else "browse:project", args=arguments))
    actor = reader(request)
    opened = access.open_project(actor, index, project)
    view = load(opened, actor, version=version, whole="all" in request.GET)
    context = _context(request, actor, index, view, version)
    return render(request, "browse/project.html", context)


def _context(request: HttpRequest, actor: Actor, index: str, view: ProjectView, version: str | None) -> dict[str, Any]:
    release = view.release
    is_quarantined = view.project.status == Project.Status.QUARANTINED
    is_installable = release is not None and not is_quarantined and not view.refusal
    pinned = release.version if release and (version is not None or release.is_prerelease or release.is_yanked) else ""
    addresses = addresses_of(request, index)
    return {
        "view": view,
        "project": view.project,
        "release": release,
        "index_name": index,
        "is_group": view.project.index.name != index,
        "is_asked_for": version is not None,
        "install": install_lines(addresses, view.project.name, pinned) if is_installable else [],
        "files_root": reverse("browse:index", args=[index]) + "files/",
        "shows_uploaders": not actor.is_anonymous,
        "whole": "all" in request.GET,
    }


@only_read
@for_people
def default_project(request: HttpRequest, project: str) -> HttpResponse:
    """``/project/<name>/`` as people know it: on to the default index."""
    name = access.default_index_name()
    if name is None:
        return HttpResponseRedirect(reverse("browse:home"))
    return HttpResponseRedirect(reverse("browse:project", args=[name, normalize_name(project)]))
