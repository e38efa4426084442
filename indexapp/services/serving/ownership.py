"""Which names are ours: those are never taken from an upstream, nor is one asked for them.

An upstream that were asked would learn what a company calls its own packages, and what it answered could be taken for them.
"""

from __future__ import annotations

from collections.abc import Collection

from indexapp.domain.names import matches_prefix
from indexapp.models import Project
from indexapp.services.serving.index_map import MirrorTerms


def is_ours(terms: MirrorTerms, normalized_name: str, held_in: Collection[int] | None = None) -> bool:
    """Whether the mirror with these terms keeps out of the name; ``held_in`` are the ids of the indexes that have it.

    Without ``held_in`` the database is asked.
    """
    if any(matches_prefix(normalized_name, prefix) for prefix in terms.reserved):
        return True
    if held_in is None:
        return Project.objects.filter(index_id__in=terms.owners, normalized_name=normalized_name).exists()
    return any(owner in held_in for owner in terms.owners)
