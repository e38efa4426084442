"""Who may put which members into a group.

What stands in one group with a mirror is what the mirror keeps out of (:mod:`.serving.ownership`), so taking either out
would let an upstream have the names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Exists, OuterRef

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from indexapp import permissions
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Change, GroupMember, Index, Project, ReservedPrefix
from tpi_site.kit.errors import Forbidden

Pairs = set[tuple[int, int]]


def require_may_compose(actor: Actor, group: Index, names: Sequence[str]) -> None:
    """A group shows its members' content under its own rules, so who composes it administers what comes and what goes.

    Only security officers part what has names of ours from a mirror, or give a group a mirror that it had not.
    """
    members = list(Index.objects.filter(name__in=list(names)))
    leaving = Index.objects.filter(member_of__group=group).exclude(pk__in=[row.pk for row in members])
    for index in (*members, *leaving):
        permissions.require(actor, Verb.ADMINISTER, index)
    if actor.may_secure:
        return
    kinds = dict(Index.objects.order_by().values_list("pk", "kind"))
    before: dict[int, list[int]] = {}
    for group_id, member_id in GroupMember.objects.order_by().values_list("group_id", "member_id"):
        before.setdefault(group_id, []).append(member_id)
    stood, given = _pairs(before, kinds)
    stand, gives = _pairs({**before, group.pk: [row.pk for row in members]}, kinds)
    if gives - given:
        raise Forbidden(
            "Only a security officer or an administrator of the instance puts a mirror into a group: whatever its upstream "
            "has reaches everybody who installs from there.",
            code="security-officer-needed",
        )
    if parted := _with_names({index for index, _ in (stood | given) - (stand | gives)}):
        raise Forbidden(
            f"This parts '{parted}' from a mirror, whose upstream would then be asked for its names and have them served; only "
            "a security officer or an administrator of the instance may do that.",
            code="security-officer-needed",
        )


def _pairs(members: dict[int, list[int]], kinds: dict[int, str]) -> tuple[Pairs, Pairs]:
    """Hosted indexes with the mirrors that they stand beside, and groups with the mirrors that are in them, at any depth."""
    beside: Pairs = set()
    within: Pairs = set()
    for group in members:
        found = _below(group, members)
        mirrors = [pk for pk in found if kinds.get(pk) == Index.Kind.MIRROR]
        within.update((group, mirror) for mirror in mirrors)
        beside.update((pk, mirror) for pk in found if kinds.get(pk) == Index.Kind.HOSTED for mirror in mirrors)
    return beside, within


def _below(group: int, members: dict[int, list[int]]) -> set[int]:
    found: set[int] = set()
    level = {group}
    while level:
        found |= level
        level = {pk for above in level for pk in members.get(above, ())} - found
    return found


def _with_names(indexes: Iterable[int]) -> str:
    """The first of these that has, or ever had, names to keep from upstreams; empty if none has."""
    rows = Index.objects.filter(pk__in=list(indexes)).order_by("name")
    for mark in (
        Project.objects.filter(index=OuterRef("pk")),
        ReservedPrefix.objects.filter(index=OuterRef("pk")),
        Change.objects.filter(index_name=OuterRef("name"), kind=ChangeKind.FILE_ADDED.value),
    ):
        if found := rows.filter(Exists(mark)).first():
            return found.name
    return ""
