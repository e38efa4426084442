"""What is to be fetched, and what is known of it beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from indexapp.clients.upstream import UpstreamAddress
from indexapp.models import Blob, File
from indexapp.services.mirrors import addresses
from indexapp.services.uploads.admission import file_size_limit
from indexapp.storage import default_storage
from tpi_site.kit.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of a mirror: ``digests`` by algorithm and ``size`` are what is known, ``most`` the bytes that it may have."""

    row: int
    index: str
    filename: str
    url: str
    address: UpstreamAddress
    digests: Mapping[str, str]
    size: int | None
    most: int


def load(row: int) -> Wanted | None:
    """The file as it is now; None where it is gone or has its bytes, whole.  Raises Unavailable where nobody may be asked."""
    rows = File.objects.select_related("index__upstream", "mirrored", "blob").filter(pk=row, mirrored__isnull=False)
    file = rows.first()
    if file is None or (file.blob is not None and not needs_healing(file.blob)):
        return None
    if file.index.upstream.is_offline:
        raise Unavailable(
            f"The index '{file.index.name}' is offline and does not have the bytes of '{file.filename}'; ask its admins to "
            "let it fetch them.",
            retry_after=60,
            code="upstream-unavailable",
        )
    digests = dict(file.mirrored.digests)
    if not file.is_unhashed:
        digests["sha256"] = file.sha256
    return Wanted(
        row=file.pk,
        index=file.index.name,
        filename=file.filename,
        url=file.mirrored.url,
        address=addresses.of(file.index),
        digests=digests,
        size=file.size or None,
        most=file_size_limit(file.index),
    )


def needs_healing(blob: Blob) -> bool:
    """Whether what is kept is damaged or gone, so that it is fetched once more."""
    return blob.damaged_at is not None or not default_storage().exists(blob.object_name)
