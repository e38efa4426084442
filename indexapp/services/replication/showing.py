"""What a primary shows of its digests: each answer is of one moment, takes about a second, and is small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexapp.domain.replication.transport import Transport
from indexapp.models import Change, Following
from indexapp.services.replication import epochs, giving, places, snapshots, trees
from tpi_site.kit.errors import Invalid, NotFound

_MOST = 64
"""Chunks that are named in one question."""


def show(asked: Mapping[str, str], transport: Transport) -> dict[str, Any]:
    """The answer to a question, which names one thing.

    ``from``: chunks from this number on, and the number to go on with; ``chunks``: these, parted by commas; ``versions``: as
    ``from``, of what tells that chunks changed; ``chunk``: digests of its projects; ``project``: all that readers see of it;
    ``log``: how many changes the log has; ``table``: digests of a table's chunks, by its label.
    """
    site, _ = epochs.site(), epochs.current()  # both may be made now, which a snapshot could not
    with snapshots.moment():
        head = {"site": str(site), "epoch": str(epochs.current().uuid), "serial": _serial()}
        try:
            return head | {"schema": giving.schema()} | _shown(asked, transport)
        except ValueError:
            raise _unreadable() from None


def _serial() -> int:
    """How far this site is: a replica's own log may hold what it should not."""
    row = Following.objects.first()
    return epochs.newest_serial() if row is None else row.cursor


def _shown(asked: Mapping[str, str], transport: Transport) -> dict[str, Any]:
    if "from" in asked:
        page = trees.page(_number(asked["from"]))
        return {"chunks": [chunk.told for chunk in page.chunks], "next": page.next}
    if "versions" in asked:
        versions, after = trees.versions(_number(asked["versions"]))
        return {"versions": {str(number): version for number, version in versions.items()}, "next": after}
    if "chunks" in asked:
        numbers = [_number(text) for text in asked["chunks"].split(",")[: _MOST + 1]]
        if len(numbers) > _MOST:
            raise _unreadable()
        return {"chunks": [chunk.told for chunk in trees.chunks(numbers)]}
    if "chunk" in asked:
        found = trees.of_chunk(_number(asked["chunk"]))
        return {"projects": {str(key): list(digests) for key, digests in found.items()}}
    if "project" in asked:
        document = trees.document(_number(asked["project"]))
        return {"document": document.told if document else None}
    if "log" in asked:
        return {"log": Change.objects.count()}
    return {"table": _table(asked.get("table", ""), transport)}


def _number(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**48:
        raise _unreadable()
    return number


def _table(label: str, transport: Transport) -> dict[str, str]:
    table = places.BY_LABEL.get(label)
    if table is None:
        raise NotFound("There is no such table.", code="table-unknown")
    return giving.chunk_digests(table, transport)


def _unreadable() -> Invalid:
    return Invalid(f"Say what is to be compared; at most {_MOST} chunks are named at once.", code="wish-invalid")
