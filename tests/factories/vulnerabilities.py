"""OSV records, archives of them, and rows that are made of them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from indexapp.domain.osv.record import parse_record
from indexapp.models import Advisory
from indexapp.services.vulnerabilities import batches, importing
from tests.factories.people import SYSTEM
from tpi_site.kit.errors import Refusal

CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
MEDIUM = "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"


def affected(
    name: str = "acme-tool", *, fixed: str = "2.0", versions: Iterable[str] = (), **more: Any
) -> dict[str, Any]:
    """The entry of a record that says of PyPI's project ``name`` that everything before ``fixed`` is affected."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    return {
        "package": {"name": name, "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
        "versions": list(versions),
        **more,
    }


def osv_record(osv_id: str = "PYSEC-2026-1", *entries: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A record; of ``acme-tool`` before 2.0 unless ``entries`` say otherwise."""
    defaults = {
        "schema_version": "1.6.0",
        "id": osv_id,
        "aliases": [f"CVE-2026-{osv_id.rpartition('-')[2]}"],
        "summary": "Reads what it should not.",
        "details": "Reads what it should not, and says so.",
        "published": "2026-01-01T00:00:00Z",
        "modified": "2026-01-02T00:00:00Z",
        "severity": [{"type": "CVSS_V3", "score": CRITICAL}],
        "affected": list(entries) or [affected()],
    }
    return {name: value for name, value in (defaults | more).items() if value is not None}


def archive(path: Path, records: Iterable[Mapping[str, Any] | bytes]) -> Path:
    """A ``all.zip`` at ``path``; bytes stand for a record that is none."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number, record in enumerate(records):
            if isinstance(record, bytes):
                file.writestr(f"broken-{number}.json", record)
            else:
                file.writestr(f"{record.get('id', number)}.json", json.dumps(record))
    return path


def make_advisory(osv_id: str = "PYSEC-2026-1", *entries: Mapping[str, Any], **more: Any) -> Advisory:
    """An advisory as an import makes it."""
    batches.write([parse_record(json.dumps(osv_record(osv_id, *entries, **more)).encode())], batches.Counts())
    return Advisory.objects.get(osv_id=osv_id)


def take_in(path: Path, records: Iterable[Mapping[str, Any] | bytes], **wishes: Any) -> Any:
    """Import an archive of these records."""
    return importing.import_archive(actor=SYSTEM, path=archive(path / "all.zip", records), **wishes)


@contextmanager
def told_as(code: str) -> Iterator[None]:
    """The import in the block is refused with ``code``, in one sentence, and leaves evidence of it."""
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.code == code, caught.value.detail
    assert caught.value.detail[-1:] == "."
