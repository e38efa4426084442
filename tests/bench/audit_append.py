"""``python -m tests.bench.audit_append``: appending to the audit log by 8 processes on PostgreSQL that syncs to disk.

Three ways, alternating: plain inserts; entries that a linker chains meanwhile (what the product does); and a chain made
inside the writers' transactions, for comparison.  Prints entries a second and their ratios to plain inserts.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.plugins import postgresql

WRITERS, SECONDS, ROUNDS = 8, 4.0, 3
ALONE = "ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_auditentry_waits"
NORMAL = "ALTER TABLE accounts_auditentry ENABLE TRIGGER accounts_auditentry_waits"

_MANY = """
INSERT INTO accounts_auditentry (at, actor_id, actor_name, token_key_id, method, address, request_id, action, object_type,
    object_id, object_name, outcome, reason, detail)
SELECT now(), i, 'somebody', 'abcdefghijkl', 'token', '192.0.2.1', '0123456789abcdef', 'file.upload', 'file', i,
    'acme_tool-1.0-py3-none-any.whl', 'done', '', '{"index":"main","sha256":"' || repeat('ab', 32) || '","size":12345}'
FROM generate_series(1, 100000) i
"""


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
        _in_child(_verify)


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
    """Fill the log with as many entries as a verification is promised for in a second, chain them and verify them."""
    import django

    django.setup()
    from django.db import connection

    from accounts.services import audit_chain, audit_verification

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE accounts_auditentry, accounts_auditlink, accounts_auditpending")
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute(NORMAL)
        cursor.execute(_MANY)
        cursor.execute("ANALYZE")
    audit_chain.link_all()
    for _ in range(ROUNDS):
        report = audit_verification.verify([])
        print(f"verify   {report.entries / report.seconds:7.0f}/s")


def _measure(way: str) -> float:
    _in_child(_execute, ALONE if way != "linked" else NORMAL)
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
