"""Appending to the change log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts.domain.actors import Actor
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Change, Index, Project
from indexapp.services.serving import index_map
from tpi_site.kit import locking, read_only
from tpi_site.kit.inserting import insert


def record(
    *,
    actor: Actor,
    kind: ChangeKind,
    index: Index,
    project: Project | None = None,
    version: str = "",
    filename: str = "",
    saving: Iterable[str] = (),
    **detail: Any,
) -> int:
    """Append one change and return its serial; it must be the last thing that its transaction does.

    ``saving`` names attributes of ``project`` that are written together with its serial.

    The lock makes serials follow the order of commits (a sequence alone does not), so that a reader with a cursor
    never passes over a change that commits late.  Under the same lock it is seen whether another site took over meanwhile
    (ReadOnly): who sets the fence holds it.
    """
    locking.hold("changes")
    read_only.require_unfenced()
    change = Change(
        kind=kind.value,
        index_id=index.pk,
        index_name=index.name,
        project=project.normalized_name if project else "",
        version=version,
        filename=filename,
        actor_name=actor.display_name,
        detail=detail,
    )
    insert(change)
    if project is not None and kind is not ChangeKind.PROJECT_DELETED:
        project.last_serial = change.serial
        values = {name: getattr(project, name) for name in ("last_serial", *saving)}
        Project.objects.filter(pk=project.pk).update(**values)
    elif project is not None:
        _pass_on(index, project.normalized_name, change.serial)
    return change.serial


def _pass_on(index: Index, name: str, serial: int) -> None:
    """Give the serial to the projects of this name beside a deleted one.

    A group may show one of them from now on, whose own serial is lower than what mirrors of the group have seen.
    """
    indexes = index_map.load(-1).by_pk.values()  # unremembered: what this transaction has done may yet be undone
    groups = [group.members for group in indexes if group.is_group]
    beside = {one.pk for members in groups if index.pk in {member.pk for member in members} for one in members}
    if beside:
        Project.objects.filter(index_id__in=beside, normalized_name=name).update(last_serial=serial)
