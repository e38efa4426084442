"""Finding releases and files among a million without reading them all."""

from __future__ import annotations

import re

from django.db.models import Q

from indexapp.models import Index, Project
from indexapp.services import search

_MOST_PROJECTS = 500
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_ARCHIVE = (".whl", ".gz", ".zip", ".tgz", ".bz2", ".xz", ".egg")


def projects_matching(text: str) -> list[int]:
    """The ids of projects whose name or summary has the words of ``text``; of very many, the best known names first."""
    found = search.matching(Project.objects.order_by(), text)
    return list(found.values_list("pk", flat=True)[:_MOST_PROJECTS])


def file_condition(text: str) -> Q:
    """What files fulfil that ``text`` names: a whole file name, a whole SHA-256, or words of their project."""
    text = text.strip()
    if _SHA256.match(text.lower()):
        return Q(blob__sha256=text.lower())
    if text.lower().endswith(_ARCHIVE):
        indexes = list(Index.objects.values_list("pk", flat=True))
        return Q(index__in=indexes, filename=text)
    return Q(project__in=projects_matching(text))
