"""What somebody's roles come to on one index or project, in one statement that every database plans the same way.

Each part begins with the person: their own roles, those of their teams, and those of the teams above them.  What others
hold is never looked at.  The same rule as rows is :meth:`indexapp.models.querysets.RoleQuerySet.held_by`.
"""

from __future__ import annotations

from django.db import connection

_PART = (
    "SELECT r.verbs FROM {source} WHERE {holder} = %s AND r.index_id = %s"
    " AND (r.project_id IS NULL OR r.project_id = %s)"
)
_SOURCES = (
    ("indexapp_role r", "r.user_id"),
    # CROSS JOIN is what keeps SQLite from beginning with the roles; to PostgreSQL it is a join like any other.
    ("accounts_membership m CROSS JOIN indexapp_role r", "r.team_id = m.team_id AND m.user_id"),
    (
        "accounts_membership m CROSS JOIN accounts_teamnesting n CROSS JOIN indexapp_role r",
        "n.descendant_id = m.team_id AND r.team_id = n.ancestor_id AND m.user_id",
    ),
)
_STILL_IN = (
    " AND (r.through_id IS NULL"
    " OR EXISTS (SELECT 1 FROM accounts_membership m WHERE m.user_id = r.user_id AND m.team_id = r.through_id)"
    " OR EXISTS (SELECT 1 FROM accounts_membership m CROSS JOIN accounts_teamnesting n WHERE m.user_id = r.user_id"
    " AND n.descendant_id = m.team_id AND n.ancestor_id = r.through_id))"
)
"""What a user was given through a team ends with their place in it."""
_PARTS = [_PART.format(source=source, holder=holder) for source, holder in _SOURCES]
SQL = " UNION ALL ".join([_PARTS[0] + _STILL_IN, *_PARTS[1:]])


def mask(user_id: int, index_id: int, project_id: int | None) -> int:
    """The verbs, as a mask, of all roles that the account holds there; without a project, of those on the whole index."""
    found = 0
    with connection.cursor() as cursor:
        cursor.execute(SQL, [user_id, index_id, project_id] * len(_SOURCES))
        for (verbs,) in cursor.fetchall():
            found |= verbs
    return found
