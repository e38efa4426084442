"""The database: what it is, how it is set, whether it takes writes, and its clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from accounts.models import Alarm, AuditEntry
from indexapp.services.backups import scratch
from tpi_site.kit.pending_migrations import pending
from tpi_site.services.doctor.findings import Verdict, failing, good, warning

_SLOW = 0.05  # seconds
_ASKED = 5
_PATIENCE = 1000  # milliseconds
_APART = 2.0  # seconds between two clocks
_TOO_FAR_APART = 30.0
_OURS = ("accounts", "indexapp", "webhooks")
_FULL = {"2": "FULL", "3": "EXTRA"}


def settings_of_the_database() -> Verdict:
    """Version, durability and how quickly it answers."""
    latency = _latency()
    told, faults = _sqlite() if connection.vendor == "sqlite" else _postgresql()
    told += f"; it answers in {latency * 1000:.1f} ms."
    if faults:
        return failing(
            f"{told} {' '.join(faults)}", "An acknowledged upload could be lost; set it as docs/install.md says."
        )
    if latency > _SLOW:
        return warning(told, "Each request asks several times; bring the database nearer or make it quicker.")
    return good(told)


def _latency() -> float:
    """The median of some answers, in seconds."""
    took = []
    _one("SELECT 1")
    for _ in range(_ASKED):
        began = time.monotonic()
        _one("SELECT 1")
        took.append(time.monotonic() - began)
    return sorted(took)[_ASKED // 2]


def _one(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return str(cursor.fetchone()[0])


def _sqlite() -> tuple[str, list[str]]:
    mode, level = _one("PRAGMA journal_mode"), _one("PRAGMA synchronous")
    faults = [] if mode == "wal" else [f"journal_mode is {mode}, not wal."]
    if level not in _FULL:
        faults.append(f"synchronous is {level}, not 2 (FULL).")
    return f"SQLite {_one('SELECT sqlite_version()')}, {mode}, synchronous {_FULL.get(level, level)}", faults


_MUST_BE_ON = ("fsync", "full_page_writes")


def _postgresql() -> tuple[str, list[str]]:
    version, commits = _one("SHOW server_version"), _one("SHOW synchronous_commit")
    faults = [f"{name} is off." for name in _MUST_BE_ON if _one(f"SHOW {name}") != "on"]
    if commits == "off":
        faults.append("synchronous_commit is off.")
    if _one("SELECT pg_is_in_recovery()") == "True":
        faults.append("It is a standby and takes no writes.")
    if (encoding := _one("SHOW server_encoding")) != "UTF8":
        faults.append(f"Its encoding is {encoding}, not UTF8.")
    return f"PostgreSQL {version}, synchronous_commit {commits}", faults


def writes() -> Verdict:
    """Whether a row can be written, and is gone after a rollback."""
    _be_impatient()
    with transaction.atomic():
        probe = Alarm.objects.create(code="doctor", subject="probe", sentence="Rolled back.", last_at=timezone.now())
        transaction.set_rollback(True)
    if Alarm.objects.filter(pk=probe.pk, code="doctor").exists():
        return failing("A row that was rolled back is there.", "Do not go on with this database.")
    return good("A row was written and rolled back.")


def _be_impatient() -> None:
    """Do not wait for a lock as long as a request would."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"PRAGMA busy_timeout={_PATIENCE}")
        else:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [str(_PATIENCE)])


def migrations() -> Verdict:
    """Whether the database is as this version needs it."""
    missing = pending()
    if missing.required:
        names = ", ".join(str(migration) for migration in missing.required[:5])
        return failing(f"{len(missing.required)} migrations are missing: {names}.", "Run: manage.py migrate")
    if missing.late:
        names = ", ".join(str(migration) for migration in missing.late[:5])
        return warning(
            f"{len(missing.late)} migrations wait until all nodes are upgraded: {names}.",
            "Upgrade the other nodes; a job applies them then, within five minutes.",
        )
    loader = MigrationLoader(connection)
    unknown = sorted(set(loader.applied_migrations) - set(loader.disk_migrations))
    unknown = [each for each in unknown if each[0] in _OURS]
    if unknown:
        names = ", ".join(f"{app}.{name}" for app, name in unknown[:5])
        return warning(f"A newer version has migrated the database: {names}.", "Finish the upgrade on this node.")
    return good("All migrations are applied.")


def drills() -> Verdict:
    """Whether a drill could make the database that it restores into."""
    if wrong := scratch.fault():
        told, _, what = wrong.partition("; ")
        return warning(f"{told}.", f"{what[:1].upper()}{what[1:]}")
    return good("A drill has all that it needs of the database.")


def clock() -> Verdict:
    """The machine's clock against the database's, and against the newest entry of the audit log."""
    newest = AuditEntry.objects.order_by("-pk").values_list("at", flat=True).first()
    now = datetime.now(UTC)
    if newest is not None and (newest - now).total_seconds() > _TOO_FAR_APART:
        return failing(
            f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC, and the audit log was written at {newest:%Y-%m-%d %H:%M:%S}.",
            "Set the clock by NTP: tokens, sessions and one-time codes depend on it.",
        )
    if connection.vendor == "sqlite":
        return good(f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC; the database has no other.")
    apart = _apart()
    told = f"This clock and the database's are {apart:.1f} seconds apart."
    if apart > _TOO_FAR_APART:
        return failing(told, "Set both by NTP: tokens, sessions and leases of jobs depend on it.")
    return warning(told, "Set both by NTP.") if apart > _APART else good(told)


def _apart() -> float:
    """Seconds between the two clocks, the way there and back left out."""
    began = time.time()
    theirs = float(_one("SELECT extract(epoch FROM clock_timestamp())"))
    ended = time.time()
    return max(0.0, began - theirs, theirs - ended)
