"""Metadata that somebody asks for and that is not kept yet; however many ask, it is fetched once."""

from __future__ import annotations

from indexapp.clients.upstream import Failure, UpstreamFailed
from indexapp.models import File
from indexapp.services.mirrors.fetching import keeping as conflicts
from indexapp.services.mirrors.fetching.wanted import needs_healing
from indexapp.services.mirrors.metadata import keeping, obtaining
from indexapp.services.mirrors.metadata.wheels import MetadataFailed
from indexapp.services.mirrors.once import Once
from tpi_site.kit.errors import Gone, Refusal, Unavailable


def _fetch_now(row: int) -> None:
    rows = File.objects.select_related("index__upstream", "project", "release", "mirrored", "metadata_blob")
    file = rows.filter(pk=row).first()
    if file is None or (file.metadata_blob is not None and not needs_healing(file.metadata_blob)):
        return
    if file.index.upstream.is_offline:
        raise Unavailable(
            f"The index '{file.index.name}' is offline and does not have the metadata of '{file.filename}'.",
            retry_after=60,
            code="upstream-unavailable",
        )
    try:
        keeping.keep([obtaining.obtain(obtaining.asked_of(file))])
    except UpstreamFailed as error:
        raise _refusal(file, error) from None
    except MetadataFailed as error:
        conflicts.note_conflict(row, str(error))
        raise Unavailable(
            f"The metadata that the upstream of the index '{file.index.name}' serves of '{file.filename}' is not right: "
            f"{error}. It was thrown away; ask the index's admins.",
            retry_after=60,
            code="upstream-mismatch",
        ) from None


def _refusal(file: File, error: UpstreamFailed) -> Refusal:
    if error.kind == Failure.MISSING:
        return Gone(f"The upstream has no metadata of '{file.filename}' any more.", code="upstream-gone")
    return Unavailable(
        f"The upstream of the index '{file.index.name}' did not give the metadata of '{file.filename}': {error} "
        "Try again later.",
        retry_after=error.retry_after or 10,
        code="upstream-unavailable",
    )


ONCE = Once("mirror-metadata-asked", _fetch_now)
fetch, forget_all = ONCE.fetch, ONCE.forget_all
