"""Naming what differs between a primary and its replica: only chunks whose digests differ are looked into."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from indexapp.domain.replication.trees import Document
from indexapp.models import File, NotHeld, WantedBlob
from indexapp.services.replication import places
from indexapp.services.replication.comparing import Side
from indexapp.services.replication.trees import FIELDS

_LONGEST = 200
_PATIENCE, _PAUSE = 5.0, 0.1
_SHA256, _METADATA = (FIELDS["file"].index(name) for name in ("sha256", "metadata_sha256"))
Values = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """``what`` is named in words; the values are those that differ, or None where the site has none of it."""

    index: str
    project: str
    what: str
    primary: Values
    replica: Values

    @property
    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """For people."""
        where = f"{self.index}/{self.project}: " if self.index else ""
        text = f"{where}{self.what}: {_said(self.primary)} at the primary, {_said(self.replica)} here"
        return "".join(each if each.isprintable() else " " for each in text)  # names come from the other site


def _said(values: Values) -> str:
    return "nothing" if values is None else ", ".join(f"{name}={value!r}" for name, value in values.items())


def of_projects(primary: Side, here: Side, numbers: Sequence[int]) -> Iterator[Difference]:
    """What differs in the projects of these chunks."""
    for theirs, ours in _documents(primary, here, numbers, 0):
        yield from _of_project(theirs, ours)


def of_bytes(primary: Side, here: Side, numbers: Sequence[int]) -> Iterator[Difference]:
    """Of these chunks the files whose bytes the primary has, and this site neither has nor waits for."""
    for theirs, ours in _documents(primary, here, numbers, 1):
        if theirs is None or ours is None:
            continue
        for filename, held in theirs.held.items():
            have = ours.held.get(filename, held)
            values = ours.files.get(filename, [])
            for place, name, at in ((_SHA256, "bytes of ", 0), (_METADATA, "metadata of ", 1)):
                is_lacking = held[at] and not have[at] and not WantedBlob.objects.filter(sha256=values[place]).exists()
                if is_lacking and not _is_left_out(ours.key, filename):
                    yield _difference(theirs, f"{name}{filename}", {"held": True}, {"held": False})


def _is_left_out(project: int, filename: str) -> bool:
    """Whether this site is not to have the bytes of the file."""
    files = File.objects.filter(project_id=project, filename=filename)
    return NotHeld.objects.filter(pk__in=files.values("pk")).exists()


def _documents(
    primary: Side, here: Side, numbers: Sequence[int], which: int
) -> Iterator[tuple[Document | None, Document | None]]:
    for number in numbers:
        theirs, ours = primary.ask(chunk=number)["projects"], here.ask(chunk=number)["projects"]
        for key in sorted(theirs.keys() | ours.keys(), key=int):
            if _at(theirs.get(key), which) != _at(ours.get(key), which):
                yield from _of_one_moment(primary, here, key)


def _of_one_moment(primary: Side, here: Side, key: str) -> Iterator[tuple[Document | None, Document | None]]:
    """Both documents while both sites stand at one serial; nothing where they do not for seconds."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        theirs, ours = primary.ask(project=key), here.ask(project=key)
        if theirs["serial"] == ours["serial"]:
            yield _document(theirs), _document(ours)
            return
        time.sleep(_PAUSE)


def _at(digests: Sequence[str] | None, which: int) -> str:
    return "" if digests is None else digests[which]


def _document(answer: Mapping[str, Any]) -> Document | None:
    told = answer["document"]
    return None if told is None else Document.of(told)


def _of_project(theirs: Document | None, ours: Document | None) -> Iterator[Difference]:
    named = theirs or ours
    if named is None:
        return  # both have lost it since
    if theirs is None or ours is None:
        there, here = ({"files": len(each.files)} if each else None for each in (theirs, ours))
        yield _difference(named, "project", there, here)
        return
    changed = _changed(theirs.project, ours.project)
    if changed[0]:
        yield _difference(named, "project", *changed)
    for what, one, other in (("release", theirs.releases, ours.releases), ("file", theirs.files, ours.files)):
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                values = (_values(what, each.get(name)) for each in (one, other))
                yield _difference(named, f"{what} {name}", *_changed(*values))


def _difference(named: Document, what: str, primary: Values, replica: Values) -> Difference:
    return Difference(str(named.project["index"]), str(named.project["normalized_name"]), what, primary, replica)


def _values(what: str, values: Sequence[Any] | None) -> Values:
    return None if values is None else dict(zip(FIELDS[what], values, strict=True))


def _changed(theirs: Values, ours: Values) -> tuple[Values, Values]:
    """Of both what is not the same; all that there is of it where one has none."""
    if theirs is None or ours is None:
        return _short(theirs), _short(ours)
    names = [name for name in theirs if theirs[name] != ours.get(name)]
    return _short({name: theirs[name] for name in names}), _short({name: ours.get(name) for name in names})


def _short(values: Values) -> Values:
    if values is None:
        return None
    return {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in values.items()}


def of_tables(primary: Side, here: Side) -> list[Difference]:
    """Which tables (people, rights, indexes, policy) differ, and in how many stretches of keys."""
    found = []
    for label in map(places.label, (table.model for table in places.TABLES)):
        theirs: Mapping[str, str] = primary.ask(table=label)["table"]
        ours: Mapping[str, str] = here.ask(table=label)["table"]
        stretches = sum(theirs.get(number) != ours.get(number) for number in theirs.keys() | ours.keys())
        if stretches:
            values = ({"stretches": len(each), "differing": stretches} for each in (theirs, ours))
            found.append(Difference("", "", f"table {label}", *values))
    return found


def of_log(primary: Side, here: Side) -> list[Difference]:
    """Whether both change logs have as many changes."""
    theirs, ours = primary.ask(log=1)["log"], here.ask(log=1)["log"]
    return [] if theirs == ours else [Difference("", "", "change log", {"changes": theirs}, {"changes": ours})]
