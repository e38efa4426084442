"""What a primary gives of many small contents at once: one after the other, in few large pieces, and never more than a part."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from indexapp.domain.replication import frames
from indexapp.models import Blob
from indexapp.services.integrity import suspicions
from indexapp.storage import BlobDamaged, default_storage, groups
from indexapp.storage.blobs import BlobStorage
from tpi_site.kit.errors import Invalid

_PIECE = 256 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def asked_of(body: Any) -> list[str]:
    """The digests that the JSON of a request asks for, each once; refuses what is none."""
    found = body.get("sha256") if isinstance(body, dict) else None
    if not isinstance(found, list) or not 0 < len(found) <= frames.MOST_CONTENTS:
        raise Invalid(
            f'Say which contents: {{"sha256": [at most {frames.MOST_CONTENTS} digests]}}.', code="wish-invalid"
        )
    if not all(isinstance(each, str) and _DIGEST.match(each) for each in found):
        raise Invalid("A digest has 64 lower-case hexadecimal digits.", code="wish-invalid")
    return list(dict.fromkeys(found))


def give(digests: Sequence[str]) -> Iterator[bytes]:
    """The frames of these contents in pieces; what does not fit into one answer, or is too large for it, is left out."""
    found = {row.sha256: row for row in Blob.objects.filter(sha256__in=digests)}
    storage = default_storage()
    piece, given = bytearray(), 0
    for sha256 in digests:
        blob = found.get(sha256)
        if blob is not None and blob.size > frames.LARGEST:
            continue
        if given and blob is not None and given + blob.size > frames.MOST_BYTES:
            break
        content = None if blob is None or blob.damaged_at is not None else _whole(storage, blob)
        piece += frames.head_of(sha256, None if content is None else len(content))
        if content is not None:
            piece += content
            given += len(content)
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + frames.END


def _whole(storage: BlobStorage, blob: Blob) -> bytes | None:
    """All of it, proved before any byte leaves; None where it is not there or not whole, which is looked into."""
    try:
        return groups.read_whole(storage, blob.place)
    except (FileNotFoundError, BlobDamaged):
        suspicions.note(blob.sha256)
        return None
