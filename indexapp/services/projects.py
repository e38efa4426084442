"""Projects: creating, changing their status, deleting."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from accounts.domain.actors import Actor
from accounts.domain.verbs import ALL_VERBS, Verb, to_mask
from accounts.permissions import is_in_team
from accounts.services import audit, generations
from indexapp import permissions
from indexapp.domain import names
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.reasons import clean_reason
from indexapp.models import File, Index, MirroredProject, Project, ReservedPrefix, RetiredFilename, Role
from indexapp.services import changes, public_names, quotas, search
from indexapp.services.trash import taking
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, NotFound

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
    taking.require_name_free(index, name)
    _check_prefix(actor, index, name)
    public_names.require_may_take(actor, index, names.normalize_name(name))


def _check_not_confusable(index: Index, name: str) -> None:
    twin = Project.objects.filter(index=index, confusable_key=names.confusable_key(name)).first()
    if twin is not None and twin.normalized_name != names.normalize_name(name):
        raise Invalid(
            f"The name '{name}' is too similar to a project that the index has already (rule: confusable names); "
            "choose another name.",
            code="name-confusable",
        )


def _check_prefix(actor: Actor, index: Index, name: str) -> None:
    """Hold ``name`` against the reserved prefixes: of those that cover it the longest decides, the index's own first."""
    reserved = ReservedPrefix.objects.filter(Q(index=None) | Q(index=index))
    covering = [row for row in reserved if names.matches_prefix(name, row.prefix)]
    if not covering or actor.may_administer_instance:
        return
    row = max(covering, key=lambda row: (len(row.prefix), row.index_id is not None))
    if not is_in_team(actor, row.team_id):
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
            raise Conflict(f"The index '{index.name}' has a project '{project.name}' already.", code="project-exists")
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


def require_ours(index: Index) -> None:
    """Refuse to change what a mirror has from its upstream; the next page would undo it."""
    if index.kind == Index.Kind.MIRROR:
        raise Conflict(
            f"'{index.name}' is a mirror: what it has of a project is its upstream's to change. Quarantine the project to hold "
            "it back.",
            code="project-mirrored",
        )


def get_or_create(*, actor: Actor, index: Index, name: str) -> tuple[Project, bool]:
    """The project, locked for this transaction, and whether it is new; the caller records the change.

    A creator who does not administer the index receives all verbs on the new project; who could make it by a team's right
    alone holds them as long as they are in the team, for whose quota the project counts.
    """
    project = _find_locked(index, name)
    if project is None:
        locking.hold(f"names:{index.pk}")
        project = _find_locked(index, name)
    if project is not None:
        return project, False
    check_new_name(actor, index, name)
    team_id = _team_behind(actor.within(None), index)
    project = Project.objects.create(
        index=index,
        team_id=team_id,
        name=name,
        normalized_name=names.normalize_name(name),
        confusable_key=names.confusable_key(name),
    )
    _own(actor, project, team_id)
    search.put(project)
    return project, True


def _find_locked(index: Index, name: str) -> Project | None:
    """As :func:`find`, locked; one that is deleted while we wait for the lock is none."""
    found = Project.objects.select_for_update().filter(index=index, normalized_name=names.normalize_name(name))
    return next(iter(found.order_by()), None)


def lock(project: Project) -> Project:
    """The project's row, locked before all else so that writers wait for each other in one order."""
    found = Project.objects.select_for_update().filter(pk=project.pk).first()
    if found is None:
        raise NotFound("It was deleted in the meantime; reload the page.")
    found.index = project.index
    return found


def require_not_frozen(actor: Actor, project: Project) -> None:
    """Refuse changes of a quarantined project by its own people, whose accounts may be what went wrong."""
    if project.status == Status.QUARANTINED and Verb.ADMINISTER not in permissions.verbs_on(actor, project.index):
        raise Forbidden(
            f"The project '{project.name}' is quarantined; only who administers the whole index may change it.",
            code="project-quarantined",
        )


def _own(actor: Actor, project: Project, through_id: int | None) -> None:
    owner = actor.within(None)
    if actor.user_id is None or Verb.ADMINISTER in permissions.verbs_on(owner, project.index):
        return
    Role.objects.create(
        index=project.index,
        project=project,
        user_id=actor.user_id,
        through_id=through_id,
        verbs=to_mask(ALL_VERBS),
    )
    generations.bump_access()


def _team_behind(actor: Actor, index: Index) -> int | None:
    """The team by whose right alone the actor uploads to the index: what they make there ends with their place in it."""
    if actor.user_id is None or Verb.UPLOAD in actor.verbs_everywhere:
        return None
    held = Role.objects.held_by(actor, index_id=index.pk, project=None).annotate_verb(Verb.UPLOAD).order_by("pk")
    teams = list(held.values_list("team_id", flat=True))
    return None if not teams or None in teams else teams[0]


_ACTIONS: dict[str, str] = {
    Status.ACTIVE: "project.clear",
    Status.ARCHIVED: "project.archive",
    Status.DEPRECATED: "project.deprecate",
    Status.QUARANTINED: "project.quarantine",
}


def set_status(*, actor: Actor, project: Project, status: str, reason: str = "") -> Project:
    """Archive, deprecate, quarantine or (with ``active``) clear a project; PEP 792.

    Quarantine is set and lifted only by who administers the whole index, so that a project's own admin cannot undo it,
    and by security officers, who set nothing else.
    """
    index = project.index
    _require_may_set(actor, project, status)
    if status not in _ACTIONS:
        raise Invalid(f"'{status}' is not a status; use one of {', '.join(_ACTIONS)}.", code="status-unknown")
    reason = clean_reason(reason)
    if status in (Status.ARCHIVED, Status.DEPRECATED):
        require_ours(index)
    with transaction.atomic():
        seen, project = project.status, lock(project)
        before = project.status
        if before != seen:
            _require_may_set(actor, project, status)
        project.status, project.status_reason = status, reason
        project.save(update_fields=["status", "status_reason"])
        _hold(index, project)
        audit.record(actor=actor, action=_ACTIONS[status], subject=project, before=before, reason=reason)
        kind = ChangeKind.PROJECT_STATUS
        changes.record(actor=actor, kind=kind, index=index, project=project, status=status, reason=reason)
    return project


def _hold(index: Index, project: Project) -> None:
    """In a mirror what is set here stands above what the upstream says, which is asked for anew when it ends."""
    if index.kind == Index.Kind.MIRROR:
        is_held = project.status == Status.QUARANTINED
        MirroredProject.objects.filter(project=project).update(is_held=is_held, etag="", last_modified="")


def _require_may_set(actor: Actor, project: Project, status: str) -> None:
    quarantine = Status.QUARANTINED in (status, project.status)
    if quarantine and status in (Status.QUARANTINED, Status.ACTIVE) and actor.may_secure:
        return
    permissions.require(actor, Verb.ADMINISTER, project.index, project)
    if quarantine and Verb.ADMINISTER not in permissions.verbs_on(actor, project.index):
        raise Forbidden("Only who administers the whole index may quarantine or clear.", code="index-admin-needed")


def delete(*, actor: Actor, project: Project) -> None:
    """Delete a project with all its files, into the trash where there is one; their names stay refused."""
    index = project.index
    permissions.require(actor, Verb.DELETE, index, project)
    require_ours(index)
    with transaction.atomic():
        project = lock(project)
        require_not_frozen(actor, project)
        files = list(File.objects.filter(project=project).values_list("filename", flat=True))
        RetiredFilename.objects.bulk_create(
            [RetiredFilename(index=index, filename=name) for name in files], ignore_conflicts=True
        )
        audit.record(actor=actor, action="project.delete", subject=project, index=index.name, files=len(files))
        search.remove(project)
        if taking.is_on():
            taking.take_project(actor, project)
        else:
            quotas.charge(index_id=index.pk, team_id=project.team_id, size=-project.total_size)
        ghost = Project(index=index, normalized_name=project.normalized_name)
        project.delete()
        generations.bump_access()
        changes.record(actor=actor, kind=ChangeKind.PROJECT_DELETED, index=index, project=ghost, files=len(files))
