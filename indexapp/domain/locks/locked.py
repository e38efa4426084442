"""What ``poetry.lock`` and ``uv.lock`` have in common: a table for each package, with its name, version and source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indexapp.domain.locks import tables
from indexapp.domain.locks.tables import Table
from indexapp.domain.locks.wanted import Reading, Wanted, name_of, pin_of, shown


@dataclass(frozen=True, slots=True)
class Locked:
    """A package of a lock: ``place`` is the key of its table ``row``, ``source`` says where it comes from."""

    place: str
    name: str
    row: Table
    source: Table

    def wanted(self, *, filenames: frozenset[str], digests: frozenset[str], markers: tuple[str, ...]) -> Wanted:
        """It in its version."""
        specifier = pin_of(self.row.get("version"), f"{self.place}.version")
        return Wanted(
            name=self.name,
            specifier=specifier,
            digests=digests,
            filenames=filenames,
            markers=markers,
            place=self.place,
        )

    def note_left_out(self, reading: Reading, kind: object) -> None:
        """Say that it comes from elsewhere."""
        reading.note(f"'{self.name}' comes from {shown(kind)} and not from an index; it is left out.")


def packages(document: Table) -> Iterator[Locked]:
    """The packages of a lock; raises :class:`ListInvalid` with the key."""
    for place, row in tables.rows(document, "package"):
        name = name_of(row.get("name"), f"{place}.name")
        yield Locked(place, name, row, tables.table(row, "source", place))
