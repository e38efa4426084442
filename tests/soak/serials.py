"""Whether a reader with a cursor misses no change while many write.

``python -m tests.soak.serials [--seconds 60] [--writers 8]``: writers record changes on PostgreSQL, each in a transaction that
stays open for a moment, while a reader asks for what follows its cursor.  Serials must come in their order, and all of them.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.servers.postgres import Postgres
from tests.servers.tpi import ROOT

_WRITER = """
import random, sys, time
import django
django.setup()
from django.db import transaction
from accounts.domain.actors import internal
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Index
from indexapp.services import changes
index, chance = Index.objects.first(), random.Random(int(sys.argv[1]))
until, most, made = time.monotonic() + float(sys.argv[2]), int(sys.argv[3]), 0
while time.monotonic() < until and made < most:
    with transaction.atomic():
        serial = changes.record(actor=internal("soak"), kind=ChangeKind.INDEX_CHANGED, index=index)
        time.sleep(chance.random() * 0.004)
    print(serial)
    made += 1
"""
_READER = """
import json, sys
import django
django.setup()
from indexapp.domain.replication import batches
from indexapp.domain.replication.transport import Transport
from indexapp.services.replication import epochs, giving
from indexapp.services.replication.giving import Wish
cursor, secret, epoch = epochs.newest_serial(), Transport("a credential"), epochs.current().uuid
print(f"from {cursor}", flush=True)
import select
is_ending = False
while True:
    batch = batches.read(giving.batch(Wish(since=cursor, epoch=epoch, digests={}), secret))
    for change in batch.changes:
        print(change["serial"])
    if is_ending and int(batch.head["upto"]) == cursor:
        break
    cursor = int(batch.head["upto"])
    is_ending = is_ending or bool(select.select([sys.stdin], [], [], 0)[0])
"""


def run(folder: Path, *, writers: int, seconds: float, most: int = 10**9, seed: int = 1) -> list[str]:
    """Write and read; returns what is wrong.  Each writer ends after so many seconds or changes."""
    given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with Postgres(migrated=True) as database:
        environment = given | {
            "DJANGO_SETTINGS_MODULE": "tpi_site.settings.base",
            "TPI_DATA_DIR": str(folder),
            "TPI_DATABASE_URL": database.url,
            "TPI_LOG_LEVEL": "ERROR",
        }
        subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=environment, check=True)

        def start(text: str, *arguments: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", text, *arguments]
            return subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )

        reader = start(_READER)
        assert reader.stdout is not None
        first = int(reader.stdout.readline().split()[1])
        crew = [start(_WRITER, str(seed * 1000 + number), str(seconds), str(most)) for number in range(writers)]
        collected = [each.communicate()[0] for each in crew]
        codes = [each.returncode for each in crew]
        read_text, _ = reader.communicate("end\n")
    written = sorted(int(line) for text in collected for line in text.split())
    read = [int(line) for line in read_text.split()]
    wrong = [f"a process ended with {code}" for code in (*codes, reader.returncode) if code]
    wrong += [f"{serial} was written and not read" for serial in sorted(set(written) - set(read))]
    if read != sorted(set(read)):
        wrong.append("serials were read twice or out of their order")
    if read and min(read) <= first:
        wrong.append("what was before the cursor was read")
    if not written:
        wrong.append("nothing was written")
    sys.stdout.write(f"{len(written)} changes of {writers} writers, {len(read)} read, {len(wrong)} faults\n")
    return wrong


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tpi-serials-") as folder:
        wrong = run(Path(folder), writers=options.writers, seconds=options.seconds, seed=options.seed)
    for line in wrong[:50]:
        sys.stdout.write(f"WRONG: {line}\n")
    sys.stdout.write(f"seed {options.seed}, after {time.monotonic() - began:.0f} s\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
