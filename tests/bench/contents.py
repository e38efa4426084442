"""Inside an installation that was seeded: give every file that the corpus made bytes of its own, as the storage keeps them.

Nothing waits for the disk here, because what is made is measured afterwards.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
_BATCH = 2000


def main(size: int, plain: Path) -> None:
    """``python -m tests.bench.contents SIZE FOLDER``: contents of ``size`` bytes, and the same tree plain for others to copy."""
    import django

    django.setup()
    from django.db import connection, transaction

    from indexapp.models import Blob, File

    os.fsync = lambda fd: None
    keys = list(Blob.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), _BATCH):
        rows = [(key, *_put(size, plain)) for key in keys[start : start + _BATCH]]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {Blob._meta.db_table} SET sha256 = %s, size = %s, object_name = %s, sealed_key = %s WHERE id = %s",
                [(sha256, size, blob.object_name, blob.sealed_key, key) for key, sha256, blob in rows],
            )
            cursor.executemany(
                f"UPDATE {File._meta.db_table} SET sha256 = %s, size = %s, metadata_sha256 = '' WHERE blob_id = %s",
                [(sha256, size, key) for key, sha256, _ in rows],
            )
    os.sync()


def _put(size: int, plain: Path) -> tuple[str, Any]:
    from indexapp.storage import default_storage

    content = os.urandom(size)
    sha256 = hashlib.sha256(content).hexdigest()
    with default_storage().spool() as spool:
        spool.file.write(content)
        put = default_storage().put(sha256, spool)
    folder = plain / sha256[:2]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / sha256[2:]).write_bytes(content)
    return sha256, put.blob


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
