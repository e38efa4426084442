"""How a name in an address becomes a row: every view gets its rows here, already cleared for what it will do with them.

Who may do a thing to the whole index is told what does not exist there; everybody else is refused in one sentence, whether
or not it exists.
"""

from __future__ import annotations

from typing import NoReturn, TypeVar

from django.db.models import QuerySet

from accounts.domain.actors import Actor, Method
from accounts.domain.verbs import Verb
from accounts.permissions import require_operator
from indexapp import permissions
from indexapp.domain.names import normalize_name
from indexapp.domain.versions import canonical_version
from indexapp.models import File, Index, Project, Release
from indexapp.services.pages import access as pages
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.uploads import admission
from tpi_site.kit.errors import Forbidden, Invalid, NotFound

Row = TypeVar("Row", Release, File)


def index_to_read(actor: Actor, name: str) -> ServedIndex:
    """The index, if the actor may see anything in it."""
    return pages.open_index(actor, name)


def index_to_change(actor: Actor, name: str, verb: Verb = Verb.ADMINISTER) -> Index:
    """The index, if the actor holds ``verb`` on the whole of it."""
    found = Index.objects.filter(name=name).first()
    permissions.require(actor, verb, found or _absent(name))
    if found is None:
        raise NotFound(f"There is no index named '{name}'.", code="index-unknown")
    require_token_where_needed(actor, found)
    return found


def index_to_configure(actor: Actor, name: str) -> Index:
    """The index, if the actor may set anything of it; operators may set some of any."""
    if not actor.may_operate:
        return index_to_change(actor, name)
    found = Index.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no index named '{name}'.", code="index-unknown")
    require_token_where_needed(actor, found)
    return found


def index_to_publish_to(actor: Actor, name: str) -> Index:
    """The index, if the actor may bring anything in; the name of a new project decides about the rest."""
    found = Index.objects.filter(name=name).first()
    if found is None:
        permissions.require(actor, Verb.UPLOAD, _absent(name))
        raise NotFound(f"There is no index named '{name}'.", code="index-unknown")
    admission.require_may_try(actor, found)
    require_token_where_needed(actor, found)
    return found


def project_to_read(actor: Actor, index: str, name: str) -> Project:
    """The project that the index resolves the name to; in a group it may be a member's."""
    opened = pages.open_project(actor, index, name)
    found = Project.objects.select_related("index").filter(pk=opened.page.pk).first()
    if found is None:
        raise NotFound("It was deleted in the meantime.")
    return found


def project_to_change(actor: Actor, index: str, name: str, verb: Verb) -> Project:
    """The project of exactly this index, if the actor holds ``verb`` on it."""
    normalized = normalize_name(name)
    rows = Project.objects.permitting(actor, verb).select_related("index")
    found: Project | None = rows.filter(index__name=index, normalized_name=normalized).first()
    if found is None:
        _refuse(actor, verb, index, normalized)
    require_token_where_needed(actor, found.index)
    return found


def project_to_judge(actor: Actor, index: str, name: str) -> Project:
    """The project of exactly this index, for who may set its status; a security officer may set some of any project's."""
    if actor.may_administer_instance or not actor.may_secure:
        return project_to_change(actor, index, name, Verb.ADMINISTER)
    return project_to_change(actor, index, name, Verb.READ)


def project_to_account(actor: Actor, index: str, name: str) -> Project:
    """The project of exactly this index, for who runs the installation, who need not be able to read it."""
    require_operator(actor, "decide for which team a project counts")
    normalized = normalize_name(name)
    found = (
        Project.objects.select_related("index", "team").filter(index__name=index, normalized_name=normalized).first()
    )
    if found is None:
        raise NotFound(f"There is no project '{normalized}' in the index '{index}'.", code="project-unknown")
    require_token_where_needed(actor, found.index)
    return found


def _refuse(actor: Actor, verb: Verb, index: str, normalized: str) -> NoReturn:
    home = Index.objects.filter(name=index).first()
    permissions.require(actor, verb, home or _absent(index), name=normalized)
    if home is None:
        raise NotFound(f"There is no index named '{index}'.", code="index-unknown")
    raise NotFound(f"There is no project '{normalized}' in the index '{index}'.", code="project-unknown")


def _absent(name: str) -> Index:
    """Stands for an index that is not there, so that the refusal takes the same queries as that of one that is."""
    return Index(pk=0, name=name)


def release_to_read(actor: Actor, project: Project, version: str) -> Release:
    """A release of a project that the actor may read; any spelling of the version will do."""
    rows = Release.objects.visible_to(actor).select_related("project__index")
    return _one(rows.filter(project=project, canonical_version=_canonical(version)), project, version)


def release_to_change(actor: Actor, index: str, name: str, version: str, verb: Verb) -> Release:
    """A release on which the actor holds ``verb``."""
    project = project_to_change(actor, index, name, verb)
    rows = Release.objects.permitting(actor, verb).select_related("project__index")
    return _one(rows.filter(project=project, canonical_version=_canonical(version)), project, version)


def file_to_read(actor: Actor, project: Project, filename: str, version: str | None) -> File:
    """A file of a project that the actor may read, of that version where one is named."""
    return _one(_files(File.objects.visible_to(actor), project, filename, version), project, filename)


def file_to_change(actor: Actor, index: str, name: str, filename: str, version: str | None, verb: Verb) -> File:
    """A file on whose project the actor holds ``verb``."""
    project = project_to_change(actor, index, name, verb)
    return _one(_files(File.objects.permitting(actor, verb), project, filename, version), project, filename)


def _files(rows: QuerySet[File], project: Project, filename: str, version: str | None) -> QuerySet[File]:
    rows = rows.select_related("project__index", "index", "release").filter(project=project, filename=filename)
    return rows if version is None else rows.filter(release__canonical_version=_canonical(version))


def _canonical(version: str) -> str:
    """The canonical spelling; of what is no version, one that nothing has."""
    try:
        return canonical_version(version)
    except Invalid:
        return ""


def _one(rows: QuerySet[Row], project: Project, name: str) -> Row:
    found = rows.first()
    if found is None:
        raise none_of(project, name)
    return found


def none_of(project: Project, name: str) -> NotFound:
    """What is said of a release or file that there is not, or that the policy hides."""
    return NotFound(f"The project '{project.normalized_name}' has no '{name}'.", code="not-found")


def require_token_where_needed(actor: Actor, index: Index | ServedIndex) -> None:
    """Refuse a password where the index takes API tokens only; whatever reads or changes its content comes here."""
    if actor.method is Method.PASSWORD and not index.allow_passwords:
        raise Forbidden(f"The index '{index.name}' takes API tokens only; make one and use it.", code="token-needed")
