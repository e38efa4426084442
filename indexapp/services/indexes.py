"""Indexes: creating, changing, deleting, and the composition of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.services import audit, generations, nodes
from indexapp import permissions
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Change, GroupMember, Index, Quota
from indexapp.services import changes, composing
from indexapp.services.mirrors import emptying
from indexapp.services.mirrors import settings as upstreams
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, NotFound

EDITABLE = frozenset(
    {
        "title",
        "anonymous_read",
        "allow_passwords",
        "project_creation",
        "profile",
        "max_file_size",
        "max_project_size",
        "closing_window_days",
        "allowed_platforms",
    }
)
OPERATED = EDITABLE - {"anonymous_read", "allow_passwords", "project_creation"}
"""What an operator may set: all that gives nobody a right."""
_NAME_IT = " A mirror that is in no group goes with what it holds when its name is given to confirm it."
_MAX_PLATFORMS = 200
_MAX_WINDOW = 36_500  # days; a hundred years is for ever, and dates have an end


def create(*, actor: Actor, name: str, kind: str = Index.Kind.HOSTED, **values: Any) -> Index:
    """Make an index; ``values`` are fields of it, ``members`` the names of a group's members in order."""
    if not actor.may_administer_instance:
        raise Forbidden("Only an administrator of the instance may create indexes.", code="administrator-needed")
    members, upstream = values.pop("members", ()), values.pop("upstream", None)
    is_default = values.pop("is_default", False)
    values.setdefault("anonymous_read", settings.TPI_ANONYMOUS_READ)
    _require_editable(values)
    index = Index(name=name, kind=kind, is_default=is_default, **values)
    _check(index)
    if kind == Index.Kind.MIRROR:
        nodes.require_all_know("indexapp", "0013_mirrors")
    with transaction.atomic():
        if Index.objects.filter(name=name).exists():
            raise Conflict(f"There is an index named '{name}' already.", code="index-exists")
        _require_never_published(name)
        if is_default:
            Index.objects.filter(is_default=True).update(is_default=False)
        index.save()
        told = _make_upstream(index, upstream)
        Quota.objects.create(index=index)
        _set_members(index, members)
        audit.record(
            actor=actor, action="index.create", subject=index, kind=kind, members=list(members), **values, **told
        )
        generations.bump_access()
        changes.record(actor=actor, kind=ChangeKind.INDEX_CREATED, index=index)
    return index


def _make_upstream(index: Index, values: dict[str, Any] | None) -> dict[str, Any]:
    """A mirror's settings, as the audit log may hold them; nothing for other indexes, which have none."""
    if index.kind == Index.Kind.MIRROR:
        return {"upstream": upstreams.described(upstreams.make(index, values or {}))}
    if values:
        raise Invalid(f"A {index.kind} index has no upstream; make one of the kind mirror.", code="index-not-mirror")
    return {}


def change(*, actor: Actor, index: Index, **values: Any) -> Index:
    """Change some of :data:`EDITABLE`, or the ``members`` of a group; operators some of :data:`OPERATED`."""
    if not (actor.may_operate and values.keys() <= OPERATED):
        permissions.require(actor, Verb.ADMINISTER, index)
    members = values.pop("members", None)
    _require_editable(values)
    if values.get("anonymous_read") and not index.anonymous_read and not actor.may_administer_instance:
        raise Forbidden(
            "Only an administrator of the instance may open an index to everybody.", code="opening-an-index"
        )
    before = {name: getattr(index, name) for name in values}
    for name, value in values.items():
        setattr(index, name, value)
    _check(index)
    with transaction.atomic():
        if values:
            index.save(update_fields=list(values))
        if members is not None:
            composing.require_may_compose(actor, index, members)
            before["members"] = member_names(index)
            _set_members(index, members)
            values["members"] = list(members)
        audit.record(actor=actor, action="index.change", subject=index, before=before, after=values)
        generations.bump_access()
        changes.record(actor=actor, kind=ChangeKind.INDEX_CHANGED, index=index, fields=sorted(values))
    return index


def make_default(*, actor: Actor, index: Index) -> None:
    """Serve ``index`` at ``/simple/`` and ``/legacy/``."""
    if not actor.may_administer_instance:
        raise Forbidden(
            "Only an administrator of the instance may choose the default index.", code="administrator-needed"
        )
    with transaction.atomic():
        Index.objects.filter(is_default=True).update(is_default=False)
        if not Index.objects.filter(pk=index.pk).update(is_default=True):
            raise NotFound("The index was deleted in the meantime.")
        index.is_default = True
        audit.record(actor=actor, action="index.make-default", subject=index)
        generations.bump_access()
        changes.record(actor=actor, kind=ChangeKind.INDEX_CHANGED, index=index, fields=["is_default"])


def delete(*, actor: Actor, index: Index, typed: str = "") -> None:
    """Remove an empty index; one that holds projects or stands in a group is refused, so that nothing goes by mistake.

    A mirror may go with all that it holds, which its upstream has too, when its name is ``typed``.
    """
    if not actor.may_administer_instance:
        raise Forbidden("Only an administrator of the instance may delete indexes.", code="administrator-needed")
    if index.is_default:
        raise Conflict("The default index cannot be deleted; make another one the default first.", code="index-default")
    if index.kind == Index.Kind.MIRROR and typed == index.name and not index.member_of.exists():
        emptying.empty(actor, index)
    with transaction.atomic():
        audit.record(actor=actor, action="index.delete", subject=index)
        ghost = Index(pk=index.pk, name=index.name, kind=index.kind)
        try:
            index.delete()
        except ProtectedError:
            raise Conflict(_why_in_use(ghost), code="index-in-use") from None
        generations.bump_access()
        changes.record(actor=actor, kind=ChangeKind.INDEX_DELETED, index=ghost)


def _why_in_use(index: Index) -> str:
    groups = ", ".join(
        f"'{name}'" for name in index.member_of.order_by("group__name").values_list("group__name", flat=True)
    )
    if groups:
        return f"The index '{index.name}' is a member of {groups}; take it out there first."
    held = "still holds projects" if index.projects.exists() else "has something in its trash"
    return f"The index '{index.name}' {held}; empty it first." + (_NAME_IT if index.kind == Index.Kind.MIRROR else "")


def member_names(index: Index) -> list[str]:
    """The names of a group's members, in order."""
    return list(GroupMember.objects.filter(group=index).order_by("position").values_list("member__name", flat=True))


def _require_never_published(name: str) -> None:
    """A file's address is never given to other bytes, and installers know an index by nothing but its name."""
    if Change.objects.filter(index_name=name, kind=ChangeKind.FILE_ADDED.value).exists():
        raise Conflict(
            f"An index named '{name}' was deleted after files were published to it; choose another name, so that no "
            "installer takes the new one for the old.",
            code="index-name-retired",
        )


def _set_members(index: Index, names: Sequence[str]) -> None:
    if not names and not GroupMember.objects.filter(group=index).exists():
        return
    if index.kind != Index.Kind.GROUP:
        raise Invalid("Only a group index has members.", code="index-not-group")
    found = {row.name: row for row in Index.objects.filter(name__in=names)}
    for name in names:
        if name not in found:
            raise Invalid(f"There is no index named '{name}' to be a member.", code="index-unknown")
        if found[name].pk == index.pk or index.pk in _below(found[name]):
            raise Invalid(f"'{name}' contains this group itself; a group cannot be inside itself.", code="group-circle")
    if len(set(names)) != len(names):
        raise Invalid("A member is named twice; name each once.", code="group-member-twice")
    GroupMember.objects.filter(group=index).delete()
    GroupMember.objects.bulk_create(
        [GroupMember(group=index, member=found[name], position=place) for place, name in enumerate(names)]
    )


def _below(index: Index) -> set[int]:
    """The ids of everything that is a member of ``index``, at any depth."""
    found: set[int] = set()
    level = {index.pk}
    while level:
        found |= level
        level = set(GroupMember.objects.filter(group__in=level).values_list("member_id", flat=True)) - found
    return found


def _require_editable(values: dict[str, Any]) -> None:
    if unknown := set(values) - EDITABLE:
        raise Invalid(f"These fields of an index cannot be set: {', '.join(sorted(unknown))}.", code="field-fixed")


def _check(index: Index) -> None:
    try:
        fixed = ["name"] if index.pk else None  # an older one may have a name that has become an address of the site
        index.full_clean(exclude=fixed, validate_unique=False, validate_constraints=False)
        _check_platforms(index.allowed_platforms)
    except ValidationError as error:
        fields = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        problems = "; ".join(f"{field}: {' '.join(messages)}" for field, messages in fields.items())
        raise Invalid(problems, code="index-invalid") from None
    for name in ("max_file_size", "max_project_size"):
        if (value := getattr(index, name)) is not None and value <= 0:
            raise Invalid(f"{name}: Give a number of bytes above zero, or nothing.", code="index-invalid")
    if (index.closing_window_days or 0) > _MAX_WINDOW:
        raise Invalid(f"closing_window_days: Give at most {_MAX_WINDOW} days, or nothing.", code="index-invalid")


def _check_platforms(patterns: object) -> None:
    sound = isinstance(patterns, list) and len(patterns) <= _MAX_PLATFORMS
    if not sound or not all(isinstance(pattern, str) and 0 < len(pattern) <= 100 for pattern in patterns):  # type: ignore[attr-defined]  # noqa: PLR2004
        raise Invalid(
            "allowed_platforms: Give a list of platform tag patterns, such as manylinux*.", code="index-invalid"
        )
