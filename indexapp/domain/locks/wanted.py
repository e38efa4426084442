"""What a list of requirements asks for, whatever wrote it, and the limits that all of them share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from indexapp.domain.names import is_valid_name, normalize_name
from tpi_site.kit.errors import Invalid

MOST_BYTES = 16 * 2**20
"""Of a list's text.  The lock of an application with 2,000 dependencies has about four."""
MOST_WANTED = 20_000
MOST_FILES = 5_000
"""That one package may name."""
_LONGEST_VERSION = 128
_LONGEST_SPECIFIER = 1000
_LONGEST_MARKER = 4000
_LONGEST_FILENAME = 300
_MOST_SHOWN = 60
_DIGEST = re.compile(r"[a-z0-9_]{2,16}:[0-9a-f]{32,256}\Z")


class ListInvalid(Invalid):
    """A list that cannot be read; the sentence begins with the line or the key where."""

    default_code = "list-invalid"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One name that is asked for.

    ``specifier`` is a PEP 440 specifier set, empty for any version.  ``digests`` (``algorithm:hex``) and ``filenames`` are
    those that will do, empty where all do.  ``markers`` are PEP 508 markers of which one must hold, empty for always.
    ``place`` says where in the list it stands.
    """

    name: str
    specifier: str = ""
    digests: frozenset[str] = frozenset()
    filenames: frozenset[str] = frozenset()
    markers: tuple[str, ...] = ()
    takes_prereleases: bool = False
    place: str = ""

    @property
    def is_pinned(self) -> bool:
        """Whether one version alone will do."""
        return any(
            each.operator in {"==", "==="} and not each.version.endswith(".*") for each in SpecifierSet(self.specifier)
        )

    def as_json(self) -> dict[str, Any]:
        """The form that is stored; :meth:`from_json` reads it."""
        return {
            "name": self.name,
            "specifier": self.specifier,
            "digests": sorted(self.digests),
            "filenames": sorted(self.filenames),
            "markers": list(self.markers),
            "takes_prereleases": self.takes_prereleases,
            "place": self.place,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Wanted:
        """What :meth:`as_json` wrote."""
        return cls(
            name=stored["name"],
            specifier=stored["specifier"],
            digests=frozenset(stored["digests"]),
            filenames=frozenset(stored["filenames"]),
            markers=tuple(stored["markers"]),
            takes_prereleases=stored["takes_prereleases"],
            place=stored["place"],
        )


@dataclass(slots=True)
class Reading:
    """What was read of a list: what it asks for, and in ``notes`` what of it was left out and why."""

    wanted: list[Wanted] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, wanted: Wanted) -> None:
        """Take one more, as far as the limit."""
        if len(self.wanted) >= MOST_WANTED:
            raise ListInvalid(f"{wanted.place}: The list asks for more than {MOST_WANTED} packages; divide it.")
        self.wanted.append(wanted)

    def note(self, sentence: str) -> None:
        """Say once that something was left out."""
        if sentence not in self.notes and len(self.notes) < MOST_WANTED:
            self.notes.append(sentence)


def name_of(text: object, place: str) -> str:
    """The normalised name."""
    if not isinstance(text, str) or not is_valid_name(text):
        raise ListInvalid(f"{place}: {shown(text)} is not a valid project name.")
    return normalize_name(text)


def specifier_of(text: str, place: str) -> str:
    """A specifier set in its usual spelling."""
    refusal = ListInvalid(f"{place}: {shown(text)} is not a version specifier.")
    if len(text) > _LONGEST_SPECIFIER:
        raise refusal
    try:
        return str(SpecifierSet(text))
    except ValueError:
        raise refusal from None


def pin_of(version: object, place: str) -> str:
    """The specifier of exactly this version."""
    if not isinstance(version, str) or not version or len(version) > _LONGEST_VERSION:
        raise ListInvalid(f"{place}: {shown(version)} is not a version.")
    return specifier_of(f"=={version}", place)


def marker_of(text: object, place: str) -> str:
    """A marker in its usual spelling."""
    refusal = ListInvalid(f"{place}: {shown(text)} is not an environment marker.")
    if not isinstance(text, str) or len(text) > _LONGEST_MARKER:
        raise refusal
    try:
        return str(Marker(text))
    except (ValueError, RecursionError):
        raise refusal from None


def digests_of(texts: Iterable[object], place: str) -> frozenset[str]:
    """``algorithm:hex`` of each, in lower case."""
    found: set[str] = set()
    for text in texts:
        digest = text.strip().lower() if isinstance(text, str) else ""
        if not _DIGEST.match(digest):
            raise ListInvalid(f"{place}: {shown(text)} is not a digest such as sha256:0123….")
        found.add(digest)
    return frozenset(found)


def filename_of(text: object, place: str) -> str:
    """A file's name, which is one segment of a path."""
    if not isinstance(text, str) or not text or len(text) > _LONGEST_FILENAME or not text.isprintable():
        raise ListInvalid(f"{place}: {shown(text)} is not the name of a file.")
    if "/" in text or "\\" in text:
        raise ListInvalid(f"{place}: {shown(text)} has a separator of folders in it.")
    return text


def shown(value: object) -> str:
    """The value as a sentence quotes it: ASCII, and not long."""
    text = ascii(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
