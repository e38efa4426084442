"""Provenance objects (PEP 740) as the upstream serves them; whoever reads one holds its attestations against the file."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.utils import timezone

from indexapp.clients.upstream import Failure, UpstreamFailed, fetch_small
from indexapp.domain.versions import canonical_version, parse_version
from indexapp.models import File, MirroredProvenance
from indexapp.services.mirrors import addresses
from indexapp.services.mirrors.once import Once
from tpi_site.kit.errors import Invalid, NotFound, Unavailable

_MOST = 4 * 1024 * 1024


def find(project_ids: Sequence[int], version: str, filename: str) -> File | None:
    """The file, if its upstream told a provenance of it; of two of one name that of the first project counts."""
    try:
        canonical = canonical_version(parse_version(version))
    except (Invalid, ValueError):
        return None
    rows = File.objects.filter(project__in=project_ids, filename=filename, is_hidden=False).order_by()
    found = rows.filter(release__canonical_version=canonical).only(
        "pk", "project_id", "has_provenance", "sha256", "filename"
    )
    file = min(found, key=lambda row: project_ids.index(row.project_id), default=None)
    return file if file is not None and file.has_provenance else None


def kept(row: int) -> bytes | None:
    """The object, if it was fetched before."""
    text = MirroredProvenance.objects.filter(pk=row).values_list("text", flat=True).first()
    return None if text is None else text.encode()


def _fetch(row: int) -> None:
    file = File.objects.select_related("index__upstream", "mirrored").filter(pk=row).first()
    if file is None or not file.mirrored.provenance_url:
        raise none_of(str(file or row))
    if file.index.upstream.is_offline:
        raise _unavailable(file, "the index is offline.")
    try:
        raw = fetch_small(addresses.of(file.index), file.mirrored.provenance_url, _MOST)
        said = json.loads(raw)
    except UpstreamFailed as error:
        if error.kind == Failure.MISSING:
            raise none_of(file.filename) from None
        raise _unavailable(file, str(error)) from None
    except (ValueError, RecursionError):
        raise _unavailable(file, "it is no JSON.") from None
    if not isinstance(said, dict):
        raise _unavailable(file, "it is no object.")
    MirroredProvenance.objects.update_or_create(
        file=file, defaults={"text": json.dumps(said, ensure_ascii=True), "fetched_at": timezone.now()}
    )


def none_of(filename: str) -> NotFound:
    """What is said where nothing was attested."""
    return NotFound(f"There is no provenance for {filename}.", code="provenance-none")


def _unavailable(file: File, why: str) -> Unavailable:
    return Unavailable(
        f"The upstream of the index '{file.index.name}' did not give the provenance of '{file.filename}': {why}",
        retry_after=10,
        code="upstream-unavailable",
    )


ONCE = Once("mirror-provenance", _fetch)
fetch, forget_all = ONCE.fetch, ONCE.forget_all
