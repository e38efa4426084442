"""What a replica gives its own replicas of bytes that it lacks, while it knows that its primary has them.

Such a file goes down the chain with the digests and sizes of its contents, as if they were here: no later change tells that
they came, and what a filter leaves out in between is no business of those below.  They ask until they get them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from indexapp.models import Following, NotHeld, WantedBlob
from indexapp.services.replication.columns import Row

_PORTION = 400
_CONTENTS = (("blob_id", "sha256"), ("metadata_blob_id", "metadata_sha256"))


def promised(files: Iterable[Row]) -> Iterator[Row]:
    """The rows of files, with the contents that are on their way or left out here; as they are where this is no replica."""
    if not Following.objects.exists():
        yield from files
        return
    rest = iter(files)
    while portion := list(islice(rest, _PORTION)):
        _promise([row for row in portion if any(row[column] is None for column, _ in _CONTENTS)])
        yield from portion


def _promise(files: list[Row]) -> None:
    digests = {row[name] for row in files for _, name in _CONTENTS}
    wanted = WantedBlob.objects.in_bulk(sorted(digests), field_name="sha256")
    notes = NotHeld.objects.in_bulk([row["id"] for row in files])
    for row in files:
        note = notes.get(row["id"])
        left_out = (note.size, note.metadata_size) if note else (0, 0)
        for (column, name), size in zip(_CONTENTS, left_out, strict=True):
            one = wanted.get(row[name])
            coming = one.size if one is not None and row["id"] in one.files else size
            if row[column] is None and coming:
                row[column] = [row[name], coming]
