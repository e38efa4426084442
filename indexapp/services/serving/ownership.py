"""Which names are ours: those are never taken from an upstream, nor is one asked for them.

An upstream that were asked would learn what a company calls its own packages, and what it answered could be taken for them.
A name stays ours when its project was deleted: clients that still ask for it must not get what a stranger publishes under it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import Any

from django.db.models import CharField, Exists, ExpressionWrapper, F, OuterRef, Q, Value
from django.db.models.functions import Concat

from accounts.domain.actors import Actor
from indexapp import permissions
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Change, Index, MirroredProject, Project, ReservedPrefix, Upstream
from indexapp.models.querysets import ProjectQuerySet
from indexapp.services.serving import page_rows
from indexapp.services.serving.index_map import MirrorTerms, ServedIndex

_AT_ONCE = 500  # names in a statement


def is_ours(terms: MirrorTerms, normalized_name: str, held_in: Collection[int] | None = None) -> bool:
    """Whether the mirror with these terms keeps out of the name; ``held_in`` are the ids of the indexes that have or had it.

    Without ``held_in`` the database is asked.
    """
    if is_reserved(terms, normalized_name):
        return True
    if not terms.owners:
        return False
    if held_in is None:
        _, held_in = page_rows.claims([], list(terms.owners), normalized_name)
    return any(owner in held_in for owner in terms.owners)


def is_reserved(terms: MirrorTerms, normalized_name: str) -> bool:
    """Whether the name is a reserved prefix or continues one after a hyphen; as quick for a thousand prefixes as for one."""
    words = normalized_name.split("-") if terms.reserved else []
    return any(stem in terms.reserved for stem in accumulate(words, "{}-{}".format))


def told_to(actor: Actor, mirrors: Collection[ServedIndex], names: Sequence[str]) -> set[str]:
    """Those of the normalised names of which the actor may learn that they are ours, where they are.

    The actor reads an index or a project of that name which makes them so, or sees the prefix.  To others a name of ours is
    like one that nobody has.
    """
    terms = [mirror.terms for mirror in mirrors if mirror.terms]
    owners = {owner for one in terms for owner in one.owners}
    is_bound = actor.token is not None and bool(actor.token.projects)
    if owners and not is_bound and permissions.read_as_a_whole(actor).filter(pk__in=owners).count() == len(owners):
        return set(names)
    places = owners | {group for one in terms for group in one.groups} | {mirror.pk for mirror in mirrors}
    seen = permissions.prefixes_visible_to(actor).filter(Q(index=None) | Q(index_id__in=places))
    prefixes = set(seen.order_by().values_list("prefix", flat=True))
    found = {name for name in names if any(stem in prefixes for stem in accumulate(name.split("-"), "{}-{}".format))}
    kept = Project.objects.visible_to(actor).filter(index_id__in=owners).order_by()
    past = (
        permissions.changes_visible_to(actor).filter(index_id__in=owners, kind=ChangeKind.FILE_ADDED.value).order_by()
    )
    for start in range(0, len(names), _AT_ONCE):
        part = names[start : start + _AT_ONCE]
        found.update(kept.filter(normalized_name__in=part).values_list("normalized_name", flat=True))
        found.update(past.filter(project__in=part).values_list("project", flat=True))
    return found


def ours(mirror: ServedIndex, *, by_prefix: bool = True) -> Q:
    """The projects of the mirror of which :func:`is_ours` says so, as a condition on rows of projects.

    Who reads all names asks :func:`is_reserved` of each instead of letting the database compare them ``by_prefix``.
    """
    owners = list(mirror.terms.owners) if mirror.terms else []
    groups = list(mirror.terms.groups) if mirror.terms else []
    prefixes = ReservedPrefix.objects.filter(Q(index=None) | Q(index_id__in=[mirror.pk, *groups, *owners]))
    name: Any = OuterRef("normalized_name")
    sought = ExpressionWrapper(name, output_field=CharField())
    below = prefixes.annotate(sought=sought).filter(
        Q(prefix=name) | Q(sought__startswith=Concat(F("prefix"), Value("-")))
    )
    kept: Q = Q(Exists(below)) if by_prefix else Q(pk__in=[])
    if owners:
        names = Index.objects.filter(pk__in=owners).values("name")
        kept |= Q(Exists(Project.objects.filter(index_id__in=owners, normalized_name=name)))
        added = Change.objects.filter(index_name__in=names, project=name, kind=ChangeKind.FILE_ADDED.value)
        kept |= Q(Exists(added))
    return Q(index_id=mirror.pk) & kept


def decided(rows: ProjectQuerySet, index: ServedIndex, *, by_prefix: bool = True) -> ProjectQuerySet:
    """Those of ``rows`` that ``index`` may take from its mirrors: not what is ours, unless it merges the name.

    Nor what an upstream has taken back, where the mirror follows it.
    """
    for mirror in index.mirrors:
        gone = MirroredProject.objects.filter(index_id=mirror.pk, is_gone=True, project__isnull=False)
        hidden = gone.filter(index__upstream__on_removal=Upstream.Follow.HIDE)
        rows = rows.exclude(pk__in=hidden.values("project"))
        rows = rows.exclude(ours(mirror, by_prefix=by_prefix) & ~Q(normalized_name__in=index.merged))
    return rows
