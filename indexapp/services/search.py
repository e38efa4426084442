"""Full-text search over names and summaries.

SQLite keeps an FTS5 table beside the projects, written here in the transaction of the change; PostgreSQL needs none,
an expression index does it.  Both are made by the migration ``0002_search``.
"""

from __future__ import annotations

import re
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from indexapp.models import Project

_WORD = re.compile(r"[^\W_]+")
_MAX_WORDS = 8


def put(project: Project) -> None:
    """Make the project findable by its present name and summary."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM indexapp_search WHERE rowid = %s", [project.pk])
        cursor.execute(
            "INSERT INTO indexapp_search (rowid, name, summary) VALUES (%s, %s, %s)",
            [project.pk, project.name, project.summary],
        )


def remove(project: Project) -> None:
    """Make the project unfindable."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM indexapp_search WHERE rowid = %s", [project.pk])


def matching(projects: QuerySet[Project], text: str) -> QuerySet[Project]:
    """Those of ``projects`` whose name or summary has all words of ``text``, the last one perhaps unfinished."""
    words = _WORD.findall(text.lower())[:_MAX_WORDS]
    if not words:
        return projects.none()
    return _in_sqlite(projects, words) if connection.vendor == "sqlite" else _in_postgresql(projects, words)


def _in_sqlite(projects: QuerySet[Project], words: list[str]) -> QuerySet[Project]:
    phrase = " ".join(f'"{word}"*' for word in words)
    found: Any = RawSQL("SELECT rowid FROM indexapp_search WHERE indexapp_search MATCH %s", [phrase])
    return projects.filter(pk__in=found)


def _in_postgresql(projects: QuerySet[Project], words: list[str]) -> QuerySet[Project]:
    query = SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")
    vector = SearchVector("name", "summary", config="simple")
    return projects.annotate(words=vector).filter(words=query)
