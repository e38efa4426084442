"""All indexes with what reading needs to know of them, remembered per access generation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from django.db.models import Max

from indexapp.models import Change, GroupMember, Index, Merge, ReservedPrefix, Upstream
from indexapp.services.serving.watermarks import Watermark


@dataclass(frozen=True, slots=True)
class MirrorTerms:
    """How a mirror's upstream is asked, and for which names it never is: those of ours.

    Ours are the names that a hosted index has, or ever had, which stands beside the mirror in a group (``owners`` are the ids
    of those), and the names under a ``reserved`` prefix of those indexes, of the ``groups`` that the mirror is in at any
    depth, of the mirror, or of all.
    """

    is_asked: bool
    page_seconds: int
    missing_seconds: int
    owners: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    reserved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ServedIndex:
    """An index as readers see it; ``members`` are the hosted indexes and mirrors in which its names are looked up.

    They are in order, but hosted ones stand before mirrors: what is ours goes before what others publish.
    """

    pk: int
    name: str
    kind: str
    anonymous_read: bool
    allow_passwords: bool
    members: tuple[ServedIndex, ...] = field(default=(), compare=False)
    terms: MirrorTerms | None = field(default=None, compare=False)
    mirrors: tuple[ServedIndex, ...] = field(default=(), compare=False)
    """Those of ``members`` that are mirrors."""
    merged: frozenset[str] = field(default=frozenset(), compare=False)
    """Of a group: names of ours that it takes from its mirrors all the same, because somebody said so."""
    resolution: int = field(default=0, compare=False)
    """Another number when names may resolve to something else, though nothing was published."""
    floor: int = field(default=0, compare=False)
    """Of a group: the serial of the last change of its composition, below which it shows none.

    A name may resolve to a project that changed longer ago than the one before, and mirrors refuse serials that decrease.
    """

    @property
    def is_group(self) -> bool:
        """Whether the index resolves through members."""
        return self.kind == Index.Kind.GROUP

    @property
    def is_mirror(self) -> bool:
        """Whether the index fetches from an upstream."""
        return self.kind == Index.Kind.MIRROR


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
    below = {pk: _leaves_below(leaf, leaves, members) for pk, leaf in leaves.items()}
    merged: dict[int, set[str]] = {}
    if any(leaf.is_mirror for leaf in leaves.values()):
        leaves = _with_terms(leaves, below)
        for group_id, name in (
            Merge.objects.filter(revoked_at=None).order_by().values_list("group_id", "normalized_name")
        ):
            merged.setdefault(group_id, set()).add(name)
    by_pk = {
        pk: _with_members(leaf, [leaves[member] for member in below[pk]], frozenset(merged.get(pk, ())))
        for pk, leaf in leaves.items()
    }
    if members:
        by_pk = _with_floors(by_pk, members)
    default = next((by_pk[row.pk] for row in rows if row.is_default), None)
    by_name = {index.name: index for index in by_pk.values()}
    return IndexMap(access, by_name, by_pk, default, {row.pk: row for row in rows})


def _with_floors(by_pk: dict[int, ServedIndex], members: dict[int, list[int]]) -> dict[int, ServedIndex]:
    """The same, where each group knows the last change of itself and of the groups in it; one query."""
    groups = {index.name: pk for pk, index in by_pk.items() if index.is_group}
    changed = Change.objects.filter(index_name__in=list(groups), project="").order_by()
    last = {groups[name]: serial for name, serial in changed.values_list("index_name").annotate(last=Max("serial"))}
    floors = {pk: max(last.get(group, 0) for group in _groups_below(pk, members)) for pk in groups.values()}
    return {pk: replace(index, floor=floors.get(pk, 0)) for pk, index in by_pk.items()}


def _groups_below(pk: int, members: dict[int, list[int]]) -> set[int]:
    """The group, and all that are found in it."""
    found, level = {pk}, {pk}
    while level:
        level = {member for above in level for member in members.get(above, ())} - found
        found |= level
    return found


def _leaves_below(leaf: ServedIndex, leaves: dict[int, ServedIndex], members: dict[int, list[int]]) -> list[int]:
    """The hosted members and then the mirrors; groups within groups are flattened in place, each index once."""
    if not leaf.is_group:
        return [leaf.pk]
    found: dict[int, ServedIndex] = {}
    _collect(leaf.pk, leaves, members, found, set())
    return sorted(found, key=lambda pk: found[pk].is_mirror)


def _with_members(leaf: ServedIndex, members: list[ServedIndex], merged: frozenset[str]) -> ServedIndex:
    mirrors = tuple(member for member in members if member.is_mirror)
    resolution = hash((tuple((member.pk, member.terms) for member in members), merged))
    return replace(leaf, members=tuple(members), mirrors=mirrors, merged=merged, resolution=resolution)


def _with_terms(leaves: dict[int, ServedIndex], below: dict[int, list[int]]) -> dict[int, ServedIndex]:
    """The same, where each mirror knows its terms."""
    prefixes = list(ReservedPrefix.objects.values_list("index_id", "prefix"))
    upstreams = {row.pk: row for row in Upstream.objects.all()}
    mirrors = dict(leaves)
    for pk, leaf in leaves.items():
        if leaf.is_mirror:
            groups = tuple(sorted(group for group, found in below.items() if leaves[group].is_group and pk in found))
            owners = _owners(groups, leaves, below)
            reserved = frozenset(prefix for index_id, prefix in prefixes if index_id in {None, pk, *groups, *owners})
            terms = replace(_terms(upstreams.get(pk)), owners=owners, groups=groups, reserved=reserved)
            mirrors[pk] = replace(leaf, terms=terms)
    return mirrors


def _owners(groups: tuple[int, ...], leaves: dict[int, ServedIndex], below: dict[int, list[int]]) -> tuple[int, ...]:
    """The hosted indexes that are found through these groups of a mirror."""
    beside = {pk for group in groups for pk in below[group]}
    return tuple(sorted(pk for pk in beside if not leaves[pk].is_mirror))


def _terms(row: Upstream | None) -> MirrorTerms:
    if row is None:
        return MirrorTerms(is_asked=False, page_seconds=0, missing_seconds=0)
    return MirrorTerms(not (row.is_offline or row.is_frozen), row.page_seconds, row.missing_seconds)


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
