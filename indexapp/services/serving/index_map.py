"""All indexes with what reading needs to know of them, remembered per access generation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from indexapp.models import GroupMember, Index
from indexapp.services.serving.watermarks import Watermark


@dataclass(frozen=True, slots=True)
class ServedIndex:
    """An index as readers see it; ``members`` are the hosted indexes in which its names are looked up, in order."""

    pk: int
    name: str
    kind: str
    anonymous_read: bool
    allow_passwords: bool
    members: tuple[ServedIndex, ...] = field(default=(), compare=False)

    @property
    def is_group(self) -> bool:
        """Whether the index resolves through members."""
        return self.kind == Index.Kind.GROUP


class IndexMap(NamedTuple):
    """The indexes by name and by id, and the default one."""

    access: int
    by_name: dict[str, ServedIndex]
    by_pk: dict[int, ServedIndex]
    default: ServedIndex | None
    rows: dict[int, Index]
    """The rows themselves, for uploads; many requests share them, so nobody may change one."""


_NOTHING = IndexMap(-1, {}, {}, None, {})
_remembered = _NOTHING


def read(watermark: Watermark) -> IndexMap:
    """The indexes at this watermark; two queries after a change of access or settings, none otherwise."""
    global _remembered  # noqa: PLW0603  one value per process, replaced as a whole
    remembered = _remembered
    if remembered.access != watermark.access:
        remembered = _remembered = load(watermark.access)
    return remembered


def load(access: int) -> IndexMap:
    """Read all indexes and group memberships from the database."""
    rows = list(Index.objects.all())
    leaves = {row.pk: ServedIndex(row.pk, row.name, row.kind, row.anonymous_read, row.allow_passwords) for row in rows}
    members: dict[int, list[int]] = {}
    for group_id, member_id in GroupMember.objects.order_by("group", "position").values_list("group_id", "member_id"):
        members.setdefault(group_id, []).append(member_id)
    by_pk = {pk: _with_members(leaf, leaves, members) for pk, leaf in leaves.items()}
    default = next((by_pk[row.pk] for row in rows if row.is_default), None)
    by_name = {index.name: index for index in by_pk.values()}
    return IndexMap(access, by_name, by_pk, default, {row.pk: row for row in rows})


def _with_members(leaf: ServedIndex, leaves: dict[int, ServedIndex], members: dict[int, list[int]]) -> ServedIndex:
    """``leaf`` with its hosted members; groups within groups are flattened in place, each index once."""
    if not leaf.is_group:
        return ServedIndex(leaf.pk, leaf.name, leaf.kind, leaf.anonymous_read, leaf.allow_passwords, (leaf,))
    found: dict[int, ServedIndex] = {}
    _collect(leaf.pk, leaves, members, found, set())
    return ServedIndex(leaf.pk, leaf.name, leaf.kind, leaf.anonymous_read, leaf.allow_passwords, tuple(found.values()))


def _collect(
    pk: int,
    leaves: dict[int, ServedIndex],
    members: dict[int, list[int]],
    found: dict[int, ServedIndex],
    seen: set[int],
) -> None:
    if pk in seen:
        return
    seen.add(pk)
    for member in members.get(pk, ()):
        leaf = leaves[member]
        if leaf.is_group:
            _collect(member, leaves, members, found, seen)
        else:
            found.setdefault(member, leaf)


def forget_all() -> None:
    """Empty this process's memory of indexes."""
    global _remembered  # noqa: PLW0603  as above
    _remembered = _NOTHING
