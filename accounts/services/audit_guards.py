"""Whether the triggers that make the audit log append-only are there, as they were made, and no others beside them.

A trigger's name says nothing: one that was replaced by an empty one still bears it, and one that was added may change
each entry as it is written.  So what a trigger does is compared with what the migration made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection

APPEND_ONLY = ("accounts_auditentry", "accounts_auditlink", "accounts_auditcheckpoint")
_WAITS = "accounts_auditentry_waits"
_TABLES = (*APPEND_ONLY, "accounts_auditpending")
_REFUSAL = "The audit log is append-only."
_Guards = dict[str, tuple[Any, ...]]

_MISSING = "The trigger {}, which makes the audit log append-only, is missing or turned off."
_CHANGED = "The trigger {} of the audit log does not do what it was made for."
_FOREIGN = (
    "The trigger or rule {} on a table of the audit log is none of this product's; it may change what is recorded."
)


def faults() -> Iterator[str]:
    """What is wrong with them, each in a sentence."""
    wanted, found = (
        (_of_sqlite(), _in_sqlite()) if connection.vendor == "sqlite" else (_of_postgresql(), _in_postgresql())
    )
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield _MISSING.format(name)
        elif name not in wanted:
            yield _FOREIGN.format(name)
        elif found[name] != wanted[name]:
            yield _CHANGED.format(name)


def _of_sqlite() -> _Guards:
    refusals = {
        f"{table}_no_{act.lower()}": f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for table in APPEND_ONLY
        for act in ("UPDATE", "DELETE")
    }
    waits = (
        "CREATE TRIGGER accounts_auditentry_waits AFTER INSERT ON accounts_auditentry "
        "BEGIN INSERT INTO accounts_auditpending (entry_id) VALUES (NEW.id); END"
    )
    return {name: (_plain(statement),) for name, statement in {**refusals, _WAITS: waits}.items()}


def _in_sqlite() -> _Guards:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, lower(tbl_name), sql FROM sqlite_master WHERE type = 'trigger'")
        return {name: (_plain(statement),) for name, table, statement in cursor.fetchall() if table in _TABLES}


def _plain(statement: str) -> str:
    """Without the quotes that SQLite puts around names when it remakes a table, and with single blanks."""
    return " ".join(statement.replace('"', "").split())


_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE = (1 << bit for bit in range(6))  # pg_trigger.tgtype
_POSTGRESQL = """
SELECT t.tgname, t.tgenabled IN ('O', 'A'), t.tgtype::int, t.tgqual IS NULL AND t.tgnargs = 0 AND t.tgattr = ''::int2vector,
    p.prosrc
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgrelid = ANY (%s::regclass[])
"""
_RULES = "SELECT r.rulename FROM pg_rewrite r WHERE r.ev_class = ANY (%s::regclass[])"


def _of_postgresql() -> _Guards:
    refuse = f"BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END"
    waits = "BEGIN INSERT INTO accounts_auditpending (entry_id) VALUES (NEW.id); RETURN NULL; END"
    wanted: _Guards = {_WAITS: (_ROW | _INSERT, True, waits)}
    for table in APPEND_ONLY:
        wanted[f"{table}_no_change"] = (_ROW | _BEFORE | _DELETE | _UPDATE, True, refuse)
        wanted[f"{table}_no_truncate"] = (_BEFORE | _TRUNCATE, True, refuse)
    return wanted


def _in_postgresql() -> _Guards:
    """Those that are turned off are as good as missing."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRESQL, [list(_TABLES)])
        rows = cursor.fetchall()
        cursor.execute(_RULES, [list(_TABLES)])
        rules: _Guards = {name: ("rule",) for (name,) in cursor.fetchall()}
    return rules | {
        name: (kind, is_plain, " ".join(source.split())) for name, is_on, kind, is_plain, source in rows if is_on
    }
