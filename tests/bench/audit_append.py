"""``python -m tests.bench.audit_append``: appending to the audit log by 8 processes on PostgreSQL that syncs to disk.

Three ways, alternating: plain inserts; entries that a linker chains meanwhile (what the product does); and a chain made
inside the writers' transactions, for comparison.  Prints entries a second and their ratios to plain inserts.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.plugins import postgresql

WRITERS, SECONDS, ROUNDS = 8, 4.0, 3
PRELUDE = "ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_auditentry_waits"
NORMAL = "ALTER TABLE accounts_auditentry ENABLE TRIGGER accounts_auditentry_waits"


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        postgresql._SETTINGS |= {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
        os.environ["TPI_DATA_DIR"] = str(folder / "data")
        os.environ["TPI_DATABASE_URL"] = postgresql.start(folder).removesuffix("tpi") + "postgres"
        os.environ["DJANGO_SETTINGS_MODULE"] = "tpi_site.settings.test"
        _migrate()
        found: dict[str, list[float]] = {"plain": [], "linked": [], "chained": []}
        for _ in range(ROUNDS):
            for way, rates in found.items():
                rates.append(_measure(way))
        plain = statistics.median(found["plain"])
        for way, rates in found.items():
            rate = statistics.median(rates)
            print(f"{way:8} {rate:7.0f}/s  {rate / plain:5.2f} of plain  {[round(each) for each in rates]}")
        if "--verify" in sys.argv:
            _verify()


def _in_child(act: Any, *arguments: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=act, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0


def _migrate() -> None:
    _in_child(_do_migrate)


def _do_migrate() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _verify() -> None:
    _in_child(_do_verify)


def _do_verify() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("verify_audit")


def _measure(way: str) -> float:
    _in_child(_execute, PRELUDE if way != "linked" else NORMAL)
    context = multiprocessing.get_context("spawn")
    barrier, done, over = context.Barrier(WRITERS), context.Queue(), context.Event()
    writers = [context.Process(target=_write, args=(way, barrier, done)) for _ in range(WRITERS)]
    linker = context.Process(target=_link, args=(over,))
    if way == "linked":
        linker.start()
    for writer in writers:
        writer.start()
    total = sum(done.get() for _ in writers)
    for writer in writers:
        writer.join()
    if way == "linked":
        over.set()
        linker.join()
    return total / SECONDS


def _execute(statement: str) -> None:
    import django

    django.setup()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE accounts_auditpending")
        cursor.execute("ALTER TABLE accounts_auditlink DISABLE TRIGGER USER")
        cursor.execute("TRUNCATE accounts_auditlink")
        cursor.execute(statement)


def _write(way: str, barrier: Any, done: Any) -> None:
    import django

    django.setup()
    from django.db import connection, transaction

    from accounts.domain.actors import internal
    from accounts.services import audit

    connection.ensure_connection()
    actor = internal("bench")
    barrier.wait()
    until, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < until:
        with transaction.atomic():
            audit.record(actor=actor, action="bench.append", object_type="thing", object_name="a thing", number=count)
            if way == "chained":
                _chain_now()
        count += 1
    done.put(count)


def _chain_now() -> None:
    from django.db import connection

    from accounts.domain.audit_chain import link_hash
    from accounts.models import AuditLink
    from accounts.services import audit_chain
    from tpi_site.kit import locking

    locking.hold("audit-chain")
    position, previous = audit_chain.head()
    with connection.cursor() as cursor:
        cursor.execute("SELECT lastval()")
        [entry_id] = cursor.fetchone()
    digest = link_hash(previous, position + 1, b"an entry of about the usual length" * 6)
    AuditLink.objects.bulk_create([AuditLink(position=position + 1, entry_id=entry_id, hash=digest)])


def _link(over: Any) -> None:
    import django

    django.setup()
    from accounts.services import audit_chain

    while not over.wait(1.0):
        audit_chain.link_all()


if __name__ == "__main__":
    main()
