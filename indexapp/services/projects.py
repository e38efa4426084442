"""Projects: creating, changing their status, deleting."""

from __future__ import annotations

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.verbs import ALL_VERBS, Verb, to_mask
from accounts.models import Membership
from accounts.services import audit, generations
from indexapp import permissions
from indexapp.domain import names
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import File, Index, Project, ReservedPrefix, RetiredFilename, Role
from indexapp.services import blobs, changes, search
from tpi_site.kit import locking
from tpi_site.kit.errors import Forbidden, Invalid

Status = Project.Status


def find(index: Index, name: str) -> Project | None:
    """The project of ``index`` whose name normalises like ``name``."""
    return Project.objects.filter(index=index, normalized_name=names.normalize_name(name)).first()


def require_may_create(actor: Actor, index: Index, name: str) -> None:
    """Refuse unless the index lets ``actor`` bring the new ``name`` in."""
    policy = index.project_creation
    normalized = names.normalize_name(name)
    if policy == Index.ProjectCreation.MEMBERS and actor.user_id is not None:
        if Verb.UPLOAD in actor.narrow(ALL_VERBS, index.name, normalized):
            return
    elif policy == Index.ProjectCreation.UPLOADERS and Verb.UPLOAD in permissions.verbs_on(
        actor, index, name=normalized
    ):
        return
    needed = Verb.ADMINISTER if policy == Index.ProjectCreation.ADMINISTRATORS else Verb.UPLOAD
    permissions.require(actor, needed, index, name=normalized)


def check_new_name(actor: Actor, index: Index, name: str) -> None:
    """Refuse a name that a new project may not have, naming the rule."""
    names.require_valid_name(name)
    if names.is_standard_library_name(name):
        raise Invalid(
            f"The name '{name}' is that of a module of the standard library (rule: standard-library names); "
            "choose another name.",
            code="name-standard-library",
        )
    _check_not_confusable(index, name)
    _check_prefix(actor, index, name)


def _check_not_confusable(index: Index, name: str) -> None:
    twin = Project.objects.filter(index=index, confusable_key=names.confusable_key(name)).first()
    if twin is not None and twin.normalized_name != names.normalize_name(name):
        raise Invalid(
            f"The name '{name}' is too similar to a project that the index has already (rule: confusable names); "
            "choose another name.",
            code="name-confusable",
        )


def _check_prefix(actor: Actor, index: Index, name: str) -> None:
    reserved = ReservedPrefix.objects.filter(index=None) | ReservedPrefix.objects.filter(index=index)
    for row in reserved.select_related("team"):
        if not names.matches_prefix(name, row.prefix):
            continue
        member = Membership.objects.filter(team=row.team, user_id=actor.user_id).exists() if actor.user_id else False
        if not member and not actor.may_administer_instance:
            raise Invalid(
                f"Names that begin with '{row.prefix}' are reserved for another team (rule: reserved prefixes); "
                "choose another name or ask to join it.",
                code="name-reserved",
            )


def create(*, actor: Actor, index: Index, name: str) -> Project:
    """Make an empty project; the uploader's way is :mod:`indexapp.services.uploads`."""
    require_hosted(index)
    require_may_create(actor, index, name)
    with transaction.atomic():
        project, created = get_or_create(actor=actor, index=index, name=name)
        if not created:
            raise Invalid(f"The index '{index.name}' has a project '{project.name}' already.", code="project-exists")
        audit.record(actor=actor, action="project.create", subject=project, index=index.name)
        changes.record(actor=actor, kind=ChangeKind.PROJECT_CREATED, index=index, project=project)
    return project


def require_hosted(index: Index) -> None:
    """Refuse to publish anywhere but to a hosted index."""
    if index.kind != Index.Kind.HOSTED:
        raise Invalid(
            f"'{index.name}' is a {index.kind} index and takes no uploads; publish to a hosted index.",
            code="index-not-hosted",
        )


def get_or_create(*, actor: Actor, index: Index, name: str) -> tuple[Project, bool]:
    """The project, locked for this transaction, and whether it is new; the caller records the change.

    A creator who does not administer the index receives all verbs on the new project.
    """
    project = find(index, name)
    if project is None:
        locking.hold(f"names:{index.pk}")
        project = find(index, name)
    if project is not None:
        return Project.objects.select_for_update().get(pk=project.pk), False
    check_new_name(actor, index, name)
    project = Project.objects.create(
        index=index,
        name=name,
        normalized_name=names.normalize_name(name),
        confusable_key=names.confusable_key(name),
    )
    _own(actor, project)
    search.put(project)
    return project, True


def _own(actor: Actor, project: Project) -> None:
    if actor.user_id is None or actor.is_superuser:
        return
    Role.objects.create(index=project.index, project=project, user_id=actor.user_id, verbs=to_mask(ALL_VERBS))
    generations.bump_access()


_TRANSITIONS: dict[str, tuple[str, Verb]] = {
    Status.ACTIVE: ("project.clear", Verb.ADMINISTER),
    Status.ARCHIVED: ("project.archive", Verb.ADMINISTER),
    Status.DEPRECATED: ("project.deprecate", Verb.ADMINISTER),
    Status.QUARANTINED: ("project.quarantine", Verb.ADMINISTER),
}


def set_status(*, actor: Actor, project: Project, status: str, reason: str = "") -> Project:
    """Archive, deprecate, quarantine or (with ``active``) clear a project; PEP 792.

    Quarantine is lifted only by who administers the whole index, so that a project's own admin cannot undo it.
    """
    action, verb = _TRANSITIONS[status]
    permissions.require(actor, verb, project.index, project)
    quarantine = Status.QUARANTINED in (status, project.status)
    if quarantine and Verb.ADMINISTER not in permissions.verbs_on(actor, project.index):
        raise Forbidden("Only who administers the whole index may quarantine or clear.", code="index-admin-needed")
    with transaction.atomic():
        project = Project.objects.select_for_update().select_related("index").get(pk=project.pk)
        before = project.status
        project.status, project.status_reason = status, reason.strip()
        project.save(update_fields=["status", "status_reason"])
        audit.record(actor=actor, action=action, subject=project, before=before, reason=reason)
        changes.record(
            actor=actor,
            kind=ChangeKind.PROJECT_STATUS,
            index=project.index,
            project=project,
            status=status,
            reason=project.status_reason,
        )
    return project


def delete(*, actor: Actor, project: Project) -> None:
    """Delete a project with all its files; their names stay refused."""
    index = project.index
    permissions.require(actor, Verb.DELETE, index, project)
    with transaction.atomic():
        files = list(File.objects.filter(project=project).values_list("filename", flat=True))
        candidates = blobs.of_files(File.objects.filter(project=project))
        RetiredFilename.objects.bulk_create(
            [RetiredFilename(index=index, filename=name) for name in files], ignore_conflicts=True
        )
        audit.record(actor=actor, action="project.delete", subject=project, index=index.name, files=len(files))
        search.remove(project)
        name = project.normalized_name
        Role.objects.filter(project=project).delete()
        project.delete()
        blobs.release(candidates)
        generations.bump_access()
        ghost = Project(index=index, normalized_name=name)
        changes.record(actor=actor, kind=ChangeKind.PROJECT_DELETED, index=index, project=ghost, files=len(files))
