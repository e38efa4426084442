"""What an index has of the names that an upload brings: one statement, asked before and inside its transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection

from indexapp.domain.names import normalize_name
from indexapp.models import Index, Project
from indexapp.services.quotas import NO_LIMITS, Rooms

_SQL = """
    SELECT p.id, p.name, p.normalized_name, p.status, p.summary, p.total_size, p.team_id, r.id,
           q.hard_limit - q.used, g.hard_limit - g.used, f.project_id, f.sha256, f.blake2b_256, f.size, t.id
      FROM (SELECT 1 AS one) AS start
      LEFT JOIN indexapp_project p ON p.index_id = %s AND p.normalized_name = %s
      LEFT JOIN indexapp_release r ON r.project_id = p.id AND r.canonical_version = %s
      LEFT JOIN indexapp_file f ON f.index_id = %s AND f.filename = %s
      LEFT JOIN indexapp_retiredfilename t ON t.index_id = %s AND t.filename = %s
      LEFT JOIN indexapp_quota q ON q.index_id = %s
      LEFT JOIN indexapp_quota g ON g.team_id = p.team_id
"""


class HeldFile(NamedTuple):
    """The file that has the name, perhaps in another project: old sdist names are ambiguous (``foo-2-1.zip``)."""

    project_id: int
    sha256: str
    blake2b_256: str
    size: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """The names' rows as far as they exist; of the project only what uploads read."""

    project: Project | None
    release_id: int | None
    file: HeldFile | None
    is_name_retired: bool
    rooms: Rooms = NO_LIMITS

    @property
    def own_file(self) -> HeldFile | None:
        """The file of this name in this project."""
        is_own = self.file is not None and self.project is not None and self.file.project_id == self.project.pk
        return self.file if is_own else None


_LOCK = "SELECT id FROM indexapp_project WHERE index_id = %s AND normalized_name = %s FOR UPDATE"


def look(index: Index, *, name: str, canonical_version: str, filename: str, locking: bool = False) -> Holdings:
    """What ``index`` holds of them now; with ``locking`` the project's row stays as it is until the transaction ends."""
    names: list[str | int] = [index.pk, normalize_name(name), canonical_version, index.pk, filename, index.pk, filename]
    names.append(index.pk)
    with connection.cursor() as cursor:
        if locking and connection.vendor == "postgresql":
            cursor.execute(_LOCK, names[:2])
        cursor.execute(_SQL, names)
        pk, written, normalized, status, summary, total, team_id, release_id, own, teams, *file, retired_id = (
            cursor.fetchone()
        )
    project = None
    if pk is not None:
        project = Project(
            pk=pk,
            index_id=index.pk,
            name=written,
            normalized_name=normalized,
            status=status,
            summary=summary,
            total_size=total,
            team_id=team_id,
        )
    held = HeldFile(*file) if file[0] is not None else None
    return Holdings(project, release_id, held, retired_id is not None, Rooms(own, teams))
