"""What a primary gives: a batch of changes, and what they are about as it is now, all of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from accounts.models import Generation
from accounts.services.generations import ACCESS, POLICY, TABLES
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.replication.rows import CHUNK, as_line, as_lines, digest
from indexapp.domain.replication.transport import Transport
from indexapp.models import Change, File, Project
from indexapp.services.replication import columns, epochs, places, promising, snapshots
from indexapp.services.replication.columns import Row
from indexapp.services.replication.places import Table
from tpi_site.kit.errors import Invalid

FORMAT = 1
GENERATIONS = (ACCESS, POLICY, TABLES)
_MOST_CHANGES = 1000
_MOST_PROJECTS = 200
_MOST_FILES = 4000
"""Files of a batch's projects, after which no further project is begun."""
_MOST_KEY = 2**63
_MOST_TABLES = 16 * 1024 * 1024
"""Bytes of chunks, after which no further chunk of a large table is begun."""
_TOUCH_TABLES = frozenset(
    kind.value
    for kind in ChangeKind
    if kind.value.startswith("index-") or kind.value.endswith(("-deleted", "-restored", "-purged", "-changed"))
)
"""Changes with which tables change that no generation tells of."""
COUNTERS = tuple(table for table in places.TABLES if table.is_counter)
Digests = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Wish:
    """What a follower asks for.

    ``also`` are projects (index and name) that it wants whatever the changes say.  ``digests`` are those of its tables, by
    label and chunk; without them a batch that would need them is empty and says so.  ``counters`` are those of the tables that
    move with every upload.
    """

    since: int
    epoch: UUID
    generations: Mapping[str, int] = field(default_factory=dict)
    also: Sequence[tuple[int, str]] = ()
    digests: Digests | None = None
    counters: Digests = field(default_factory=dict)


def generations() -> dict[str, int]:
    """The counters that tell of tables."""
    found = dict(Generation.objects.filter(name__in=GENERATIONS).values_list("name", "value"))
    return {name: found.get(name, 0) for name in GENERATIONS}


def schema() -> str:
    """By which both sides see that their columns are the same."""
    return digest([{places.label(model): columns.schema(model)} for model in places.replicated()])


def batch(wish: Wish, transport: Transport) -> list[bytes]:
    """The lines of a batch; refuses a follower whose past is not ours (``epoch-unknown``)."""
    site, _ = epochs.site(), epochs.current()  # both may be made now, which a snapshot could not
    with snapshots.moment():
        epochs.require_known(wish.epoch, wish.since)
        return list(_lines(wish, transport, site))


def _lines(wish: Wish, transport: Transport, site: UUID) -> Iterator[bytes]:
    changes = _changes(wish.since)
    touched, upto = _touched(changes, wish.also)
    upto = max(upto, wish.since)
    newest, now = epochs.newest_serial(), generations()
    needs_tables = now != dict(wish.generations) or any(change["kind"] in _TOUCH_TABLES for change in changes)
    is_asking = needs_tables and wish.digests is None
    head = {
        "format": FORMAT,
        "site": str(site),
        "schema": schema(),
        "epoch": str(epochs.current().uuid),
        "upto": wish.since if is_asking else upto,
        "newest": newest,
        "generations": now,
        "asks_for_digests": is_asking,
    }
    yield as_line({"head": head})
    is_whole = True
    if not is_asking:
        for change in changes:
            if change["serial"] <= upto:
                yield as_line({"change": change})
        yield from _projects(touched, transport)
        cut: list[bool] = []
        if wish.digests is not None:
            yield from _tables(places.TABLES, wish.digests, transport, cut)
        elif wish.counters:
            yield from _tables(COUNTERS, wish.counters, transport, cut)
        is_whole = not cut
    yield as_line({"end": {"upto": head["upto"], "compared": wish.digests is not None and is_whole}})


def _changes(since: int) -> list[Row]:
    later = Change.objects.filter(serial__gt=since).order_by("serial")
    serials = list(later.values_list("serial", flat=True)[:_MOST_CHANGES])
    return list(columns.read(later.filter(serial__lte=serials[-1]), Change)) if serials else []


def _touched(changes: Sequence[Row], also: Sequence[tuple[int, str]]) -> tuple[dict[tuple[int, str], int | None], int]:
    """The projects of a batch by index and name, with their keys, and the serial that it goes up to.

    A project that a later batch will touch comes with that one.  Its own serial tells whether one will: where no change has it,
    it is that of a deletion beside it, and nothing of its own follows.
    """
    if not changes and not also:
        return {}, 0
    last = changes[-1]["serial"] if changes else 0
    wanted = {(change["index_id"], change["project"]) for change in changes if change["project"]} | set(also)
    beside = _beside(changes)
    known = _known(wanted | beside)
    later = _told_of([serial for _, serial, _ in known.values() if serial > last])
    found: dict[tuple[int, str], int | None] = {}
    files, upto = 0, 0
    for name in (*also, *sorted(beside)):
        found[name] = known[name][0] if name in known else None
    for change in changes:
        name = (change["index_id"], change["project"])
        if change["project"] and name not in found:
            key, serial, count = known.get(name, (None, 0, 0))
            if found and (len(found) >= _MOST_PROJECTS + len(also) + len(beside) or files + count > _MOST_FILES):
                return found, upto
            if (serial, *name) not in later:
                found[name] = key
                files += count
        upto = change["serial"]
    return found, upto


def _beside(changes: Sequence[Row]) -> set[tuple[int, str]]:
    """The projects that had their serial from the deletion of one of their name beside them."""
    deletions = [each["serial"] for each in changes if each["kind"] == ChangeKind.PROJECT_DELETED.value]
    return {
        name
        for serials in _portions(deletions)
        for name in Project.objects.filter(last_serial__in=serials).values_list("index_id", "normalized_name")
    }


def _told_of(serials: Sequence[int]) -> set[tuple[int, int, str]]:
    """Those of these serials of which a change tells, with the index and the project of each."""
    return {
        each
        for portion in _portions(serials)
        for each in Change.objects.filter(serial__in=portion).values_list("serial", "index_id", "project")
    }


def _known(wanted: set[tuple[int, str]]) -> dict[tuple[int, str], tuple[int | None, int, int]]:
    """Key, last serial and number of files by index and name."""
    indexes = {index for index, _ in wanted}
    found: dict[tuple[int, str], tuple[int | None, int, int]] = {}
    for names in _portions(sorted({name for _, name in wanted})):
        rows = Project.objects.filter(index_id__in=indexes, normalized_name__in=names).order_by()
        listed = rows.values_list("index_id", "normalized_name", "pk", "last_serial")
        counts = dict(
            File.objects.filter(project__index_id__in=indexes, project__normalized_name__in=names)
            .order_by()
            .values_list("project_id")
            .annotate(Count("pk"))
        )
        for index, name, key, serial in listed:
            if (index, name) in wanted:
                found[index, name] = (key, serial, counts.get(key, 0))
    return found


def _portions(names: Sequence[Any], size: int = 400) -> Iterator[Sequence[Any]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _projects(touched: Mapping[tuple[int, str], int | None], transport: Transport) -> Iterator[bytes]:
    for (index, name), key in touched.items():
        yield as_line({"project": [index, name, key]})
    keys = [key for key in touched.values() if key is not None]
    for part in places.OF_PROJECT:
        for portion in _portions(keys):
            rows = part.model._default_manager.filter(**{f"{part.path}__in": portion})
            read = columns.read(rows, part.model)
            found = promising.promised(read) if part.model is File else read
            yield from as_lines(places.label(part.model), (columns.sent(part.model, row, transport) for row in found))


def chunk_digests(table: Table, transport: Transport) -> dict[str, str]:
    """The digests of a table's chunks, by number."""
    found: dict[str, str] = {}
    chunk: list[dict[str, Any]] = []
    number = -1
    for row in columns.read(table.model._default_manager.all(), table.model, only=table.version):
        at = columns.key_of(table.model, row) // CHUNK
        if at != number and chunk:
            found[str(number)] = digest(chunk)
            chunk = []
        number = at
        chunk.append(columns.marked(table.model, row, transport))
    if chunk:
        found[str(number)] = digest(chunk)
    return found


def in_chunk(number: int) -> Q:
    """The rows of a chunk."""
    return Q(pk__gte=number * CHUNK, pk__lt=(number + 1) * CHUNK)


def _tables(tables: Iterable[Table], theirs: Digests, transport: Transport, cut: list[bool]) -> Iterator[bytes]:
    """The chunks that differ; ``cut`` is told where some were left for the next batch."""
    given = 0
    for table in tables:
        label = places.label(table.model)
        ours, known = chunk_digests(table, transport), theirs.get(label, {})
        differing = {int(number) for number in ours.keys() | known.keys() if ours.get(number) != known.get(number)}
        for number in sorted(differing):
            if table.is_large and given > _MOST_TABLES:
                cut.append(True)
                return
            rows = table.model._default_manager.filter(in_chunk(number))
            sent = [columns.sent(table.model, row, transport) for row in columns.read(rows, table.model)]
            line = as_line({"chunk": [label, number, sent]})
            given += len(line)
            yield line


def wish_of(body: Any) -> Wish:
    """What the JSON of a request asks for; refuses what is none."""
    try:
        digests, counters = body.get("digests"), body.get("counters", {})
        return Wish(
            since=_number(body["since"]),
            epoch=UUID(body["epoch"]),
            generations={str(name): int(value) for name, value in body.get("generations", {}).items()},
            also=[(_number(index), _sayable(name)) for index, name in body.get("also", [])],
            digests=None if digests is None else _digests(digests),
            counters=_digests(counters),
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise Invalid("The body does not say since when and of which epoch.", code="wish-invalid") from None


def _number(said: Any) -> int:
    """One that a row can hold; raises ValueError."""
    number = int(said)
    if not 0 <= number < _MOST_KEY:
        raise ValueError(said)
    return number


def _sayable(said: Any) -> str:
    """A name that a database can be asked for; raises ValueError."""
    name = str(said)
    if "\0" in name:
        raise ValueError(said)
    name.encode()
    return name


def _digests(said: Any) -> Digests:
    return {
        str(label): {str(_number(number)): str(digest) for number, digest in chunks.items()}
        for label, chunks in said.items()
    }
