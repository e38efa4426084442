"""Which names an export looks at: all, those that were asked for, or those that something may have happened to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from indexapp.domain.export_manifest import Head
from indexapp.domain.policy.name_patterns import NamePattern
from indexapp.models import Change, Index, Project, Upstream
from indexapp.services.policies import books
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark
from tpi_site.kit.errors import Invalid

_BATCH: Final = 1000
LAST: Final = -1
"""Since what the tree has already."""


def composition(index: ServedIndex) -> str:
    """A digest of what an index resolves names by, beside what is published; another one when that was changed."""
    follows = dict(
        Upstream.objects.filter(index__in=[mirror.pk for mirror in index.mirrors]).values_list("index", "on_removal")
    )
    members = [
        [
            member.pk,
            member.name,
            follows.get(member.pk, ""),
            *([list(member.terms.owners), sorted(member.terms.reserved)] if member.terms else []),
        ]
        for member in index.members
    ]
    return hashlib.sha256(json.dumps([members, sorted(index.merged)]).encode()).hexdigest()


def touched_since(
    since: int | None, index: ServedIndex, watermark: Watermark, before: Head, wanted: Head
) -> set[str] | None:
    """The names to look at; None for all.

    What changed is told by the log, but for three things, because of which all are looked at: of what the index consists,
    rules of the policy, some of which look at the clock, and changes that are of no one project.  Of a mirror every name is
    looked at, because the log does not tell which files were fetched.
    """
    if since is None or before.serial == 0:
        return None
    if since != LAST and since > before.serial:
        raise Invalid(
            f"The folder has what was there at the serial {before.serial}: give that one, an older one, or 'last'.",
            code="export-older",
        )
    if (before.projects, before.composition) != (wanted.projects, wanted.composition) or _has_rules(index, watermark):
        return None
    owners = {owner for mirror in index.mirrors for owner in (mirror.terms.owners if mirror.terms else ())}
    members = {member.pk for member in index.members}
    names = Index.objects.filter(pk__in={index.pk, *members, *owners}).values("name")
    serial = before.serial if since == LAST else since
    logged = Change.objects.filter(index_name__in=names, serial__gt=serial).order_by()
    changed = set(logged.values_list("project", flat=True).distinct())
    return None if "" in changed else changed


def _has_rules(index: ServedIndex, watermark: Watermark) -> bool:
    if not watermark.policy:
        return False
    return bool(books.read(watermark).of(*{index.pk, *(member.pk for member in index.members)}))


def names(index: ServedIndex, patterns: tuple[NamePattern, ...], only: set[str] | None) -> Iterator[str]:
    """The normalised names to look at, of which the index may resolve only some."""
    if only is None:
        found: Iterable[str] = _held([member.pk for member in index.members], patterns)
    else:
        mirrored = _held([mirror.pk for mirror in index.mirrors], patterns)
        found = chain(sorted(only), (name for name in mirrored if name not in only))
    return (name for name in found if not patterns or any(pattern.matches(name) for pattern in patterns))


def number(index: ServedIndex) -> int:
    """About how many names that are, to tell how far the work is."""
    return Project.objects.filter(index__in=[member.pk for member in index.members]).count()


def _held(index_ids: list[int], patterns: tuple[NamePattern, ...]) -> Iterator[str]:
    """The names in these indexes, in order and in batches, so that no statement stays open while files are copied."""
    if patterns and all(pattern.is_exact for pattern in patterns):
        yield from sorted(pattern.text for pattern in patterns)
        return
    rows = Project.objects.filter(index__in=index_ids).order_by("normalized_name")
    last = ""
    while batch := list(rows.filter(normalized_name__gt=last).values_list("normalized_name", flat=True)[:_BATCH]):
        yield from dict.fromkeys(name for name in batch if name != last)
        last = batch[-1]
