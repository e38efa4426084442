"""``manage.py lifecycle``: what the console and the REST API do to projects, releases and files, for scripts on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import Actor, internal
from indexapp.domain.versions import canonical_version, parse_version
from indexapp.models import File, Index, Project, Release
from indexapp.services import projects, releases
from tpi_site.kit.errors import NotFound, Refusal

Status = Project.Status
_STATUS = {
    "archive": Status.ARCHIVED,
    "deprecate": Status.DEPRECATED,
    "quarantine": Status.QUARANTINED,
    "clear": Status.ACTIVE,
}


class Command(BaseCommand):
    """Yank, unyank, delete, archive, deprecate, quarantine or clear."""

    help = "Change the state of a project, of one release (--version) or of one file (--file)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["yank", "unyank", "delete", *_STATUS])
        parser.add_argument("index")
        parser.add_argument("project")
        target = parser.add_mutually_exclusive_group()
        target.add_argument("--version", dest="release", help="act on this release")
        target.add_argument("--file", help="act on this file")
        parser.add_argument("--reason", default="", help="shown to users and kept in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            project = _project(options["index"], options["project"])
            _act(internal("manage.py"), project, options)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write("Done.")


def _project(index_name: str, name: str) -> Project:
    index = Index.objects.filter(name=index_name).first()
    project = projects.find(index, name) if index else None
    if project is None:
        raise NotFound(f"There is no project '{name}' in an index '{index_name}'.")
    return project


def _act(actor: Actor, project: Project, options: dict[str, Any]) -> None:
    action, reason = options["action"], options["reason"]
    if action in _STATUS:
        if options["release"] or options["file"]:
            raise CommandError(f"'{action}' acts on a project; leave --version and --file out.")
        projects.set_status(actor=actor, project=project, status=_STATUS[action], reason=reason)
    elif options["release"]:
        _on_release(actor, project, options["release"], action, reason)
    elif options["file"]:
        _on_file(actor, project, options["file"], action, reason)
    elif action == "delete":
        projects.delete(actor=actor, project=project)
    else:
        raise CommandError(f"'{action}' acts on a release or a file; name it with --version or --file.")


def _on_release(actor: Actor, project: Project, version: str, action: str, reason: str) -> None:
    canonical = canonical_version(parse_version(version))
    release = Release.objects.filter(project=project, canonical_version=canonical).first()
    if release is None:
        raise NotFound(f"'{project.name}' has no release {version}.")
    calls: dict[str, Callable[[], object]] = {
        "yank": lambda: releases.yank(actor=actor, release=release, reason=reason),
        "unyank": lambda: releases.unyank(actor=actor, release=release),
        "delete": lambda: releases.delete(actor=actor, release=release),
    }
    calls[action]()


def _on_file(actor: Actor, project: Project, filename: str, action: str, reason: str) -> None:
    file = File.objects.filter(project=project, filename=filename).first()
    if file is None:
        raise NotFound(f"'{project.name}' has no file {filename}.")
    calls: dict[str, Callable[[], object]] = {
        "yank": lambda: releases.yank_file(actor=actor, file=file, reason=reason),
        "unyank": lambda: releases.unyank_file(actor=actor, file=file),
        "delete": lambda: releases.delete_file(actor=actor, file=file),
    }
    calls[action]()
