"""Archives of generated OSV records, and what an import of one costs its process.

``python -m tests.bench.osv_archives <archive>``, with an installation's settings, prints seconds and MiB as JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
import zipfile
from pathlib import Path

_VECTORS = (
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
    "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:N/A:N",
)
_VERSIONS = 60
"""Of a record, named one by one, as those of the real data on average."""


def write(path: Path, number: int) -> None:
    """An archive of ``number`` records, each of one project in four."""
    dice = random.Random(7)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for place in range(number):
            file.writestr(f"PYSEC-2026-{place}.json", json.dumps(_record(dice, place)))


def _record(dice: random.Random, place: int) -> dict[str, object]:
    major = dice.randrange(1, 9)
    words = " ".join(dice.choices(("reads", "what", "it", "should", "not", "and", "says", "so"), k=250))
    return {
        "schema_version": "1.6.0",
        "id": f"PYSEC-2026-{place}",
        "aliases": [f"CVE-2026-{place}", f"GHSA-{place:04x}-aaaa-bbbb"],
        "summary": words[:100],
        "details": words,
        "published": "2026-01-01T00:00:00Z",
        "modified": f"2026-02-{dice.randrange(1, 28):02}T00:00:00.123456Z",
        "severity": [{"type": "CVSS_V3", "score": dice.choice(_VECTORS)}],
        "references": [
            {"type": "WEB", "url": f"https://advisories.tpi.example/{place}/{number}"} for number in range(6)
        ],
        "affected": [
            {
                "package": {"name": f"acme-{place // 4}", "ecosystem": "PyPI", "purl": f"pkg:pypi/acme-{place // 4}"},
                "ranges": [
                    {
                        "type": "ECOSYSTEM",
                        "events": [{"introduced": f"{major}.0"}, {"fixed": f"{major}.{_VERSIONS}"}],
                    }
                ],
                "versions": [f"{major}.{minor}" for minor in range(_VERSIONS)],
            }
        ],
    }


def main() -> None:
    """Import the archive that the command line names."""
    import django

    django.setup()
    from accounts.domain.actors import internal
    from indexapp.services.vulnerabilities import importing
    from tests.bench.processes import peak

    began = time.monotonic()
    row = importing.import_archive(actor=internal("bench"), path=Path(sys.argv[1]))
    found = {"seconds": time.monotonic() - began, "peak": peak(os.getpid()), "added": row.added, "changed": row.changed}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
